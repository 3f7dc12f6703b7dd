// Runs the firmware under node: `node run.mjs MODULE.wasm`, frames on standard input and output.
import { readFileSync, readSync, writeSync } from "node:fs";

const wait = new Int32Array(new SharedArrayBuffer(4));

// Standard streams may be non-blocking; a few milliseconds later there is something, or room.
function patiently(work) {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (error.code === "EOF" || error.code === "EPIPE") return 0;
      if (error.code !== "EAGAIN") {
        console.error(`run.mjs: ${error.message}`);
        return -1;
      }
      Atomics.wait(wait, 0, 0, 2);
    }
  }
}

let memory;
const bytes = (at, len) => new Uint8Array(memory.buffer, at, len);
const host = {
  read: (to, len) => patiently(() => readSync(0, bytes(to, len))),
  write: (from, len) => patiently(() => writeSync(1, bytes(from, len))),
};

try {
  const module = new WebAssembly.Module(readFileSync(process.argv[2]));
  const { exports } = new WebAssembly.Instance(module, { host });
  memory = exports.memory;
  process.exitCode = exports.run();
} catch (error) {
  console.error(`run.mjs: ${error.message}`);
  process.exitCode = 1;
}
