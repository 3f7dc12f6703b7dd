//! What the boards with an nRF52 share: frames over RTT, the flash controller, pins. Their HAL has no UART with a buffer behind interrupts
//! unless an executor runs.
#![no_std]

// The implementation of critical sections.
use cortex_m as _;
use embassy_nrf::Peri;
use embassy_nrf::gpio::{Level, OutputDrive, Pin};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::peripherals::NVMC;
use embedded_hal::digital::OutputPin;

pub use embassy_nrf::gpio::Output;
pub use embassy_nrf::init;
pub use shatterscope_chip_support::{ActiveLow, Setup, entry, facts, logs_and_frames};
use shatterscope_chip_support::{Delay, Rtt, Status, clock, core_peripherals};

/// A pin that is an output, low at first.
pub fn low(pin: Peri<'static, impl Pin>) -> Output<'static> {
    Output::new(pin, Level::Low, OutputDrive::Standard)
}

/// A pin that is an output, high at first.
pub fn high(pin: Peri<'static, impl Pin>) -> Output<'static> {
    Output::new(pin, Level::High, OutputDrive::Standard)
}

/// Serves requests for ever.
#[inline(always)]
pub fn serve<const R: usize, const T: usize>(
    setup: Setup<R, T>,
    frames: Rtt,
    nvmc: Peri<'static, NVMC>,
    led: impl OutputPin,
    timing: impl OutputPin,
) -> ! {
    let clock = clock(&setup.board, &mut core_peripherals());
    let flash = setup.slots_in(Nvmc::new(nvmc));
    setup.run(frames, clock, Status { led, timing, delay: Delay }, flash)
}
