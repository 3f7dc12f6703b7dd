/// What a call of [`Run::step`](super::Run::step) came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// There is more to do; multiply-adds done so far.
    Pending(u64),
    /// Outputs and gradient are complete.
    Done,
}

impl Step {
    /// Whether the run is complete.
    pub fn is_done(self) -> bool {
        self == Step::Done
    }
}
