//! Random numbers addressed by position: a value is a pure function of where it stands.
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
