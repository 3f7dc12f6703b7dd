//! A model as a graph of the core with its parameters.
use shatterscope_engine::Placed;

/// A network from a file: a graph whose values have slots, and its parameters.
#[derive(Clone, Debug)]
pub struct Network {
    /// The graph with the names of its nodes.
    pub placed: Placed,
    /// Weights and biases, node by node.
    pub parameters: Vec<f32>,
    /// Running means and variances, node by node.
    pub running: Vec<f32>,
    /// The inputs in the order of the file.
    pub inputs: Vec<Port>,
    /// The outputs in the order of the file.
    pub outputs: Vec<Port>,
    /// Where it comes from.
    pub origin: Origin,
}

/// What numbers bytes stand for: `scale (byte - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Above 0.
    pub scale: f32,
    /// The byte of 0.
    pub zero: i8,
}

impl Scale {
    /// The byte nearest to a number: the f32 quotient rounded, ties away from zero, and clamped.
    pub fn byte(self, x: f32) -> i8 {
        ((x / self.scale).round() + f32::from(self.zero)).clamp(-128.0, 127.0) as i8
    }

    /// The number of a byte.
    pub fn number(self, byte: i8) -> f32 {
        self.scale * f32::from(i16::from(byte) - i16::from(self.zero))
    }
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// The dimensions of one example.
    pub shape: Vec<usize>,
    /// The node whose value it is.
    pub node: u32,
    /// Of values of bytes.
    pub int8: Option<Scale>,
}

impl Port {
    /// Elements of one example.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Words of one example, as the core has them: an element of f32 or four bytes.
    pub fn words(&self) -> usize {
        if self.int8.is_some() { self.elements().div_ceil(4) } else { self.elements() }
    }
}

/// What is known of a network besides its graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The format of the file, with its version.
    pub format: String,
    /// The size of axis 0 of all inputs and outputs of the file if that axis is the batch: any number of examples can then be run. None if the file's
    /// inputs are one example.
    pub batch: Option<usize>,
    /// The operator of the file that each node belongs to.
    pub kinds: Vec<String>,
    /// Names of tensors and inputs of the file that nothing uses.
    pub unused: Vec<String>,
    /// A line for each change that can change bits.
    pub notes: Vec<String>,
}
