use super::{Sums, Want};
use crate::kernel::Isa;
use crate::math::Math;

/// What the statistics of a norm are in the derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Derivative {
    /// Backward through the tape: the gradient of sum_p u_p f(x_p).
    #[default]
    Reverse,
    /// A tangent travels with the value: no tape.
    Forward,
}

/// The order of work. It changes time and memory, never bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Schedule {
    /// Every point resident through all layers; norms find their batch in place.
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
    /// Behind the square root of batch norm.
    pub math: Math,
    /// Instructions of the dense kernel.
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
}

impl RunOptions {
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
