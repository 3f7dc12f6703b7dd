use super::Want;
use crate::graph::Norm;

/// How the statistics of norms are found, which decides what is kept of them.
///
/// # Shapes
/// Rows have an element for each channel. Where the batch is in memory as a whole, norms share the rows means and variances, and keep their
/// inverse deviations for the backward pass; norms with running statistics keep inverse deviations, means and variances. Where points are
/// in memory only a few at a time, norms share the 16 lanes of their sums, and keep means, inverse deviations, and the means of
/// gradients or tangents: one, and for batch norms the mean of products, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Sums {
    /// Over the batch in memory.
    Batch,
    /// In sweeps over the batch; `full` says whether also those of the derivative.
    Sweeps { full: bool },
}

impl Sums {
    /// Rows that all norms use one after the other.
    pub const fn shared(self, norm: &Norm) -> u64 {
        match self {
            Sums::Batch if norm.affine.is_some() => 0,
            Sums::Batch => 2,
            Sums::Sweeps { full: true } if norm.eps.is_some() => 32,
            Sums::Sweeps { .. } => 16,
        }
    }

    /// Rows that each norm keeps.
    pub const fn kept(self, norm: &Norm, want: Want) -> u64 {
        let batch = norm.eps.is_some() as u64;
        match self {
            Sums::Batch if matches!(want, Want::Output) => 0,
            Sums::Batch if norm.affine.is_some() => 3,
            Sums::Batch => batch,
            Sums::Sweeps { full } => 1 + batch + full as u64 * (1 + batch),
        }
    }
}
