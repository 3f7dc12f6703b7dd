use shatterscope::Pass;

/// Measures how long a run took.
pub trait Clock {
    /// Begins a measurement.
    fn start(&mut self);

    /// Ticks since the last start; None where nothing on the chip counts.
    fn stop(&mut self) -> Option<u64>;

    /// An operation ends while the measurement goes on: ticks since the start. None where the clock cannot be read then, or
    /// where somebody outside of the chip reads it.
    fn mark(&mut self, _pass: Pass, _operation: u32) -> Option<u64> {
        None
    }
}

/// For boards on which nothing counts.
#[derive(Clone, Copy, Debug)]
pub struct NoClock;

impl Clock for NoClock {
    fn start(&mut self) {}

    fn stop(&mut self) -> Option<u64> {
        None
    }
}
