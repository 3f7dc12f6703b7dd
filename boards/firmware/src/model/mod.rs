//! Inference on the device: a graph, its parameters and its values lie in the arena from one request to the next.
mod layout;
mod predict;
mod stores;

use crate::nodes::Nodes;
use crate::train::Refused;
use crate::training_words;
pub use layout::{ModelLayout, model_layout};
use shatterscope::contract::Digest;
use shatterscope::plan::Want;
use shatterscope::wire::{Load, Loaded, Predicted, Why};

/// A graph between two requests.
pub(crate) struct Model {
    load: Load,
    layout: ModelLayout,
    /// Units of all inputs and outputs of one point.
    inputs: u32,
    outputs: u32,
    /// Multiply-adds between two reports of progress, as the host wants them; 0 for none.
    report: u32,
    last: Option<Predicted>,
    /// Whether it has values of bytes.
    int8: bool,
}

impl Model {
    /// The one that is asked for; its nodes are to come.
    pub fn new(load: &Load) -> Self {
        Self { load: *load, layout: ModelLayout::default(), inputs: 0, outputs: 0, report: 0, last: None, int8: false }
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

    fn nodes(&self) -> Nodes {
        Nodes { count: self.load.nodes, digest: self.load.digest, want: Want::Output }
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
            digest: Digest::of_bits(kept),
        })
    }

    #[inline(never)]
    fn prepare<const T: usize>(&mut self, arena: &mut [f32]) -> Result<(), Refused> {
        let have = arena.len() as u64;
        let plan = self.nodes().plan(arena)?;
        let graph = plan.graph();
        let units = |i: u32| graph.words(i);
        self.int8 = graph.has_int8();
        let sum = |units: u32, i: u32| units.saturating_add(i);
        (self.inputs, self.outputs) = (graph.inputs().map(units).fold(0, sum), graph.outputs().map(units).fold(0, sum));
        let words = training_words(have, self.load.ram, size_of::<usize>() > 4);
        let layout = model_layout(&plan, graph.len(), self.load.batch, T as u32, words)?;
        self.layout = layout.map_err(|short| Refused::Why(Why::Memory, short.need, short.have))?;
        // What is put is added to, where frames are lost: no parameter is one of another model.
        let kept = self.layout.parameters as usize + self.layout.running as usize;
        arena.get_mut(self.nodes().words()..).and_then(|rest| rest.get_mut(..kept)).unwrap_or_default().fill(0.0);
        Ok(())
    }
}
