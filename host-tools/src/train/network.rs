//! A checkpoint as a model: its network with running statistics, for inference and for gradients at examples.
use super::Checkpoint;
use crate::Result;
use shatterscope::plan::Want;
use shatterscope_engine::Placed;
use shatterscope_model::{Network, Origin, Port};

impl Checkpoint {
    /// The network in the form that models from files have, with the names and bits of `predict`.
    ///
    /// # Errors
    /// A network that is too large; no memory.
    pub fn network(&self, want: Want) -> Result<Network> {
        let placed = Placed::of_layers(&self.model.layers, want)?;
        let port = |node: u32| {
            let shape = placed.nodes[node as usize].shape;
            let extents = [shape.channels as usize, shape.height.into(), shape.width.into()];
            let shape = if extents[1..] == [1, 1] { extents[..1].to_vec() } else { extents.to_vec() };
            Port { name: placed.names().plain(node).unwrap_or_default().to_owned(), shape, node, int8: None }
        };
        let (inputs, outputs) = (vec![port(0)], vec![port(placed.nodes.len() as u32 - 1)]);
        let kinds = placed.nodes.iter().map(|node| node.op.name().to_owned()).collect();
        let (mean, inv) = (&self.data.mean, &self.data.inv);
        let note =
            format!("an input is (byte - mean) * inv, as in the training: mean {mean:?}, inv {inv:?} of each channel");
        let format = format!("checkpoint of train after step {}", self.model.step);
        let origin = Origin { format, batch: Some(1), kinds, unused: Vec::new(), notes: vec![note] };
        let (parameters, running) = (self.model.parameters.clone(), self.model.running.clone());
        Ok(Network { placed, parameters, running, inputs, outputs, origin })
    }
}
