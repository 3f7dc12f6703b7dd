//! Inference on the device: a graph, its parameters and its values lie in the arena from one request to the next.
mod layout;
mod predict;
mod stores;

use crate::train::Refused;
use crate::training_words;
pub use layout::{ModelLayout, model_layout};
use shatterscope::contract::Digest;
use shatterscope::graph::{Graph, NODE_WORDS};
use shatterscope::plan::Plan;
use shatterscope::wire::{Load, Loaded, Predicted, Why, words_digest};

/// A graph between two requests.
pub(crate) struct Model {
    load: Load,
    layout: ModelLayout,
    /// Units of all inputs and outputs of one point.
    inputs: u32,
    outputs: u32,
    last: Option<Predicted>,
}

impl Model {
    /// The one that is asked for; its nodes are to come.
    pub fn new(load: &Load) -> Self {
        Self { load: *load, layout: ModelLayout::default(), inputs: 0, outputs: 0, last: None }
    }

    /// Whether this is the one that is asked for.
    pub fn is(&self, load: &Load) -> bool {
        self.load == *load
    }

    pub fn number(&self) -> u32 {
        self.load.session
    }

    /// Whether its memory is laid out.
    fn is_ready(&self) -> bool {
        self.layout.values > 0
    }

    /// Words of the nodes and of their slots.
    fn node_words(&self) -> usize {
        (self.load.nodes as usize).saturating_mul(NODE_WORDS + 1)
    }

    /// Checks the nodes and slots that have come and lays out the arena; then how it is laid out.
    #[inline(never)]
    pub fn load<const T: usize>(&mut self, arena: &mut [f32]) -> Result<Loaded, Refused> {
        if !self.is_ready() {
            self.prepare::<T>(arena)?;
        }
        let ModelLayout { parameters, running, values, least, .. } = self.layout;
        let start = self.layout.nodes as usize + self.layout.slots as usize;
        let kept = arena.get(start..start + parameters as usize + running as usize).unwrap_or_default();
        Ok(Loaded {
            parameters,
            running,
            inputs: self.inputs,
            outputs: self.outputs,
            values,
            arena: 4 * self.layout.words(),
            least: 4 * least,
            digest: Digest::of(kept),
        })
    }

    #[inline(never)]
    fn prepare<const T: usize>(&mut self, arena: &mut [f32]) -> Result<(), Refused> {
        let have = arena.len() as u64;
        let Some((words, rest)) = arena.split_at_mut_checked(self.node_words()) else {
            return Err(Refused::Why(Why::Memory, 4 * self.node_words() as u64, 4 * have));
        };
        let words: &[u32] = bytemuck::cast_slice(words);
        if words_digest(words.iter().copied()) != self.load.digest {
            return Err(Refused::Why(Why::Nodes, 0, 0));
        }
        let (nodes, slots) = words.split_at_checked(self.load.nodes as usize * NODE_WORDS).unwrap_or_default();
        let graph = Graph::from_words(nodes.as_chunks::<NODE_WORDS>().0)?;
        let plan = Plan::new(&graph, slots)?;
        let units = |i: u32| graph.node(i).and_then(|node| node.shape.units()).unwrap_or(0);
        let sum = |units: u32, i: u32| units.saturating_add(i);
        (self.inputs, self.outputs) = (graph.inputs().map(units).fold(0, sum), graph.outputs().map(units).fold(0, sum));
        let words = training_words(have, self.load.ram, size_of::<usize>() > 4);
        let layout = model_layout(&plan, graph.len(), self.load.batch, T as u32, words)?;
        let layout = layout.map_err(|short| Refused::Why(Why::Memory, short.need, short.have))?;
        // What is put is added to, where frames are lost: no parameter is one of another model.
        let kept = layout.parameters as usize + layout.running as usize;
        self.layout = layout;
        rest.get_mut(..kept).unwrap_or_default().fill(0.0);
        Ok(())
    }
}
