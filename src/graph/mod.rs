//! Networks as lists of nodes: each computes one value from values before it.
//!
//! Node i computes value i. A [`Graph`] is written by a [`Builder`], which is `const`. It knows nothing about memory: that is the business
//! of [`plan`](crate::plan).
mod builder;
mod family;
mod node;
mod shape;
mod words;

pub use crate::op::{BackwardFacts, Facts, Norm, Op, Saved};
pub use builder::{Builder, Value};
pub use node::{Graph, Node};
pub use shape::Shape;
pub use words::{NODE_WORDS, NodeWords};
