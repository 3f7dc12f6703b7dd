//! Arm MPS2 with the AN386 image: Cortex-M4F.
#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_rt::entry;
use shatterscope_firmware::{Memory, SPECS};

/// Sixteen sums and a column of each operand fit the FPU's 32 registers.
const ROWS: usize = 4;
const TILE: usize = 4;
const MEMORY: Memory = Memory::of(&SPECS, TILE);

#[entry]
fn main() -> ! {
    let floats = singleton!(: [f32; MEMORY.floats] = [0.0; MEMORY.floats]).expect("main runs once");
    let tape = singleton!(: [u8; MEMORY.tape] = [0; MEMORY.tape]).expect("main runs once");
    shatterscope_platform::run::<ROWS, TILE>(&SPECS, floats, tape)
}
