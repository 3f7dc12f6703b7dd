//! Runs a graph: values and gradients in the slots of a [`Plan`](crate::plan::Plan), one node after the other.
//!
//! The protocol is in the types: [`Executor::begin`] gives a [`Batch`] that takes the inputs, [`Batch::forward`] a [`Forward`] that does the
//! work, [`Forward::run`] the [`Outputs`]; those take the gradients of the outputs and give a [`Backward`], and [`Backward::run`] the
//! [`Gradients`] of the inputs. Each file has both directions of its operations.
mod at;
mod backward;
mod conv;
mod dense;
mod drawn;
mod drawn_conv;
mod elementwise;
mod forward;
mod gather;
mod group_norm;
mod input;
mod join;
mod memory;
mod norm;
mod observer;
mod outputs;
mod points;
mod pool;
mod prelu;
mod rows;
mod run;
mod sink;
mod source;

pub use backward::{Backward, Gradients};
pub use forward::{Forward, Mode};
pub use input::Input;
pub use observer::{Observer, Seen};
pub use outputs::Outputs;
pub use points::{Run, Step};
pub use run::{Batch, Buffers, Executor, Options};
pub use sink::Update;
pub use source::Source;
