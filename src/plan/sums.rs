use super::Want;
use crate::graph::BatchStatistics;

/// How the statistics of norms are computed. This determines which rows of statistics are stored.
///
/// # Shapes
/// A row has one element per channel. If the whole batch is resident, all norms share a row of means and a row of variances, and each keeps
/// its inverse deviations for the backward pass; a norm with running statistics keeps inverse deviations, means and variances. With sweeps,
/// all norms share the 16 lanes of a RED16 sum (32 with the sum of products), and each keeps its means, its inverse deviations and, if the
/// statistics are differentiated, the means of the gradient or tangent and of its products with the normalised values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Sums {
    /// From the resident batch.
    Batch,
    /// In sweeps over the batch; `full` if the statistics are differentiated.
    Sweeps { full: bool },
}

impl Sums {
    /// Rows that all norms share.
    pub const fn shared(self, norm: &BatchStatistics) -> u64 {
        match self {
            Sums::Batch if norm.affine.is_some() => 0,
            Sums::Batch => 2,
            Sums::Sweeps { full: true } if norm.eps.is_some() => 32,
            Sums::Sweeps { .. } => 16,
        }
    }

    /// Rows that each norm keeps.
    pub const fn kept(self, norm: &BatchStatistics, want: Want) -> u64 {
        let batch = norm.eps.is_some() as u64;
        match self {
            Sums::Batch if matches!(want, Want::Output) => 0,
            Sums::Batch if norm.affine.is_some() => 3,
            Sums::Batch => batch,
            Sums::Sweeps { full } => 1 + batch + full as u64 * (1 + batch),
        }
    }
}
