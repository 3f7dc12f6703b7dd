//! Networks as lists of nodes: each computes one value from values before it.
//!
//! Node i computes value i. A [`Graph`] is written by a [`Builder`], which is `const`. It knows nothing about memory: that is the business
//! of [`plan`](crate::plan).
mod builder;
mod facts;
mod family;
mod node;
mod op;
mod shape;
mod words;

pub use builder::{Builder, Value};
pub(crate) use facts::finite;
pub use facts::{BackwardFacts, Facts, Saved};
pub use node::{Graph, Node};
pub use op::{Norm, Op};
pub use shape::Shape;
pub use words::{NODE_WORDS, NodeWords};
