use crate::error::Pass;
use crate::math::Math;
use crate::plan::{Derivative, RunOptions, Schedule, Statistics};
use crate::random::Normal;
use crate::spec::Spec;
use serde::{Deserialize, Serialize};

/// One part of one run: everything that its bits depend on, and how to go about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Run {
    /// The network.
    pub spec: Spec,
    /// Seed of the weights.
    pub seed: u64,
    /// Which draw of them.
    pub run: u32,
    /// How normals are made.
    pub normal: Normal,
    /// Maths library.
    pub math: Math,
    /// Points of the grid, M.
    pub points: u32,
    /// Point 0, as bits.
    pub from: f32,
    /// Distance of two points.
    pub step: f32,
    /// First point whose result is wanted.
    pub first: u32,
    /// Number of points whose result is wanted.
    pub count: u32,
    /// How the derivative is taken.
    pub derivative: Derivative,
    /// Statistics of norms in the derivative.
    pub statistics: Statistics,
    /// Order of work; no bit depends on it.
    pub schedule: Schedule,
    /// Which elements are wanted.
    pub part: Part,
    /// Bytes of memory that the whole firmware may use: statics, arena and stack; 0 for all that there is.
    pub ram: u32,
    /// Multiply-adds between two looks at the transport, each with a `Progress`; see [`Run::report_interval`].
    pub report_every: u32,
}

/// Which elements of a run are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Part {
    /// The gradient of the slice, `[point][unit]`.
    Gradient,
    /// The outputs of the slice, `[point][unit]`.
    Outputs,
    /// For the nodes `first..first + count`: the digest of the value, then of the gradient of the first operand (in forward mode of the
    /// tangent); 8 bytes each. That of an input is the digest of no elements.
    Digests {
        /// First node.
        first: u32,
        /// Number of nodes.
        count: u32,
    },
    /// The value of one node, or its gradient, for the points of the slice, `[point][unit]`.
    Values {
        /// Forward: the value. Backward: the gradient of the first operand, or the tangent in forward mode.
        pass: Pass,
        /// The node.
        node: u32,
    },
    /// The name of the kernel's instruction set, the first 8 letters, zeros behind; then for the nodes `first..first + count`
    /// the ticks of the device's clock that each took in all, forward, then backward; 8 bytes each. Under an emulator that
    /// counts, every node is marked, whatever `count` is.
    Profile {
        /// First node.
        first: u32,
        /// Number of nodes.
        count: u32,
    },
}

/// Multiply-adds between two looks at the transport where a request leaves that open: seconds of work on a core without FPU.
const INTERVAL: u32 = 1 << 20;

/// Most of them.
const LONGEST_INTERVAL: u32 = 1 << 22;

/// Multiply-adds between two reports of progress: as asked for, but 2^20 for 0, and 2^22 for more than that.
pub const fn report_interval(every: u32) -> u64 {
    (match every {
        0 => INTERVAL,
        every if every > LONGEST_INTERVAL => LONGEST_INTERVAL,
        every => every,
    }) as u64
}

impl Run {
    /// Multiply-adds between two looks at the transport, so that every run can be cancelled: `report_every`, but 2^20 for 0, and 2^22
    /// for more than that.
    pub const fn report_interval(&self) -> u64 {
        report_interval(self.report_every)
    }

    /// The executor's options, with the widest instructions of whoever runs it.
    pub fn options(&self) -> RunOptions {
        RunOptions {
            points: self.points,
            first: self.first,
            count: self.count,
            derivative: self.derivative,
            statistics: self.statistics,
            schedule: self.schedule,
            math: self.math,
            isa: crate::kernel::Isa::detect(),
        }
    }
}

impl Part {
    /// Bytes of one element.
    pub const fn element_bytes(&self) -> usize {
        match self {
            Part::Digests { .. } | Part::Profile { .. } => 8,
            _ => 4,
        }
    }
}
