//! Graphs with slots for what is wanted of them.
use crate::{Failure, Result};
use shatterscope::graph::{Graph, Node};
use shatterscope::plan::{Memory, Plan, Storage, Verified, Want};
use shatterscope_layers::{Layer, to_graph};

/// A graph with the slots of its values, and of its gradients where they are wanted.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Where everything begins, in units of a point.
    pub slots: Vec<u32>,
    /// What the slots take, and the least that any slots take.
    pub memory: Memory,
    want: Want,
    verified: Verified,
}

impl Placed {
    /// The graph of layers.
    ///
    /// # Errors
    /// Layers that do not follow each other, more than 2^32 - 1 units or parameters, no memory.
    pub fn of_layers(layers: &[Layer], want: Want) -> Result<Self> {
        Self::frozen(layers, &[], want)
    }

    /// The same with frozen parameters: weights, gamma or slopes, and biases or beta, of each layer; of layers past the end none.
    ///
    /// # Errors
    /// As [`Placed::of_layers`].
    pub fn frozen(layers: &[Layer], frozen: &[[bool; 2]], want: Want) -> Result<Self> {
        let mut nodes = filled(3 * layers.len() + 1, Node::EMPTY)?;
        let len = to_graph(layers, &mut nodes)?.len();
        nodes.truncate(len);
        for node in &mut nodes {
            // The address is the layer's number, from 1 on; a layer may have other nodes beside its own.
            let layer = node.address.checked_sub(1).map(|layer| layer as usize);
            let Some((layer, frozen)) = layer.and_then(|i| layers.get(i).zip(frozen.get(i))) else { continue };
            if layer.op() == Some(node.op) {
                let (weights, others) = layer.parameters().unwrap_or((0, 0));
                node.frozen = [frozen[0] && weights > 0, frozen[1] && others > 0];
            }
        }
        let mut slots = filled(len * want.slots(), 0)?;
        let mut storages = filled(slots.len(), Storage::EMPTY)?;
        let (plan, memory) = Plan::placed(&Graph::new(&nodes)?, want, &mut storages, &mut slots)?;
        let verified = plan.verified();
        Ok(Self { nodes, slots, memory, want, verified })
    }

    /// The graph.
    ///
    /// # Errors
    /// None for one that was made here.
    pub fn graph(&self) -> Result<Graph<'_>> {
        Ok(Graph::new(&self.nodes)?)
    }

    /// Its plan.
    ///
    /// # Errors
    /// Nodes or slots that were changed.
    pub fn plan(&self) -> Result<Plan<'_>> {
        Ok(Plan::again(&self.graph()?, self.want, &self.slots, &self.verified)?)
    }

    /// Bytes of the buffers of a [`Machine`](crate::Machine) with tiles of `tile` points on so many threads, and of a batch's inputs.
    ///
    /// # Errors
    /// None for one that was made here.
    pub fn bytes(&self, batch: u32, tile: u32, threads: usize) -> Result<u64> {
        let plan = self.plan()?;
        let units = |i: u32| plan.graph().node(i).and_then(|node| node.shape.units()).map_or(0, u64::from);
        let inputs = plan.graph().inputs().map(units).fold(0, u64::saturating_add);
        let floats = [
            plan.values_len(batch, tile).unwrap_or(u64::MAX),
            plan.statistics_len(),
            plan.scratch_best.max(plan.scratch_len),
            plan.gathered_len(tile).saturating_mul((threads as u64).max(2).min(u64::from(batch.div_ceil(tile)))),
            inputs.saturating_mul(u64::from(batch)),
        ];
        let floats = floats.into_iter().fold(0, u64::saturating_add);
        Ok(floats.saturating_mul(4).saturating_add(plan.tape_len(batch, tile).unwrap_or(u64::MAX)))
    }

    /// The words of the nodes, then the slots, as devices take them.
    pub fn words(&self) -> Vec<u32> {
        self.nodes.iter().flat_map(Node::to_words).chain(self.slots.iter().copied()).collect()
    }
}

fn filled<T: Clone>(len: usize, with: T) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(len).map_err(|_| Failure::usage(format!("no memory for {len} nodes")))?;
    all.resize(len, with);
    Ok(all)
}
