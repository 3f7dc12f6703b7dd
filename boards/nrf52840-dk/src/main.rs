//! nRF52840 DK: Cortex-M4F at 64 MHz. Lamp: LED1 (P0.13). Timing pin: P1.01 (D0).
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::nvmc::Nvmc;
use shatterscope_silicon::{ActiveLow, Board, Cycles, Delay, InFlash, Status, arena, logs_and_frames, run};

const HERTZ: u32 = 64_000_000;

const BOARD: Board =
    Board { name: "nrf52840-dk", core: "Cortex-M4F", fpu: true, clock: HERTZ, flash: 1024 << 10, ram: 256 << 10 };

arena!(240 << 10);

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = embassy_nrf::init(Default::default());
    let Some(mut core) = cortex_m::Peripherals::take() else { defmt::panic!("main is entered once") };
    let clock = Cycles::new(HERTZ, &mut core.DCB, &mut core.DWT);
    let lamp = ActiveLow(Output::new(p.P0_13, Level::High, OutputDrive::Standard));
    let timing = Output::new(p.P1_01, Level::Low, OutputDrive::Standard);
    // Behind what the linker may use.
    let flash = InFlash { flash: Nvmc::new(p.NVMC), at: 512 << 10, len: 256 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<4, 4>(BOARD, frames, clock, status, flash, ARENA.take())
}
