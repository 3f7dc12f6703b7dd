//! Training: initialisation, losses, optimisers, clipping, learning-rate schedules, and the order of examples.
//!
//! Most programs need [`InitialWeights`], [`Settings`] and [`Optimiser`], and call [`Session::train_step`](crate::exec::Session::train_step). The functions for losses
//! and clipping serve programs that run an [`Executor`](crate::exec::Executor) themselves.
//!
//! Results are bit-identical on every processor, and however a batch or the parameters are divided: every function works element by element, or
//! sums in an order that the contract fixes. State can be stored as bytes, and a training that is resumed is bit-identical. Functions do not check
//! for NaN or infinity unless their documentation says so.
//!
//! The learning rate of an epoch, and the order of its examples:
//!
//! ```
//! use shatterscope::train::{Decrease, MAX_STEPS, Rate, RateState, partner, shuffle};
//!
//! let rate = Rate { warm_up: 2, decrease: Decrease::steps(&[3], 0.1)?, ..Rate::constant(0.5) };
//! let mut state: RateState = rate.start();
//! let mut rates = [0.0; 4];
//! for epoch in &mut rates {
//!     *epoch = rate.current(&state);
//!     rate.advance(&mut state, 1.0);
//! }
//! assert_eq!(rates, [0.25, 0.5, 0.5, 0.05]);
//! assert!(Decrease::steps(&[1; MAX_STEPS + 1], 0.1).is_err());
//!
//! let mut order = [0; 100];
//! shuffle(1, 0, &mut order)?;
//! assert_eq!(order.iter().sum::<u32>(), 4950);
//! assert!(partner(1, 0, 9) <= 9);
//! # Ok::<(), shatterscope::Error>(())
//! ```
//!
//! Losses, clipping and a step, for two outputs at one point. Values are those of an executor, `[class][lane]`, a lane being a point of a tile:
//!
//! ```
//! use shatterscope::math::Math;
//! use shatterscope::train::{
//!     Clip, Decay, GradientNorm, Largest, MeanLoss, Optimiser, Powers, Settings, UpdateRule, argmax, clip_by_norm, clip_by_value, clip_value,
//!     correct_count, cross_entropy, squared_error,
//! };
//!
//! let (mut scores, mut class, mut loss) = ([1.0, 3.0], [0], [0.0]);
//! argmax(&scores, (2, 1), &mut class)?;
//! assert_eq!((class, correct_count(&scores, (2, 1), &[0])?), ([1], 0));
//! // The gradient takes the place of the outputs.
//! let mut errors = scores;
//! squared_error(&mut errors, (2, 1), &[1.0, 1.0], 1, &mut loss)?;
//! assert_eq!((errors, loss), ([0.0, 2.0], [2.0]));
//! cross_entropy(&mut scores, (2, 1), &[0], 1, &mut loss, Math::Libm)?;
//! let mut mean = MeanLoss::new();
//! mean.add(&loss);
//! assert_eq!(mean.mean(), Some(loss[0]));
//!
//! // By value, by norm, or by a norm in two passes where the gradient comes in parts.
//! let mut gradient = [3.0, -4.0];
//! clip_by_value(&mut gradient, 3.5)?;
//! assert_eq!(gradient[1], clip_value(-4.0, 3.5));
//! assert!(clip_by_norm(&mut gradient, 1.0, Math::Libm)? > 4.0);
//! let mut largest = Largest::new();
//! largest.add(&gradient)?;
//! let mut norm: GradientNorm = largest.norm();
//! norm.add(&gradient);
//! let clip: Option<Clip> = norm.clip(2.0, Math::Libm)?;
//! assert!(clip.is_none());
//!
//! let settings = Settings::new(Optimiser::Momentum { mu: 0.9 }).with_decay(Decay::L2(0.01));
//! let mut powers = Powers::new();
//! let step: UpdateRule = settings.step(0.1, &mut powers)?;
//! let (mut weights, mut state) = ([1.0, 1.0], [0.0; 2]);
//! step.apply(&mut weights, &gradient, &mut state)?;
//! assert!(weights[0] < 1.0 && weights[1] > 1.0);
//! # Ok::<(), shatterscope::Error>(())
//! ```
mod clip;
mod init;
mod loss;
pub(crate) mod optimiser;
mod order;
mod rate;
#[cfg(feature = "flash")]
pub mod slots;

pub use clip::{Clip, GradientNorm, Largest, clip_by_norm, clip_by_value, clip_value};
pub use init::{InitialWeights, Initializer};
pub(crate) use loss::squared_error_by;
pub use loss::{MeanLoss, argmax, correct_count, cross_entropy, squared_error};
pub use optimiser::{Decay, Optimiser, Powers, Settings, UpdateRule};
pub use order::{partner, shuffle};
pub use rate::{Decrease, MAX_STEPS, Rate, RateState};

use crate::contract::canonical_bits;
use crate::error::{Error, InvalidConfig};

/// The most examples of a batch or an epoch.
const MAX_EXAMPLES: u32 = 1 << 24;

/// A batch's size as the n of the formulas, exact.
fn batch_size(batch: u32) -> Result<f32, Error> {
    if batch == 0 || batch > MAX_EXAMPLES { Err(Error::InvalidConfig(InvalidConfig::Batch)) } else { Ok(batch as f32) }
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
