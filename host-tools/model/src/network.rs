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

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// The dimensions of one example.
    pub shape: Vec<usize>,
    /// The node whose value it is.
    pub node: u32,
}

impl Port {
    /// Elements of one example.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
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
