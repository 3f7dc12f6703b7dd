//! Raspberry Pi Pico 2: Cortex-M33 at 150 MHz. Lamp: GP25. Timing pin: GP2.
#![no_std]
#![no_main]

#[cfg(feature = "uart")]
mod uart;

use cortex_m_rt::entry;
use embassy_rp::flash::Flash;
use embassy_rp::gpio::{Level, Output};
use shatterscope_silicon::{Board, Cycles, Delay, InFlash, Status, arena, logs_and_frames, run};

const HERTZ: u32 = 150_000_000;

const BOARD: Board = Board {
    name: "raspberry-pi-pico-2",
    core: "Cortex-M33",
    fpu: true,
    clock: HERTZ,
    flash: 4096 << 10,
    ram: 520 << 10,
};

arena!(500 << 10);

#[entry]
fn main() -> ! {
    let frames = logs_and_frames();
    let p = embassy_rp::init(Default::default());
    let Some(mut core) = cortex_m::Peripherals::take() else { defmt::panic!("main is entered once") };
    let clock = Cycles::new(HERTZ, &mut core.DCB, &mut core.DWT);
    let lamp = Output::new(p.PIN_25, Level::Low);
    let timing = Output::new(p.PIN_2, Level::Low);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        uart::open(p.UART0, p.PIN_0, p.PIN_1)
    };
    // Behind what the linker may use.
    let flash = Flash::<_, _, { 4096 << 10 }>::new_blocking(p.FLASH);
    let flash = InFlash { flash, at: 3072 << 10, len: 512 << 10 };
    let status = Status { lamp, timing, delay: Delay };
    run::<4, 4>(BOARD, frames, clock, status, flash, ARENA.take())
}
