/// Measures how long a run took.
pub trait Clock {
    /// Begins a measurement.
    fn start(&mut self);

    /// Ticks since the last start; None where nothing on the chip counts.
    fn stop(&mut self) -> Option<u64>;
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
