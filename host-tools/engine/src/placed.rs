//! Graphs with slots for what is wanted of them.
use crate::{Failure, Names, Result};
use shatterscope::graph::{Graph, Node, Op};
use shatterscope::plan::{Memory, Plan, Storage, Verified, Want};
use shatterscope::{Error, NonFinite, Pass};
use shatterscope_layers::{Layer, to_graph};

/// What to do about NaN or infinity in a network as it is, outside of a step of its training.
pub const OUT_OF_RANGE: &str = "the numbers leave the range of f32; train with a lower --rate, or with --clip-norm";

/// A graph with the slots of its values, and of its gradients where they are wanted.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Where everything begins, in units of a point.
    pub slots: Vec<u32>,
    /// What the slots take, and the least that any slots take.
    pub memory: Memory,
    /// The names of the nodes.
    names: Names,
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
        match to_graph(layers, &mut nodes).map(|graph| graph.len()) {
            Ok(len) => nodes.truncate(len),
            Err(error) => {
                if let Error::InvalidNode { node, .. } = error {
                    nodes.truncate(node as usize);
                }
                return Err(named(&Names::until(layers, &nodes), &nodes, error, OUT_OF_RANGE));
            }
        }
        for node in &mut nodes {
            // The address is the layer's number, from 1 on; a layer may have other nodes beside its own.
            let layer = node.address.checked_sub(1).map(|layer| layer as usize);
            let Some((layer, frozen)) = layer.and_then(|i| layers.get(i).zip(frozen.get(i))) else { continue };
            if layer.op() == Some(node.op) {
                let (weights, others) = layer.parameters().unwrap_or((0, 0));
                node.frozen = [frozen[0] && weights > 0, frozen[1] && others > 0];
            }
        }
        Self::of_nodes(nodes, want)
    }

    /// The graph of nodes, which get the names of [`Names::of`].
    ///
    /// # Errors
    /// Nodes that are no graph, more than 2^32 - 1 units or parameters, no memory.
    pub fn of_nodes(nodes: Vec<Node>, want: Want) -> Result<Self> {
        let names = Names::of(&nodes);
        let refused = |error: Error| named(&names, &nodes, error, OUT_OF_RANGE);
        let mut slots = filled(nodes.len() * want.slots(), 0)?;
        let mut storages = filled(slots.len(), Storage::EMPTY)?;
        let graph = Graph::new(&nodes).map_err(refused)?;
        let (plan, memory) = Plan::with_placed_slots(&graph, want, &mut storages, &mut slots).map_err(refused)?;
        let verified = plan.verified();
        Ok(Self { nodes, slots, memory, names, want, verified })
    }

    /// The same graph under other names.
    ///
    /// # Errors
    /// More names than nodes, or fewer.
    pub fn with_names(self, names: Names) -> Result<Self> {
        let (nodes, given) = (self.nodes.len(), names.len());
        if nodes != given {
            return Err(Failure::failed(format!("{given} names for {nodes} nodes: every node needs one name")));
        }
        Ok(Self { names, ..self })
    }

    /// The names of the nodes.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What the gradients are of that the slots have room for.
    pub(crate) fn want(&self) -> Want {
        self.want
    }

    /// An error of the core with the name of the node that it is about; `advice` says what to do about NaN and infinity.
    pub fn failure(&self, error: Error, advice: &str) -> Failure {
        named(&self.names, &self.nodes, error, advice)
    }

    /// The graph.
    ///
    /// # Errors
    /// None for one that was made here.
    pub fn graph(&self) -> Result<Graph<'_>> {
        Graph::new(&self.nodes).map_err(|error| self.failure(error, OUT_OF_RANGE))
    }

    /// Its plan.
    ///
    /// # Errors
    /// Nodes or slots that were changed.
    pub fn plan(&self) -> Result<Plan<'_>> {
        Plan::from_verified(&self.graph()?, self.want, &self.slots, &self.verified)
            .map_err(|error| self.failure(error, OUT_OF_RANGE))
    }

    /// Bytes of the buffers of a [`Machine`](crate::Machine) with tiles of `tile` points on so many threads, and of a batch's inputs.
    ///
    /// # Errors
    /// None for one that was made here.
    pub fn bytes(&self, batch: u32, tile: u32, threads: usize) -> Result<u64> {
        let plan = self.plan()?;
        let units = |i: u32| u64::from(plan.graph().words(i));
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

/// An error of the core with the name of its node.
fn named(names: &Names, nodes: &[Node], error: Error, advice: &str) -> Failure {
    match error {
        Error::NonFinite(NonFinite { pass, layer }) => {
            let pass = if pass == Pass::Forward { "forward" } else { "backward" };
            let node = at_address(names, nodes, layer);
            Failure::non_finite(format!("NaN or infinity in the {pass} pass, first at {node}: {advice}"))
        }
        Error::InvalidNode { node, reason } => {
            Failure::failed(format!("node {} is refused: {reason}", names.shown(node)))
        }
        Error::NoNode { node, .. } => Failure::failed(format!("no forward pass stops at node {}", names.shown(node))),
        error => error.into(),
    }
}

/// The node of an address in words. Inputs, reshapes and shortcuts compute nothing, so that a layer has one node that does; of any other graph
/// several nodes can have the address.
fn at_address(names: &Names, nodes: &[Node], address: u32) -> String {
    let computes = |op: Op| !matches!(op, Op::Input { .. } | Op::Reshape { .. } | Op::Shortcut { .. });
    let all = (0..).zip(nodes).filter(|(_, node)| node.address == address && computes(node.op));
    let all: Vec<String> = all.map(|(i, _)| names.shown(i)).collect();
    match all.as_slice() {
        [] => format!("layer {address} (counted from 1)"),
        [one] => format!("node {one}"),
        several => format!("one of the nodes {}", several.join(", ")),
    }
}

fn filled<T: Clone>(len: usize, with: T) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(len).map_err(|_| Failure::usage(format!("no memory for {len} nodes")))?;
    all.resize(len, with);
    Ok(all)
}
