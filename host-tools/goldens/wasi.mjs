// Runs a program for wasm32-wasip1 under node: `node --no-warnings wasi.mjs PROGRAM.wasm [ARGUMENT..]`, with the files of this machine.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [program, ...rest] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [program, ...rest], env: process.env, preopens: { "/": "/" } });
try {
  const module = new WebAssembly.Module(readFileSync(program));
  process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
} catch (error) {
  console.error(`wasi.mjs: ${error.stack}`);
  process.exitCode = 1;
}
