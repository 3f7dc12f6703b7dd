use super::Held;

/// Why a state cannot be saved or taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotError<E> {
    /// The flash wrote, read or erased not as asked.
    Flash(E),
    /// Units of the flash that do not divide 256 bytes, or an erase size that is none of whole units.
    Units,
    /// Slots that do not begin and end where the flash can erase, or that reach past its end.
    Place,
    /// The slots are too small: bytes.
    TooSmall {
        /// What a state needs.
        need: u64,
        /// What a slot has.
        have: u64,
    },
    /// The state in the slot has other lengths than the buffers.
    Lengths(Held),
    /// What was read is not what was written: cells that are worn, or power that sags.
    Unsound,
}

impl<E: core::fmt::Debug> core::fmt::Display for SlotError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SlotError::Flash(error) => write!(f, "the flash failed: {error:?}"),
            SlotError::Units => f.write_str("the flash's units do not divide 256 bytes and its erase size"),
            SlotError::Place => {
                f.write_str("both slots must begin and end where the flash can erase, and lie in the flash")
            }
            SlotError::TooSmall { need, have } => write!(f, "a slot has {have} B, the state needs {need} B"),
            SlotError::Lengths(held) => write!(
                f,
                "the slot holds {} parameters, {} running statistics and {} floats of state: other buffers",
                held.parameters, held.running, held.state
            ),
            SlotError::Unsound => f.write_str("the flash gives back other bytes than were written"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for SlotError<E> {}
