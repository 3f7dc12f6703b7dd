//! Int8 operators of TensorFlow Lite files: from scales and zero points to the multipliers, records and tables that the core computes with.
//!
//! `docs/numerics.md`, section "int8", has every step. Where TensorFlow Lite Micro and LiteRT's reference kernels round differently, the [`Profile`] says
//! whose bits are wanted. What an interpreter refuses is an [`Error`] here.
mod error;
mod pairs;
mod profile;
mod quantisation;
mod softmax;
mod sums;
mod tables;

pub use error::Error;
pub use pairs::{Addition, addition, product};
pub use profile::Profile;
pub use quantisation::{Activation, Quantisation};
pub use softmax::softmax;
pub use sums::{convolution, dense, folded_bias, is_real, mean};
pub use tables::{Table, hard_swish, leaky_relu, logistic, relu, relu6, requantise, tanh};
