//! What the gradients of infinitely wide networks are: exact where there is no batch norm, sampled where there is.
//!
//! For a scalar input a preactivation z and its derivative z' = dz/dx are, over the units of a wide layer, jointly Gaussian
//! over the grid points. Their second moments K, C and D ([`Moments`]) travel through the layers by closed formulas, and
//! behind the readout D is the covariance of df/dx. Everything here is binary64 and outside the contract of bits.
mod arc_cosine;
mod moments;
mod prediction;
mod product;
mod sampled;
mod walk;

pub use arc_cosine::{kappa0, kappa1, one_layer};
pub use moments::Moments;
pub use prediction::{NoTheory, Prediction, predict, predict_coactivation};
pub use sampled::Draws;
