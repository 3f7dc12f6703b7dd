//! The same graph with weights as they are before training.
use crate::model::Network;
use crate::{Failure, Result};
use shatterscope::graph::Op;
use shatterscope::train::{InitialWeights, Initializer};

/// The network with drawn weights, biases of zero and norms as they begin, which then use the statistics of the batch. Constants that are neither a
/// bias nor a scale stay as they are.
///
/// # Errors
/// An initialisation that the network cannot have.
pub fn drawn(network: &Network, start: Initializer, seed: u64, run: u32) -> Result<Network> {
    let graph = network.placed.graph()?;
    let init = InitialWeights { start, seed, run };
    let mut scratch = vec![0.0; init.scratch_len(&graph) as usize];
    let mut parameters = vec![0.0; network.parameters.len()];
    init.fill(&graph, &mut parameters, &mut scratch).map_err(|error| Failure::usage(format!("--reinit: {error}")))?;
    let mut from = 0;
    for (i, node) in (0..).zip(&network.placed.nodes) {
        let len = graph.facts(i).map_or(0, |facts| facts.parameters_len() as usize);
        if let Op::Constant { start, .. } = node.op
            && start != 0.0
            && start != 1.0
        {
            parameters[from..from + len].copy_from_slice(&network.parameters[from..from + len]);
        }
        from += len;
    }
    Ok(Network { parameters, running: Vec::new(), ..network.clone() })
}
