//! What the Raspberry Pi Picos share, which is all but their chip. LED: GP25. Timing pin: GP2.
#![no_std]

#[cfg(feature = "uart")]
mod uart;

use embassy_rp::flash::Flash;
use embassy_rp::gpio::{Level, Output};
use shatterscope_chip_support::{Delay, Setup, Status, clock, core_peripherals, logs_and_frames};

pub use shatterscope_chip_support::{entry, facts};

/// The `main` of a board with FLASH bytes of flash: starts the chip and serves requests for ever.
#[inline(always)]
pub fn serve<const R: usize, const T: usize, const FLASH: usize>(setup: Setup<R, T>) -> ! {
    let frames = logs_and_frames();
    let p = embassy_rp::init(Default::default());
    let clock = clock(&setup.board, &mut core_peripherals());
    let led = Output::new(p.PIN_25, Level::Low);
    let timing = Output::new(p.PIN_2, Level::Low);
    #[cfg(feature = "uart")]
    let frames = {
        let _ = frames;
        uart::open(p.UART0, p.PIN_0, p.PIN_1)
    };
    let flash = setup.slots_in(Flash::<_, _, FLASH>::new_blocking(p.FLASH));
    setup.run(frames, clock, Status { led, timing, delay: Delay }, flash)
}
