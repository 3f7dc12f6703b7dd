/// A state that lies whole in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Held {
    /// The number of its save.
    pub sequence: u32,
    /// Parameters.
    pub parameters: u32,
    /// Running statistics.
    pub running: u32,
    /// Floats of the optimiser's state.
    pub state: u32,
}

/// What lies in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Content {
    /// Nothing: erased.
    Empty,
    /// A state that was cut off or has decayed, or what was never one.
    Damaged,
    /// A state of another version of the format.
    Format(u32),
    /// A state under another numeric contract.
    Contract,
    /// A state of another network or of other settings.
    Tag(u64),
    /// A state.
    Whole(Held),
}
