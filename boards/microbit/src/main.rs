//! BBC micro:bit: Cortex-M0, floats in software, 16 KiB of memory.
#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_rt::entry;
use shatterscope_firmware::{Memory, SPECS};

/// Eight registers and no FPU: there is nothing to keep a wider tile in.
const ROWS: usize = 1;
const TILE: usize = 1;
const MEMORY: Memory = Memory::of(&SPECS, TILE);

#[entry]
fn main() -> ! {
    let floats = singleton!(: [f32; MEMORY.floats] = [0.0; MEMORY.floats]).expect("main runs once");
    let tape = singleton!(: [u8; MEMORY.tape] = [0; MEMORY.tape]).expect("main runs once");
    shatterscope_platform::run::<ROWS, TILE>(&SPECS, floats, tape)
}
