//! Raspberry Pi Pico: Cortex-M0+ at 125 MHz, floats in software. Lamp: GP25. Timing pin: GP2.
#![no_std]
#![no_main]

#[cfg(feature = "uart")]
mod uart;

use cortex_m_rt::entry;
use embassy_rp::flash::Flash;
use embassy_rp::gpio::{Level, Output};
use shatterscope_silicon::{Board, Delay, InFlash, Micros, Status, arena, logs_and_frames, run};

const BOARD: Board = Board {
    name: "raspberry-pi-pico",
    core: "Cortex-M0+",
    fpu: false,
    clock: 1_000_000,
    flash: 2048 << 10,
    ram: 264 << 10,
};

arena!(248 << 10);

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = embassy_rp::init(Default::default());
    let lamp = Output::new(p.PIN_25, Level::Low);
    let timing = Output::new(p.PIN_2, Level::Low);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        uart::open(p.UART0, p.PIN_0, p.PIN_1)
    };
    // Behind what the linker may use.
    let flash = Flash::<_, _, { 2048 << 10 }>::new_blocking(p.FLASH);
    let flash = InFlash { flash, at: 1536 << 10, len: 256 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<1, 1>(BOARD, frames, Micros::new(), status, flash, ARENA.take())
}
