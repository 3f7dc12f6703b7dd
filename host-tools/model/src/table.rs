//! What a network consists of, a row each node.
use crate::Network;
use serde::Serialize;
use shatterscope::graph::Op;
use shatterscope_engine::Result;

/// A node in words and numbers, of one example.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub node: String,
    /// The operator of the file that it belongs to.
    pub kind: String,
    /// Its operation.
    pub operation: &'static str,
    /// Channels, rows and columns of its value.
    pub shape: [u32; 3],
    /// Its parameters.
    pub parameters: u64,
    /// Multiply-adds of the forward pass.
    pub multiply_adds: u64,
    /// Bytes that its backward pass needs of the forward pass, besides values that other nodes keep.
    pub saved_bytes: u64,
}

/// The nodes that compute something, in their order.
///
/// # Errors
/// None for a network that was made here.
pub fn rows(network: &Network) -> Result<Vec<Row>> {
    let graph = network.placed.graph()?;
    let mut rows = Vec::new();
    for (i, node) in network.placed.nodes.iter().enumerate() {
        if matches!(node.op, Op::Reshape { .. }) {
            continue;
        }
        let Some(facts) = graph.facts(i as u32) else { continue };
        let operand = network.placed.nodes[node.x as usize].shape;
        let backward = node.op.backward(operand, 1, true);
        let units = |shape: shatterscope::graph::Shape| shape.units().map_or(0, u64::from);
        let saved = match backward.saved {
            shatterscope::graph::Saved::Nothing => 0,
            shatterscope::graph::Saved::Value => 4 * units(node.shape),
            _ => 4 * units(operand),
        };
        rows.push(Row {
            node: network.placed.names().shown(i as u32),
            kind: shatterscope_engine::text::visible(&network.origin.kinds[i]),
            operation: node.op.name(),
            shape: [node.shape.channels, node.shape.height.into(), node.shape.width.into()],
            parameters: facts.parameters_len(),
            multiply_adds: facts.multiply_adds,
            saved_bytes: saved + backward.tape,
        });
    }
    Ok(rows)
}
