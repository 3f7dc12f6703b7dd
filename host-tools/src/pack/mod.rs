//! A user's own network for flash: a model, a trained network, or weights with a list of layers ([`net`]), as a const Rust module.
pub mod model;
mod module;
pub mod trained;

use crate::Result;
use crate::net::{self, Assembled, Net, Shapes};
use crate::tensors::Bundle;
use shatterscope::graph::Node;
use shatterscope::plan::Want;
use shatterscope_model::Network;
use std::path::Path;

/// A network from a list of layers and its parameters, checked.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The network.
    pub network: Network,
    /// Name and length of the tensor of each part of the parameters, in their order.
    pub tensors: Vec<(String, usize)>,
}

impl Packed {
    /// Reads tensors (.safetensors or .npz) and the list of layers.
    ///
    /// # Errors
    /// As [`net::read`].
    pub fn read(weights: &Path, net: &Path, shapes: &Shapes) -> Result<Self> {
        net::read(weights, net, shapes, Want::Output).map(Self::new)
    }

    /// The same of what has been read.
    ///
    /// # Errors
    /// As [`net::assemble()`].
    pub fn of(bundle: &Bundle, net: &Net) -> Result<Self> {
        net::assemble(bundle, net, &Shapes::new(), Want::Output).map(Self::new)
    }

    fn new(Assembled { network, tensors }: Assembled) -> Self {
        Self { network, tensors }
    }

    /// The nodes of the graph.
    pub fn nodes(&self) -> &[Node] {
        &self.network.placed.nodes
    }

    /// All parameters in the order of the nodes: weights, then biases of each.
    pub fn parameters(&self) -> &[f32] {
        &self.network.parameters
    }

    /// Names of the tensors that no layer uses.
    pub fn unused(&self) -> &[String] {
        &self.network.origin.unused
    }

    /// Bytes that the parameters and running statistics take in flash.
    pub fn bytes(&self) -> usize {
        4 * (self.network.parameters.len() + self.network.running.len())
    }

    /// The Rust module.
    ///
    /// # Errors
    /// Too little memory for its text.
    pub fn module(&self, model: &str, net: &str) -> Result<String> {
        module::text(self, model, net)
    }
}
