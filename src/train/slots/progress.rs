use crate::train::{Powers, RateState};

/// Bytes of [`Progress`].
pub(super) const PROGRESS: usize = 36;

/// Where training stands, besides its floats.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// Steps done, over all epochs.
    pub step: u32,
    /// Batches done of the epoch at hand.
    pub batch: u32,
    /// Of Adam.
    pub powers: Powers,
    /// Of the learning rate.
    pub rate: RateState,
}

impl Progress {
    /// step, batch, powers, rate.
    pub fn to_le_bytes(&self) -> [u8; PROGRESS] {
        let mut bytes = [0; PROGRESS];
        let parts = [&self.step.to_le_bytes()[..], &self.batch.to_le_bytes(), &self.powers.to_le_bytes()];
        let rate = self.rate.to_le_bytes();
        let all = parts.into_iter().chain([&rate[..]]).flatten();
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// What [`Self::to_le_bytes`] gave.
    pub fn from_le_bytes(bytes: [u8; PROGRESS]) -> Self {
        let mut rest = &bytes[..];
        let (step, batch, powers, rate) = (taken(&mut rest), taken(&mut rest), taken(&mut rest), taken(&mut rest));
        Self {
            step: u32::from_le_bytes(step),
            batch: u32::from_le_bytes(batch),
            powers: Powers::from_le_bytes(powers),
            rate: RateState::from_le_bytes(rate),
        }
    }
}

/// The next bytes; zeros past the end.
pub(super) fn taken<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((first, after)) => {
            *rest = after;
            *first
        }
        None => [0; N],
    }
}
