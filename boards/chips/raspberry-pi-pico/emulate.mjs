// The program of the Pico, built with the feature `uart`, in the emulator rp2040js (npm install rp2040js@1.4.1): frames of
// UART0 on standard input and output.
//
//     node emulate.mjs FOLDER_OF_NODE_MODULES PROGRAM
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";

const [modules, program] = process.argv.slice(2);
const { Simulator, ConsoleLogger, LogLevel } = createRequire(resolve(modules) + "/")("rp2040js");

// Where the flash begins, and the bytes of the second boot stage before the program.
const facts = readFileSync(new URL("board.toml", import.meta.url), "utf8");
const fact = (key) => Number(new RegExp(`^${key} = (\\w+)$`, "m").exec(facts)[1].replaceAll("_", ""));
const FLASH = fact("origin");
const VECTORS = FLASH + fact("boot");

const simulator = new Simulator();
const chip = simulator.rp2040;
chip.logger = new ConsoleLogger(LogLevel.Error);

// Every segment that is to be loaded, at its physical address. There is no boot ROM: its work is done below.
const elf = readFileSync(program);
const view = new DataView(elf.buffer, elf.byteOffset, elf.length);
const [headers, size, count] = [view.getUint32(28, true), view.getUint16(42, true), view.getUint16(44, true)];
for (let i = 0; i < count; i++) {
  const at = headers + i * size;
  const [type, offset, , physical, length] = [0, 4, 8, 12, 16].map((field) => view.getUint32(at + field, true));
  if (type === 1 && length > 0) {
    chip.flash.set(elf.subarray(offset, offset + length), physical - FLASH);
  }
}
const word = (address) => new DataView(chip.flash.buffer, chip.flash.byteOffset).getUint32(address - FLASH, true);
chip.core.VTOR = VECTORS;
chip.core.SP = word(VECTORS);
chip.core.PC = word(VECTORS + 4) & ~1;

// What the emulator's UART lacks: the register that says whether DMA is used (it is not), and the end of an interrupt. It
// transmitter's interrupt whenever nothing is being sent, for ever; the chip does so once, when what was sent has left.
const [DMA_CONTROL, TRANSMITTED] = [0x48, 1 << 5];
const uart = chip.uart[0];
const read = uart.readUint32.bind(uart);
uart.readUint32 = (offset) => (offset === DMA_CONTROL ? 0 : read(offset));
uart.checkInterrupts = () => chip.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
let sent = [];
uart.onByte = (byte) => {
  uart.interruptStatus |= TRANSMITTED;
  uart.checkInterrupts();
  sent.push(byte);
  if (byte === 0) {
    writeSync(1, Uint8Array.from(sent));
    sent = [];
  }
};

// The receiver holds 32 bytes; the firmware empties it in an interrupt.
const waiting = [];
const feed = () => {
  for (let i = 0; i < 8 && waiting.length > 0; i++) {
    uart.feedByte(waiting.shift());
  }
  if (waiting.length > 0) {
    setTimeout(feed, 0);
  }
};
process.stdin.on("data", (bytes) => {
  waiting.push(...bytes);
  feed();
});
process.stdin.on("end", () => process.exit(0));
simulator.execute();
