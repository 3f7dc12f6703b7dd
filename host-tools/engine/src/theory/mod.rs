//! What the gradients of infinitely wide networks are: exact where there is no batch norm, sampled where there is.
//!
//! For a scalar input a preactivation z and its derivative z' = dz/dx are, over the units of a wide layer, jointly Gaussian
//! over the grid points. Their second moments K, C and D ([`Moments`]) travel through the layers by closed formulas, and
//! behind the readout D is the covariance of df/dx. Everything here is binary64 and outside the contract of bits.
mod arc_cosine;
mod moments;
mod product;
mod sampled;
mod walk;

pub use arc_cosine::{kappa0, kappa1, one_layer};
pub use moments::{Moments, power};
pub use sampled::Draws;
pub use walk::{is_sampled, moments_behind, stem};

/// Share of the n(n-1)/2 pairs of distinct points of which a unit is active for both, if it is active for `active` points.
pub fn pairs(active: usize, points: usize) -> f64 {
    (active * active.saturating_sub(1)) as f64 / (points * points.saturating_sub(1)).max(1) as f64
}
