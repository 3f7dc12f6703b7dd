//! What a chip gives the firmware: frames and logs over RTT (or frames over an UART), a clock, a lamp, a painted stack.
//!
//! A board's `main` starts its HAL and calls [`run`]. Panics and faults are logged, and a stack that has run out is named; the debug
//! probe then sees the core halted.
#![no_std]

mod active_low;
mod clock;
mod fault;
mod rtt;

pub use active_low::ActiveLow;
#[cfg(not(armv6m))]
pub use clock::Cycles;
pub use clock::Micros;
pub use embassy_time::Delay;
pub use rtt::{Rtt, logs_and_frames};
pub use shatterscope_firmware::device::{
    Board, Clock, InFlash, Keep, NoClock, NoDelay, NoFlash, NoPin, Status, Transport,
};
#[doc(hidden)]
pub use static_cell;

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use panic_probe as _;
use shatterscope_firmware::device::Device;
use shatterscope_firmware::serve;
use shatterscope_paint::Painted;

/// Serves requests for ever, with a register tile of R rows by T points.
pub fn run<const R: usize, const T: usize>(
    board: Board,
    bytes: impl Transport,
    clock: impl Clock,
    status: Status<impl OutputPin, impl OutputPin, impl DelayNs>,
    flash: impl Keep,
    arena: &mut [f32],
) -> ! {
    shatterscope_guard::guard();
    let mut device = Device { board, bytes, clock, stack: Painted::new(), status, flash };
    loop {
        let end = serve::<R, T, _, _, _, _, _, _, _>(&mut device, arena);
        defmt::error!("{}: the transport ended ({}), serving anew", device.board.name, end);
    }
}

/// `ARENA`: so many bytes that runs may use.
#[macro_export]
macro_rules! arena {
    ($bytes:expr) => {
        static ARENA: $crate::static_cell::ConstStaticCell<[f32; $bytes / 4]> =
            $crate::static_cell::ConstStaticCell::new([0.0; $bytes / 4]);
    };
}
