//! What the boards with an STM32 share: the flash, pins, a UART behind interrupts. Clocks and pins are the boards'.
#![no_std]

#[cfg(feature = "uart")]
mod uart;

use embassy_stm32::Peri;
use embassy_stm32::flash::Flash;
use embassy_stm32::gpio::{Level, Output, Pin, Speed};
use embassy_stm32::peripherals::FLASH;
pub use shatterscope_chip_support::cortex_m::Peripherals;
use shatterscope_chip_support::{Delay, clock};

// The implementation of critical sections.
use cortex_m as _;
pub use shatterscope_chip_support::{
    NoClock, NoDelay, NoFlash, NoPin, Setup, Status, Transport, core_peripherals, entry, facts, logs_and_frames,
};
#[cfg(feature = "uart")]
pub use uart::open as open_uart;

/// LED and timing pin, dark and low.
pub fn outputs(
    led: Peri<'static, impl Pin>,
    timing: Peri<'static, impl Pin>,
) -> Status<Output<'static>, Output<'static>, Delay> {
    let led = Output::new(led, Level::Low, Speed::Low);
    Status { led, timing: Output::new(timing, Level::Low, Speed::High), delay: Delay }
}

/// Serves requests for ever.
#[inline(always)]
pub fn serve<const R: usize, const T: usize>(
    setup: Setup<R, T>,
    mut core: Peripherals,
    frames: impl Transport,
    status: Status<Output<'static>, Output<'static>, Delay>,
    flash: Peri<'static, FLASH>,
) -> ! {
    let clock = clock(&setup.board, &mut core);
    let flash = setup.slots_in(Flash::new_blocking(flash));
    setup.run(frames, clock, status, flash)
}
