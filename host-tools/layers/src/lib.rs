//! Networks as lists of layers, the form in which training specs and checkpoints store them. The core only knows graphs: [`to_graph`] converts
//! a list to one.
//!
//! ```
//! use shatterscope::graph::Node;
//! use shatterscope_layers::{Layer, to_graph};
//!
//! let layers = [
//!     Layer::Dense { inputs: 2, outputs: 16, bias: true },
//!     Layer::Relu { units: 16 },
//!     Layer::Dense { inputs: 16, outputs: 3, bias: true },
//! ];
//! let mut nodes = [Node::EMPTY; 4];
//! let graph = to_graph(&layers, &mut nodes)?;
//! assert_eq!(graph.outputs().collect::<Vec<_>>(), [3]);
//! # Ok::<(), shatterscope::Error>(())
//! ```
#![no_std]

mod graph;
mod layer;

pub use graph::to_graph;
pub use layer::Layer;
