//! Random numbers addressed by position: each value depends only on its index.
//!
//! ```
//! use shatterscope::random::{Normal, Purpose, Stream, philox4x32_10};
//!
//! // Weight (row 5, column 7) of layer 3: no other value has to be drawn before it.
//! let stream = Stream::new(1, 0, Purpose::Weight, 3, Normal::IrwinHall);
//! assert_eq!(stream.value(5, 7).to_bits(), stream.value(5, 7).to_bits());
//! // The generator behind it, with a published answer.
//! assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
//! ```
mod normal;
mod philox;

pub use normal::Normal;
pub(crate) use normal::{OFFSET, UNIT};
pub(crate) use philox::{MULTIPLIERS, WEYL};
pub use philox::{Stream, philox4x32_10};

/// What a value is drawn for; part of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u32)]
pub enum Purpose {
    /// A hidden weight, also the normals behind an orthogonal matrix.
    Weight = 0,
    /// A hidden bias.
    Bias = 1,
    /// A weight of the stem.
    Stem = 2,
    /// A bias of the stem.
    StemBias = 3,
    /// A weight of the readout.
    Readout = 4,
    /// White noise.
    Noise = 5,
    /// Which values are dropped.
    Dropout = 6,
    /// The order of examples.
    Shuffle = 7,
    /// How an image is moved before a network is trained on it.
    Augment = 8,
}
