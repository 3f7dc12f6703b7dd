use super::{Sums, Want};
use crate::kernel::Isa;
use crate::math::Math;

/// What the statistics of a norm are in the derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Statistics {
    /// Held constant.
    #[default]
    Detached,
    /// Differentiated through.
    Full,
}

/// How the derivative is taken; each has its own digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Derivative {
    /// Reverse mode: the gradient of sum_p u_p f(x_p), through a tape.
    #[default]
    Reverse,
    /// Forward mode: the tangent is computed with the value, without a tape.
    Forward,
}

/// The order of work. It affects speed and memory only: results are bit-identical.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Schedule {
    /// All points are in memory at the same time.
    #[default]
    WholeBatch,
    /// A few points resident at a time. Networks without norm run through once; the statistics of norms are found layer
    /// by layer, each time from the input.
    Blocks {
        /// Resident points P, rounded up to tiles.
        resident: u32,
    },
}

/// How a graph is run over a set of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct RunOptions {
    /// Points of the batch, M.
    pub points: u32,
    /// First point whose result is wanted.
    pub first: u32,
    /// Number of points whose result is wanted; the statistics are those of all points.
    pub count: u32,
    /// Reverse or forward.
    pub derivative: Derivative,
    /// Detached or full.
    pub statistics: Statistics,
    /// Whole batch or blocks.
    pub schedule: Schedule,
    /// The square root of batch norm.
    pub math: Math,
    /// The instruction set.
    pub isa: Isa,
}

impl RunOptions {
    /// Reverse mode, detached, whole batch, all of `points`.
    pub const fn new(points: u32) -> Self {
        Self {
            points,
            first: 0,
            count: points,
            derivative: Derivative::Reverse,
            statistics: Statistics::Detached,
            schedule: Schedule::WholeBatch,
            math: Math::Libm,
            isa: Isa::Portable,
        }
    }

    /// Restricts the results to `count` points from `first` on.
    pub const fn with_slice(self, first: u32, count: u32) -> Self {
        Self { first, count, ..self }
    }

    /// Sets how the derivative is taken.
    pub const fn with_derivative(self, derivative: Derivative) -> Self {
        Self { derivative, ..self }
    }

    /// Sets what the statistics of norms are in the derivative.
    pub const fn with_statistics(self, statistics: Statistics) -> Self {
        Self { statistics, ..self }
    }

    /// Sets the order of work.
    pub const fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Sets the functions behind the square root of batch norm.
    pub const fn with_math(self, math: Math) -> Self {
        Self { math, ..self }
    }

    /// Sets the instructions: see [`Isa::detect`].
    pub const fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// The [`Want`] that a plan for these options needs.
    pub const fn want(&self) -> Want {
        match (self.derivative, self.statistics) {
            (Derivative::Forward, _) => Want::Tangent,
            (Derivative::Reverse, Statistics::Detached) => Want::DetachedGradient,
            (Derivative::Reverse, Statistics::Full) => Want::InputGradient,
        }
    }

    /// How the statistics of norms are computed.
    pub(crate) const fn sums(&self) -> Sums {
        match self.schedule {
            Schedule::WholeBatch => Sums::Batch,
            Schedule::Blocks { .. } => Sums::Sweeps { full: matches!(self.statistics, Statistics::Full) },
        }
    }

    /// Whether statistics are computed in sweeps over the points: for each norm one for the means, one for the variances, and one for the
    /// means of the gradient or tangent if the statistics are differentiated.
    pub(crate) const fn sweeps(&self) -> bool {
        matches!(self.schedule, Schedule::Blocks { .. })
    }
}
