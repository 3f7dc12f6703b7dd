//! Networks as lists of nodes: each computes one value from values before it.
//!
//! Node i computes value i. [`Layers`] and the macro [`network!`](crate::network!) write chains and residual networks, a [`Builder`] any
//! [`Graph`]; both are `const`. A graph has no memory: a [`Plan`](crate::plan::Plan) assigns offsets to its values.
//!
//! ```
//! use shatterscope::graph::{
//!     BackwardFacts, BatchStatistics, Builder, DilatedWindow, Elements, Entry, Facts, Function, Graph, Image, NODE_WORDS, Node, NodeWords, Op,
//!     Saved, Shape, Value, Window,
//! };
//!
//! // Two inputs, each through a layer of its own.
//! let mut nodes = [Node::EMPTY; 8];
//! let mut builder = Builder::new(&mut nodes);
//! let image: Value = builder.input(Shape { channels: 1, height: 8, width: 8 });
//! let vector = builder.input(Shape::vector(4));
//! builder.layer(1);
//! let x = builder.conv(image, 2, Window::half_padded(3, 2), false);
//! builder.layer(2);
//! let y = builder.dense(vector, 32, true);
//! let x = builder.reshape(x, Shape::vector(32));
//! let z = builder.add((x, 1.0), (y, 1.0));
//! let graph: Graph = builder.finish(&[z])?;
//!
//! assert_eq!(graph.node(5).unwrap().shape.image(), Image { channels: 32, height: 1, width: 1 });
//!
//! // What an operation makes of its operands, and what it costs.
//! let facts: Facts = graph.facts(2).unwrap();
//! assert_eq!((facts.shape.units(), facts.multiply_adds), (Some(32), 16 * 9 * 2));
//! let backward: BackwardFacts = Op::Relu.backward(Shape::vector(9), 1, false);
//! assert_eq!((backward.saved, backward.tape), (Saved::Nothing, 2));
//! // Convolutions of imported models have a window of their own. Each channel for itself:
//! let window = DilatedWindow { padding: [0, 0, 1, 1], ..DilatedWindow::of(&Window { height: 3, width: 3, stride: 2, padding: 0 }).unwrap() };
//! let depthwise = Op::GroupedConv { channels: 4, groups: 4, window, bias: false };
//! let image = Shape { channels: 4, height: 8, width: 8 };
//! assert_eq!(depthwise.facts(image, image)?.shape, Shape { channels: 4, height: 4, width: 4 });
//! // All operations, with an example of each.
//! let entry: &Entry = Op::LIST.iter().find(|entry| entry.tag == 17).unwrap();
//! let elements: Elements = entry.op.elements().unwrap();
//! assert_eq!((entry.op.name(), entry.op.norm()), ("sigmoid", None::<BatchStatistics>));
//! assert_eq!(Op::Function { function: Function::Tanh, a: 0.0, b: 0.0 }.facts(Shape::vector(3), Shape::vector(3))?.shape, Shape::vector(3));
//! # let _ = elements;
//!
//! // Attention, from queries, keys and values with their positions as rows.
//! use shatterscope::graph::{Axis, PadMode, Pair, Reduction};
//!
//! let mut nodes = [Node::EMPTY; 8];
//! let mut builder = Builder::new(&mut nodes);
//! let shape = Shape { channels: 2, height: 5, width: 4 };
//! let [queries, keys, values] = [(); 3].map(|()| builder.input(shape));
//! let scores = builder.push(Op::Matmul { transposed: true }, queries, keys);
//! let scores = builder.function(scores, Function::Affine, 0.5, 0.0);
//! let weights = builder.softmax(scores, Axis::Columns, false);
//! let attended = builder.push(Op::Matmul { transposed: false }, weights, values);
//! assert_eq!(builder.shape(attended), shape);
//! // Other operations of models from files.
//! let (edge, mean) = (PadMode::Edge, Op::Reduce { reduction: Reduction::Mean, axes: 4 });
//! assert!(Op::Pairwise { pair: Pair::Multiply }.facts(shape, Shape::vector(1))?.shape == shape);
//! assert_eq!(mean.facts(shape, shape)?.shape, Shape { width: 1, ..shape });
//! assert!(Op::Pad { mode: edge, constant: 0.0, channels: 0, rows: 1, columns: 1 << 16 }.facts(shape, shape).is_ok());
//!
//! // A graph of bytes, as quantised models have it, with the feature `int8`.
//! # #[cfg(feature = "int8")] {
//! use shatterscope::graph::Int8Range;
//!
//! let mut nodes = [Node::EMPTY; 2];
//! let mut builder = Builder::new(&mut nodes);
//! let image = builder.int8_input(shape);
//! let range = Int8Range { operand_zero: -3, zero: 5, least: 5, most: 127 };
//! let pooled = builder.push(Op::Int8MaxPool { window: DilatedWindow { padding: [0; 4], ..window }, range }, image, image);
//! let bytes = builder.finish(&[pooled])?;
//! assert!(bytes.has_int8() && bytes.is_int8(1) && bytes.node(1).unwrap().op.is_int8() == [true; 2]);
//! // Two channels of 5 x 4 bytes, four a word.
//! assert_eq!((bytes.words(0), bytes.words(1)), (10, 1));
//! # }
//!
//! // The same graph as words, for flash or for a line to a device.
//! let words: Vec<NodeWords> = (0..6).map(|i| graph.node(i).unwrap().to_words()).collect();
//! assert_eq!((Graph::from_words(&words)?.len(), words[0].len()), (6, NODE_WORDS));
//! # Ok::<(), shatterscope::Error>(())
//! ```
mod builder;
mod family;
mod layers;
mod message;
mod node;
mod words;

pub use crate::op::{
    Axis, BackwardFacts, BatchStatistics, Elements, Entry, Facts, Function, Int8Range, NODE_WORDS, NodeWords, Op,
    PadMode, Pair, Reduction, Saved,
};
pub use crate::shape::{DilatedWindow, Image, Shape, Window};
pub use builder::{Builder, Value};
pub use layers::Layers;
#[doc(hidden)]
pub use message::Message;
pub use node::{Graph, Node};
