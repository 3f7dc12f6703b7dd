//! Training on the device: a graph, its parameters and all else lie in the arena from one step to the next.
mod flash;
mod layout;
mod refused;
mod step;
mod stores;
mod trace;

use crate::nodes::Nodes;
use crate::training_words;
use layout::{Pieces, init};
pub use layout::{TrainingLayout, training_layout, training_tile};
pub(crate) use refused::Refused;
use shatterscope::contract::Digest;
use shatterscope::plan::Want;
use shatterscope::train::Powers;
use shatterscope::wire::{Ready, Saved, StepResult, Train, Why};
use shatterscope::{Error, InvalidSpec};
pub(crate) use trace::TraceWriter;

/// A training between two requests.
pub(crate) struct Session {
    train: Train,
    layout: TrainingLayout,
    powers: Powers,
    /// Steps done.
    step: u32,
    last: Option<StepResult>,
    /// What the flash has of it since it was last saved or restored.
    saved: Option<Saved>,
    /// Multiply-adds between two reports of progress, as the host wants them; 0 for none.
    report: u32,
    /// Units of the input, and where its value begins, in units of a point.
    input: (u32, u32),
}

impl Session {
    /// The one that is asked for; its nodes are to come.
    pub fn new(train: &Train) -> Self {
        let (step, powers, layout) = (train.with.step, Powers::new(), TrainingLayout::default());
        Self { train: *train, layout, powers, step, last: None, saved: None, report: 0, input: (0, 0) }
    }

    /// Whether this is the one that is asked for.
    pub fn is(&self, train: &Train) -> bool {
        self.train == *train
    }

    pub fn number(&self) -> u32 {
        self.train.session
    }

    /// Whether its memory is laid out.
    fn is_ready(&self) -> bool {
        self.layout.values > 0
    }

    fn nodes(&self) -> Nodes {
        Nodes { count: self.train.nodes, digest: self.train.digest, want: Want::ParameterGradient }
    }

    /// Checks the nodes and slots that have arrived, lays out the arena and draws the weights; returns the state of the training.
    #[inline(never)]
    pub fn begin<const T: usize>(&mut self, arena: &mut [f32]) -> Result<Ready, Refused> {
        if !self.is_ready() {
            self.prepare::<T>(arena)?;
            self.draw(arena)?;
        }
        let TrainingLayout { parameters, running, state, least, .. } = self.layout;
        let (arena_bytes, least) = (4 * self.layout.words(), 4 * least);
        let digest = self.digest(arena);
        Ok(Ready { step: self.step, parameters, running, state, arena: arena_bytes, least, digest })
    }

    #[inline(never)]
    fn prepare<const T: usize>(&mut self, arena: &[f32]) -> Result<(), Refused> {
        let plan = self.nodes().plan(arena)?;
        let graph = plan.graph();
        let ends = (graph.inputs().count(), graph.outputs().count());
        if ends != (1, 1) {
            return Err(Error::InvalidSpec(InvalidSpec::Ends).into());
        }
        let units = graph.node(0).and_then(|node| node.shape.units()).unwrap_or(0);
        let words = training_words(arena.len() as u64, self.train.with.ram, size_of::<usize>() > 4);
        let layout = training_layout(&plan, &self.train.with, T as u32, words)?;
        self.input = (units, plan.value_slot(0) as u32);
        self.layout = layout.map_err(|short| Refused::Why(Why::Memory, short.need, short.have))?;
        Ok(())
    }

    /// Weights as the seed has them; running means 0 and variances 1.
    #[inline(never)]
    fn draw(&self, arena: &mut [f32]) -> Result<(), Refused> {
        let kept = [self.layout.parameters, self.layout.running, self.layout.state];
        let [parameters, running, state] = kept.map(|words| words as usize);
        let (nodes, rest) = arena.split_at_mut_checked(self.nodes().words()).unwrap_or_default();
        let graph = self.nodes().graph(nodes)?;
        let (parameters, rest) = rest.split_at_mut_checked(parameters).unwrap_or_default();
        let (mut running, rest) = rest.split_at_mut_checked(running).unwrap_or_default();
        let (state, scratch) = rest.split_at_mut_checked(state).unwrap_or_default();
        init(&self.train.with).fill(&graph, parameters, scratch)?;
        state.fill(0.0);
        for i in 0..graph.len() as u32 {
            let channels = graph.facts(i).map_or(0, |facts| facts.running as usize);
            let (means, rest) = core::mem::take(&mut running).split_at_mut_checked(channels).unwrap_or_default();
            let (variances, rest) = rest.split_at_mut_checked(channels).unwrap_or_default();
            means.fill(0.0);
            variances.fill(1.0);
            running = rest;
        }
        Ok(())
    }

    fn digest(&self, arena: &[f32]) -> Digest {
        let start = (self.layout.nodes + self.layout.slots) as usize;
        let end = start + (self.layout.parameters + self.layout.running) as usize;
        Digest::of(arena.get(start..end).unwrap_or_default())
    }
}
