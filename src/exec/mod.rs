//! Runs a graph: values in the slots of a [`Plan`](crate::plan::Plan), one node after the other.
//!
//! The protocol is in the types: [`Executor::begin`] gives a [`Batch`] that takes the inputs, [`Batch::forward`] a [`Forward`] that does the
//! work, and [`Forward::run`] the [`Outputs`].
mod conv;
mod dense;
mod elementwise;
mod memory;
mod norm;
mod pool;
mod run;

pub use run::{Batch, Buffers, Executor, Forward, Options, Outputs};
