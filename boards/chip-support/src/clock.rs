use cortex_m::Peripherals;
use embassy_time::Instant;
use shatterscope::Pass;
use shatterscope_firmware::device::{Board, Clock};

/// The core's own peripherals. To be called once: a second call panics.
#[inline(always)]
pub fn core_peripherals() -> Peripherals {
    match Peripherals::take() {
        Some(core) => core,
        None => defmt::panic!("main is entered once"),
    }
}

/// The clock that measures runs: cycles where the core counts them, or microseconds.
#[cfg(not(armv6m))]
#[inline(always)]
pub fn clock(board: &Board, core: &mut Peripherals) -> impl Clock + use<> {
    Cycles::new(board.clock, &mut core.DCB, &mut core.DWT)
}

/// The clock that measures runs: cycles where the core counts them, or microseconds.
#[cfg(armv6m)]
#[inline(always)]
pub fn clock(_: &Board, _: &mut Peripherals) -> impl Clock + use<> {
    Micros::new()
}

/// Microseconds of the HAL's timer: for cores that do not count their cycles.
#[derive(Clone, Copy, Debug)]
pub struct Micros(Instant);

impl Micros {
    /// Stopped.
    pub fn new() -> Self {
        Self(Instant::from_ticks(0))
    }
}

impl Default for Micros {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Micros {
    fn start(&mut self) {
        self.0 = Instant::now();
    }

    fn stop(&mut self) -> Option<u64> {
        Some(self.0.elapsed().as_micros())
    }

    fn mark(&mut self, _: Pass, _: u32) -> Option<u64> {
        self.stop()
    }
}

#[cfg(not(armv6m))]
pub use cycles::Cycles;

#[cfg(not(armv6m))]
mod cycles {
    use super::{Clock, Instant, Pass};
    use cortex_m::peripheral::{DCB, DWT};

    /// Cycles of the core. Its counter has 32 bits and turns over within a minute: the HAL's timer says how often it did.
    pub struct Cycles {
        /// Cycles a second.
        hertz: u32,
        start: (Instant, u32),
    }

    impl Cycles {
        /// Lets the counter run; `hertz` is the core's clock.
        pub fn new(hertz: u32, dcb: &mut DCB, dwt: &mut DWT) -> Self {
            dcb.enable_trace();
            #[cfg(armv7em)]
            DWT::unlock();
            dwt.enable_cycle_counter();
            Self { hertz, start: (Instant::now(), DWT::cycle_count()) }
        }
    }

    impl Clock for Cycles {
        fn start(&mut self) {
            self.start = (Instant::now(), DWT::cycle_count());
        }

        fn stop(&mut self) -> Option<u64> {
            let low = DWT::cycle_count().wrapping_sub(self.start.1);
            let about = self.start.0.elapsed().as_micros().saturating_mul(self.hertz as u64) / 1_000_000;
            Some(nearest(about, low))
        }

        fn mark(&mut self, _: Pass, _: u32) -> Option<u64> {
            self.stop()
        }
    }

    /// The number nearest to `about` whose low word is `low`.
    fn nearest(about: u64, low: u32) -> u64 {
        let ahead = low.wrapping_sub(about as u32) as i32;
        about.saturating_add_signed(ahead as i64)
    }
}
