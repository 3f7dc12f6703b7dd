//! Measures of a gradient series over the grid: how much one point's gradient says about the next one's.
//!
//! ```
//! use shatterscope::probe::{Autocorrelation, Ensemble, Series, autocorrelation, brown_noise, covariance_row, normalise, white_noise};
//! use shatterscope::random::Normal;
//!
//! // Gradients of a shattered network look like white noise, those of a shallow one like brown noise.
//! let (mut white, mut brown) = ([0.0; 256], [0.0; 256]);
//! white_noise(1, 0, Normal::IrwinHall, &mut white);
//! brown_noise(1, 0, Normal::IrwinHall, &mut brown);
//!
//! // Over an ensemble of runs: no mean is removed.
//! let mut sums = [0.0; Ensemble::sums_len(2)];
//! let mut ensemble = Ensemble::new(&mut sums, 2)?;
//! ensemble.add(&brown)?;
//! assert!(ensemble.correlation(1).unwrap().0 > 0.9);
//!
//! // Of single series, which are scaled to a largest magnitude between 1 and 2.
//! let (mut of_white, mut of_brown) = ([0.0; 4], [0.0; 4]);
//! assert!(matches!(normalise(&mut white)?, Series::Varying { .. }));
//! autocorrelation(&mut white, Autocorrelation::MeanRemoved, &mut of_white)?;
//! autocorrelation(&mut brown, Autocorrelation::MeanRemoved, &mut of_brown)?;
//! assert!(of_white[1].abs() < 0.2 && of_brown[1] > 0.9);
//!
//! // A row of the covariance image, from the series that `autocorrelation` has centred.
//! let mut row = [0.0; 256];
//! covariance_row(&brown, 0, &mut row)?;
//! # Ok::<(), shatterscope::Error>(())
//! ```
//!
//! A [`Grid`] has the points at which a network is probed:
//!
//! ```
//! use shatterscope::probe::{Endpoint, Grid};
//!
//! let grid = Grid { endpoint: Endpoint::Inclusive, ..Grid::new(5) };
//! assert_eq!([grid.point(0), grid.point(4)], [-2.0, 2.0]);
//! ```
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
