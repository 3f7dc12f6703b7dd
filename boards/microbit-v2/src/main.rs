//! micro:bit v2: Cortex-M4F at 64 MHz. Lamp: the upper left LED (row P0.21, column P0.28). Timing pin: ring 0 (P0.02).
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::nvmc::Nvmc;
use shatterscope_silicon::{Board, Cycles, Delay, InFlash, Status, arena, logs_and_frames, run};

const HERTZ: u32 = 64_000_000;

const BOARD: Board =
    Board { name: "microbit-v2", core: "Cortex-M4F", fpu: true, clock: HERTZ, flash: 512 << 10, ram: 128 << 10 };

arena!(112 << 10);

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = embassy_nrf::init(Default::default());
    let Some(mut core) = cortex_m::Peripherals::take() else { defmt::panic!("main is entered once") };
    let clock = Cycles::new(HERTZ, &mut core.DCB, &mut core.DWT);
    let _column = Output::new(p.P0_28, Level::Low, OutputDrive::Standard);
    let lamp = Output::new(p.P0_21, Level::Low, OutputDrive::Standard);
    let timing = Output::new(p.P0_02, Level::Low, OutputDrive::Standard);
    // Behind what the linker may use.
    let flash = InFlash { flash: Nvmc::new(p.NVMC), at: 288 << 10, len: 112 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<4, 4>(BOARD, frames, clock, status, flash, ARENA.take())
}
