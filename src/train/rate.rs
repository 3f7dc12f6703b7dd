use super::{is_not_negative, is_positive, restored, stored, word};
use crate::error::{Error, InvalidConfig};

/// The most steps of a rate.
pub const MAX_STEPS: usize = 16;

/// When a learning rate is multiplied by a factor.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decrease {
    /// Never.
    #[default]
    Never,
    /// At the beginning of each of these epochs, which ascend and count from 0; 0 is none of them.
    Steps {
        /// The epochs.
        epochs: heapless::Vec<u32, MAX_STEPS>,
        /// What the rate is multiplied by.
        factor: f32,
    },
    /// When the metric has not fallen by more than a threshold for more than so many epochs.
    Plateau {
        /// What the rate is multiplied by.
        factor: f32,
        /// Epochs without improvement before the rate drops.
        patience: u32,
        /// By how much the metric must be below its best, absolutely.
        threshold: f32,
        /// The most times that the rate is multiplied.
        drops: u32,
    },
}

impl Decrease {
    /// Steps at these epochs.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for more than [`MAX_STEPS`].
    pub fn steps(epochs: &[u32], factor: f32) -> Result<Self, Error> {
        match heapless::Vec::from_slice(epochs) {
            Ok(epochs) => Ok(Decrease::Steps { epochs, factor }),
            Err(_) => Err(Error::InvalidConfig(InvalidConfig::Decrease)),
        }
    }
}

/// A learning-rate schedule.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate {
    /// The first rate, but for the warm-up.
    pub base: f32,
    /// Epochs over which the rate grows: epoch e has `rate * ((e + 1) / warm_up)`.
    pub warm_up: u32,
    /// When it falls.
    pub decrease: Decrease,
}

/// The state of a learning-rate schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RateState {
    /// The epoch that runs, from 0.
    pub epoch: u32,
    /// The rate, but for the warm-up.
    pub rate: f32,
    /// The lowest metric so far, +infinity before the first.
    pub best: f32,
    /// Epochs since the metric improved, or since the last drop.
    pub waited: u32,
    /// How often a plateau lowered the rate.
    pub drops: u32,
}

impl RateState {
    /// epoch, rate, best, waited, drops, little-endian.
    pub fn to_le_bytes(&self) -> [u8; 20] {
        stored([self.epoch, word(self.rate), word(self.best), self.waited, self.drops])
    }

    /// What [`Self::to_le_bytes`] gave.
    pub fn from_le_bytes(bytes: [u8; 20]) -> Self {
        let [epoch, rate, best, waited, drops] = restored(bytes);
        Self { epoch, rate: f32::from_bits(rate), best: f32::from_bits(best), waited, drops }
    }
}

impl Rate {
    /// Always the same.
    pub const fn constant(rate: f32) -> Self {
        Self { base: rate, warm_up: 0, decrease: Decrease::Never }
    }

    /// Whether all settings are in their ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`].
    pub fn check(&self) -> Result<(), Error> {
        if !is_not_negative(self.base) {
            return Err(Error::InvalidConfig(InvalidConfig::Rate));
        }
        let good = match &self.decrease {
            Decrease::Never => true,
            Decrease::Steps { epochs, factor } => {
                let after = |last: u32, epoch: &u32| if *epoch > last { Some(*epoch) } else { None };
                is_positive(*factor) && epochs.iter().try_fold(0, after).is_some()
            }
            Decrease::Plateau { factor, threshold, .. } => is_positive(*factor) && is_not_negative(*threshold),
        };
        if good { Ok(()) } else { Err(Error::InvalidConfig(InvalidConfig::Decrease)) }
    }

    /// The state of epoch 0.
    pub const fn start(&self) -> RateState {
        RateState { epoch: 0, rate: self.base, best: f32::INFINITY, waited: 0, drops: 0 }
    }

    /// The learning rate of the epoch that runs.
    pub fn current(&self, state: &RateState) -> f32 {
        if state.epoch < self.warm_up {
            state.rate * ((state.epoch as f32 + 1.0) / self.warm_up as f32)
        } else {
            state.rate
        }
    }

    /// Ends an epoch: `metric` is the lower the better, and nothing but a plateau looks at it. Whole trainings give the mean of the batches'
    /// mean losses, each times its number of examples, formed in binary64.
    ///
    /// Plateau: if `metric < best - threshold`, it is the best, and the wait begins anew (NaN is no improvement).
    /// Otherwise the wait is an epoch longer; once it is longer than `patience`, the rate is multiplied, at most
    /// `drops` times, and the wait begins anew.
    pub fn advance(&self, state: &mut RateState, metric: f32) {
        state.epoch = state.epoch.saturating_add(1);
        match &self.decrease {
            Decrease::Never => {}
            Decrease::Steps { epochs, factor } => {
                if epochs.contains(&state.epoch) {
                    state.rate *= factor;
                }
            }
            Decrease::Plateau { factor, patience, threshold, drops } => {
                if metric < state.best - threshold {
                    (state.best, state.waited) = (metric, 0);
                    return;
                }
                state.waited = state.waited.saturating_add(1);
                if state.waited > *patience && state.drops < *drops {
                    state.rate *= factor;
                    (state.waited, state.drops) = (0, state.drops + 1);
                }
            }
        }
    }
}
