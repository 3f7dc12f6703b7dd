//! Training: how parameters begin, losses, optimisers, clipping, learning rates, and the order of examples.
//!
//! An [`Init`] draws the parameters of a graph, and an [`Executor`](crate::exec::Executor) runs batches forward and backward. All here is
//! elementwise, a chain or RED16, so that it gives the same bits on every core and under every cut of a batch or of the
//! parameters. State that outlives a step is a plain struct, little-endian as bytes: a run that is taken up again goes on
//! bit for bit. Nothing looks for NaN or infinity but where it says so: the caller's sticky check of logits and losses
//! finds them.
mod clip;
mod init;
mod loss;
mod optimiser;
mod order;
mod rate;
#[cfg(feature = "flash")]
pub mod slots;

pub use clip::{Clip, GradientNorm, Largest, clip_by_norm, clip_by_value, clip_value};
pub use init::{Init, Start};
pub use loss::{MeanLoss, correct_count, cross_entropy, predict, squared_error};
pub use optimiser::{Adam, Decay, Momentum, Optimiser, Powers, Settings, Sgd, Step};
pub use order::{partner, shuffle};
pub use rate::{Decrease, MAX_STEPS, Rate, RateState};

use crate::contract::canonical_bits;
use crate::error::{Error, Setting};

/// The most examples of a batch or an epoch.
const MAX_EXAMPLES: u32 = 1 << 24;

/// A batch's size as the n of the formulas, exact.
fn batch_size(batch: u32) -> Result<f32, Error> {
    if batch == 0 || batch > MAX_EXAMPLES { Err(Error::Setting(Setting::Batch)) } else { Ok(batch as f32) }
}

fn is_positive(x: f32) -> bool {
    x > 0.0 && x < f32::INFINITY
}

fn is_not_negative(x: f32) -> bool {
    (0.0..f32::INFINITY).contains(&x)
}

/// Words as they are stored: little-endian. BYTES is 4 * WORDS.
fn stored<const WORDS: usize, const BYTES: usize>(words: [u32; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    bytes
}

/// The words of [`stored`].
fn restored<const WORDS: usize, const BYTES: usize>(bytes: [u8; BYTES]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (to, word) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *to = u32::from_le_bytes(*word);
    }
    words
}

/// A float as a stored word.
fn word(x: f32) -> u32 {
    canonical_bits(x)
}
