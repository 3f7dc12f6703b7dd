use super::backward::Backward;
use super::forward::Passed;
use super::memory::Memory;
use super::run::{Room, least};
use super::sink::{Sink, Update, Way};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::train::UpdateRule;
use crate::workers::Workers;

/// The values of the outputs, and where the backward pass starts.
pub struct Outputs<'e, 'a, K, const R: usize, const T: usize> {
    memory: &'e mut Memory<'a, K, T>,
    room: &'e mut Room<'a>,
    passed: Passed,
}

impl<'e, 'a, K: Workers, const R: usize, const T: usize> Outputs<'e, 'a, K, R, T> {
    pub(super) const fn new(memory: &'e mut Memory<'a, K, T>, room: &'e mut Room<'a>, passed: Passed) -> Self {
        Self { memory, room, passed }
    }

    /// The nodes of the outputs, ascending.
    pub(super) fn nodes(&self) -> impl Iterator<Item = u32> + use<'a, K, R, T> {
        let plan = self.memory.plan;
        let last = plan.graph().len() as u32 - 1;
        let first = if plan.lifetimes.outputs == 1 { last } else { 0 };
        (first..=last).filter(move |i| plan.graph().last_use(*i as usize) > last)
    }

    /// Points of the batch.
    pub(super) fn count(&self) -> usize {
        self.memory.count
    }

    fn is_output(&self, node: u32) -> bool {
        let graph = self.memory.plan.graph();
        (node as usize) < graph.len() && graph.last_use(node as usize) as usize == graph.len()
    }

    /// The value of an output's node, `[tile][unit][T]`, and how many elements a tile has. None where the node is no output.
    pub fn output(&self, node: u32) -> Option<(&[f32], usize)> {
        let span = self.memory.span(node);
        self.is_output(node).then(|| (self.memory.get(span), span.tile_len))
    }

    /// The value of an output's node, and where its gradient is to be written, both `[tile][unit][T]`; how many elements a tile has. Lanes past
    /// the last point do not matter. None where the node is no output, and under a plan without a backward pass.
    pub fn output_and_gradient(&mut self, node: u32) -> Option<(&[f32], &mut [f32], usize)> {
        if !self.is_output(node) || !self.memory.is_trained(node) {
            return None;
        }
        let (value, gradient) = (self.memory.span(node), self.memory.gradient(node));
        let (rest, gradient) = self.memory.writing(gradient);
        Some((rest.get(value), gradient, value.tile_len))
    }

    /// Begins the backward pass from the gradients of the outputs. Gradients of the parameters are added to `gradient`, in the order of the
    /// parameters, chain after chain where earlier batches left them; an empty one takes none. What is added to is +0.0 or what an earlier
    /// batch left, never -0.0.
    ///
    /// # Errors
    /// [`Error::TooShort`]; [`InvalidSpec::Want`] under a plan without these gradients.
    pub fn backward<'p>(
        self,
        parameters: &'p [f32],
        gradient: &'p mut [f32],
    ) -> Result<Backward<'e, 'a, 'p, K, R, T>, Error> {
        let wanted = !gradient.is_empty();
        if wanted {
            least(Buffer::Gradient, gradient.len(), self.memory.plan.parameters_len)?;
        }
        self.begin(Sink::new(Way::Buffer(parameters, gradient)), wanted, false)
    }

    /// The same without a buffer for gradients: `update(index of the first, parameters, their gradients)` is called for consecutive parts of
    /// the parameters, once for each parameter.
    ///
    /// # Errors
    /// As [`Outputs::backward`].
    pub fn backward_with<'p>(
        self,
        parameters: &'p mut [f32],
        update: &'p mut Update<'p>,
    ) -> Result<Backward<'e, 'a, 'p, K, R, T>, Error> {
        self.begin(Sink::new(Way::Update(parameters, update)), true, true)
    }

    /// The same with the update rule of an optimiser, whose state is `state`. Gradients are not stored; SGD with batch size 1 in tiles of one point
    /// does not even compute those of dense layers separately.
    ///
    /// # Numerics
    /// Bit for bit [`Outputs::backward`] and [`UpdateRule::apply`], where no parameter is -0.0: none is drawn, and no step makes one.
    ///
    /// # Errors
    /// As [`Outputs::backward`].
    pub fn descend<'p>(
        self,
        parameters: &'p mut [f32],
        state: &'p mut [f32],
        step: &'p UpdateRule,
    ) -> Result<Backward<'e, 'a, 'p, K, R, T>, Error> {
        let need = self.memory.plan.parameters_len.saturating_mul(step.kept() as u64);
        least(Buffer::State, state.len(), need)?;
        self.begin(Sink::new(Way::Step(parameters, state, step)), true, step.plain().is_none())
    }

    // Out of line: a small stack does not hold it during the pass.
    #[inline(never)]
    fn begin<'p>(
        mut self,
        sink: Sink<'p>,
        of_parameters: bool,
        stored: bool,
    ) -> Result<Backward<'e, 'a, 'p, K, R, T>, Error> {
        let plan = self.memory.plan;
        if !plan.want().backward() || (of_parameters && !plan.want().parameters()) {
            return Err(Error::InvalidSpec(InvalidSpec::Want));
        }
        least(Buffer::Parameters, sink.parameters().len(), plan.parameters_len)?;
        if stored {
            least(Buffer::Scratch, self.room.scratch.len(), plan.scratch_len)?;
        }
        self.clear_past_the_last();
        Ok(Backward::new(self.memory, self.room, self.passed, sink))
    }

    /// Points that are none have no gradient.
    fn clear_past_the_last(&mut self) {
        let last = self.memory.tiles.saturating_sub(1);
        let valid = self.memory.count.saturating_sub(last.wrapping_mul(T));
        if valid >= T {
            return;
        }
        for node in 0..self.memory.plan.graph().len() as u32 {
            if self.is_output(node) && self.memory.is_trained(node) {
                let span = self.memory.gradient(node);
                let tile = invariant!(self.memory.get_mut(span).get_mut(last.wrapping_mul(span.tile_len)..));
                for lanes in tile.as_chunks_mut::<T>().0 {
                    invariant!(lanes.get_mut(valid..)).fill(0.0);
                }
            }
        }
    }
}
