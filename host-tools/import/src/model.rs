//! The model that a file becomes.
use crate::{operation::Operation, tensor::Tensor};

/// An index into [`Model::values`].
pub type ValueId = usize;

/// A network with static shapes, in which everything that depends on constants alone is a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The file's format.
    pub format: Format,
    /// The graph's name in the file, which may be empty.
    pub name: String,
    /// Inputs, constants and what nodes compute. Each is used by a node or is an output.
    pub values: Vec<Value>,
    /// In topological order; each contributes to an output.
    pub nodes: Vec<Node>,
    /// The inputs in the order of the file, without those that no node needs.
    pub inputs: Vec<ValueId>,
    /// The outputs in the order of the file. A value may be here twice, be an input or a constant.
    pub outputs: Vec<ValueId>,
    /// Names of tensors and inputs of the file that nothing uses.
    pub unused: Vec<String>,
    /// One line for each change that can change bits: what was recognised, what was folded into a convolution, casts to f16 and bf16 that were left
    /// out.
    pub notes: Vec<String>,
}

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ONNX.
    Onnx {
        /// The version of ONNX's own operators.
        opset: i64,
    },
    /// TensorFlow Lite.
    Tflite,
}

/// A value of the graph. What is not constant is of f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The name in the file, or one made from the node's.
    pub name: String,
    /// The dimensions; none of a value that is not constant is zero.
    pub shape: Vec<usize>,
    /// The elements, if the value is constant.
    pub constant: Option<Tensor>,
}

/// An operation with its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The node's name in the file, or one made from its position.
    pub name: String,
    /// The file's name of the operator. An operator that becomes several nodes has several of this kind.
    pub kind: String,
    /// What is computed.
    pub op: Operation,
    /// The operands.
    pub inputs: Vec<ValueId>,
    /// The results: one.
    pub outputs: Vec<ValueId>,
}
