//! Provides what the firmware needs from a chip: frames and logs over RTT (or frames over an UART), a clock, a LED, a painted stack.
//!
//! A board's `main` starts its HAL and calls [`Setup::run`], most through the package of its family (`nrf-support`, `rp-support`,
//! `stm32-support`). Panics and faults are logged, and a stack that has run out is named; the debug
//! probe then sees the core halted.
#![no_std]

mod active_low;
mod clock;
mod fault;
mod rtt;

pub use active_low::ActiveLow;
#[cfg(not(armv6m))]
pub use clock::Cycles;
pub use clock::{Micros, clock, core_peripherals};
pub use cortex_m;
pub use cortex_m_rt::entry;
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
use shatterscope_stack_paint::Painted;

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

/// The facts and the memory of a board, which its build script made from `board.toml`, with a register tile of R rows by T points.
#[derive(Debug)]
pub struct Setup<const R: usize, const T: usize> {
    /// Goes into every `Hello`.
    pub board: Board,
    /// Offset of the two slots for the state of a training in the flash, and bytes of each.
    pub slots: (u32, u32),
    /// The memory for runs.
    pub arena: &'static mut [f32],
}

impl<const R: usize, const T: usize> Setup<R, T> {
    /// The two slots in the chip's flash, which the memory map leaves alone.
    pub fn slots_in<F>(&self, flash: F) -> InFlash<F> {
        let (at, len) = self.slots;
        InFlash { flash, at, len }
    }

    /// Serves requests for ever.
    #[inline(always)]
    pub fn run(
        self,
        bytes: impl Transport,
        clock: impl Clock,
        status: Status<impl OutputPin, impl OutputPin, impl DelayNs>,
        flash: impl Keep,
    ) -> ! {
        run::<R, T>(self.board, bytes, clock, status, flash, self.arena)
    }
}

/// The module `facts` of a board's program: the constants from its `board.toml`, the arena, and `setup()`, which may be called once.
#[macro_export]
macro_rules! facts {
    () => {
        // Not every board uses each constant.
        #[allow(dead_code)]
        mod facts {
            use $crate::Board;
            include!(concat!(env!("OUT_DIR"), "/board.rs"));

            static ARENA: $crate::static_cell::ConstStaticCell<[f32; ARENA_BYTES / 4]> =
                $crate::static_cell::ConstStaticCell::new([0.0; ARENA_BYTES / 4]);

            #[inline(always)]
            pub fn setup() -> $crate::Setup<ROWS, TILE> {
                $crate::Setup { board: BOARD, slots: (SLOTS_AT, SLOT), arena: ARENA.take() }
            }
        }
    };
}
