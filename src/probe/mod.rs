//! Measures of a gradient series over the grid: how much one point's gradient says about the next one's.
mod autocorrelation;
mod covariance;
mod ensemble;
mod grid;
mod noise;
mod scale;

pub use autocorrelation::{Autocorrelation, autocorrelation};
pub use covariance::covariance_row;
pub use ensemble::Ensemble;
pub use grid::{Endpoint, Grid};
pub use noise::{brown_noise, white_noise};
pub use scale::{Series, normalise};
pub(crate) use scale::{floor_log2, power_of_two};
