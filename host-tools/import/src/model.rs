//! The model that a file becomes.
use crate::{
    int8::{Profile, Quantisation},
    operation::Operation,
    shape,
    tensor::Tensor,
};

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
    /// Which interpreter's fixed point and rounding operations on int8 have.
    pub profile: Profile,
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

/// A value of the graph. What is not constant is of f32, or of int8 if it is quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The name in the file, or one made from the node's.
    pub name: String,
    /// The dimensions; none of a value that is not constant is zero.
    pub shape: Vec<usize>,
    /// The elements, if the value is constant.
    pub constant: Option<Tensor>,
    /// The scale and the zero point of integers.
    pub quantisation: Option<Quantisation>,
}

impl Value {
    /// One of f32.
    pub(crate) const fn new(name: String, shape: Vec<usize>, constant: Option<Tensor>) -> Self {
        Self { name, shape, constant, quantisation: None }
    }

    /// Whether it is of int8, and depends on an input.
    #[must_use]
    pub const fn is_int8(&self) -> bool {
        self.quantisation.is_some() && self.constant.is_none()
    }
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

impl Model {
    /// Whether nodes only use what is defined before them, shapes are those of their operations, and constants have their elements. What this
    /// crate returns passes.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check(&self) -> Result<(), String> {
        let mut defined = vec![false; self.values.len()];
        for (id, value) in self.values.iter().enumerate() {
            let n = shape::elements(&value.shape)?;
            match &value.constant {
                Some(tensor) if tensor.shape() != value.shape || tensor.len() != n => {
                    return Err(format!("constant {id} has {} elements for shape {:?}", tensor.len(), value.shape));
                }
                Some(_) => defined[id] = true,
                None if n == 0 => return Err(format!("value {id} of shape {:?} has no elements", value.shape)),
                None => {}
            }
        }
        let define = |id: ValueId, defined: &mut Vec<bool>| match defined.get_mut(id) {
            Some(known) if !*known => {
                *known = true;
                Ok(())
            }
            _ => Err(format!("value {id} is defined twice, or does not exist")),
        };
        for &id in &self.inputs {
            define(id, &mut defined)?;
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(id) = node.inputs.iter().find(|&&id| defined.get(id) != Some(&true)) {
                return Err(format!("node {index} uses value {id} before it is defined"));
            }
            let shapes: Vec<&[usize]> = node.inputs.iter().map(|&id| self.values[id].shape.as_slice()).collect();
            let &[output] = node.outputs.as_slice() else { return Err(format!("node {index} has not one output")) };
            define(output, &mut defined)?;
            let found = &self.values[output].shape;
            let expected = shape::infer(&node.op, &shapes, Some(found)).map_err(|e| format!("node {index}: {e}"))?;
            if *found != expected {
                return Err(format!("node {index} has a value of shape {found:?}, expected {expected:?}"));
            }
        }
        match self.outputs.iter().find(|&&id| defined.get(id) != Some(&true)) {
            Some(id) => Err(format!("output {id} is not defined")),
            None if defined.contains(&false) => Err("a value is not defined".to_owned()),
            None => Ok(()),
        }
    }
}
