//! What computes on the desktop: runs of a network and steps of a training, on threads, with the instructions of the processor.
//!
//! A crate of its own, because the core's code is made here, for each register tile: whoever works on the tool around it compiles it once.
mod aligned;
pub mod error;
mod execute;
pub mod float_mode;
pub mod inspect;
mod isa;
pub mod limits;
mod machine;
mod model;
mod names;
mod part;
mod placed;
pub mod predict;
pub mod progress;
pub mod rank;
mod session;
mod slices;
mod squares;
pub mod text;
pub mod theory;
mod threads;
pub mod weights;

pub use aligned::Aligned;
pub use error::{Failure, Result};
pub use execute::execute;
pub use isa::Isa;
pub use machine::{Batch, Limits, Machine, Outcome, Scalar, Stage, Watch, machine};
pub use model::Model;
pub use names::Names;
pub use placed::{OUT_OF_RANGE, Placed};
pub use session::Session;
pub use threads::{Threads, pool};

use shatterscope::contract::Digest;

/// What the threads of the current pool share of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// One thread does it.
    Nothing,
    /// The parts of each operation: tiles, and units of a norm.
    Operations,
    /// The points, a slice each from the first operation to the last.
    Points,
}

/// What one run gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// f at the points.
    pub outputs: Vec<f32>,
    /// df/dx at the points, `[point][input]`.
    pub gradient: Vec<f32>,
    /// Digest of the gradient.
    pub digest: Digest,
}
