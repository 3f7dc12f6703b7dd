use super::Model;
use super::layout::Pieces;
use crate::device::Machine;
use crate::train::Refused;
use crate::watch::{Line, Watch, is_long};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Forward, Mode, Options};
use shatterscope::graph::{Graph, NODE_WORDS, NodeWords};
use shatterscope::plan::{Plan, Want};
use shatterscope::wire::{Predict, Predicted, Why, words_digest};
use shatterscope::workers::Serial;
use shatterscope::{InvalidConfig, Pass};

impl Model {
    /// A forward pass, or the result of the last one.
    pub fn predict<const R: usize, const T: usize, M: Machine>(
        &mut self,
        predict: &Predict,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<Predicted, Refused> {
        match &self.last {
            Some(last) if (last.count, last.inputs) == (predict.count, predict.inputs) => return Ok(*last),
            _ => {}
        }
        if !self.is_ready() {
            return Err(Refused::Why(Why::Nodes, 0, 0));
        }
        // Before the inputs are hashed: a count that was never planned would keep the device busy for hours.
        if predict.count == 0 {
            return Err(Refused::Why(Why::Config(InvalidConfig::Batch), 0, 0));
        }
        if predict.count > self.load.batch {
            let bytes = |points: u32| u64::from(points).saturating_mul(u64::from(self.inputs).saturating_mul(4));
            return Err(Refused::Why(Why::Memory, bytes(predict.count), bytes(self.load.batch)));
        }
        let (digest, ticks) = if self.load.batch == 1 {
            self.predict_in::<R, 1, M>(predict, arena, line)?
        } else {
            self.predict_in::<R, T, M>(predict, arena, line)?
        };
        let Predict { count, inputs, .. } = *predict;
        Ok(*self.last.insert(Predicted { count, inputs, digest, stack: line.answer.machine().stack(), ticks }))
    }

    /// (digest of the outputs, ticks)
    #[inline(never)]
    fn predict_in<const R: usize, const T: usize, M: Machine>(
        &mut self,
        predict: &Predict,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<(Digest, Option<u64>), Refused> {
        // The outputs of the last pass are overwritten, even if this one does not come to its end.
        self.last = None;
        let Pieces { nodes, slots, parameters, running, values, scratch } = self.layout.divide(arena);
        let (count, units) = (predict.count as usize, [self.inputs as usize, self.outputs as usize]);
        let map = Values::new(nodes, slots, self.load.batch, T).ok_or(Refused::Why(Why::Nodes, 0, 0))?;
        let words = (0..count.saturating_mul(units[0])).map(|i| map.input(values, i, units[0]));
        if words_digest(words.map(|x| x.map_or(0, f32::to_bits))) != predict.inputs {
            return Err(Refused::Why(Why::Examples, 0, 0));
        }
        map.repeat_last(values, count, units[0]);
        let plan = Plan::new(&map.graph, Want::Output, map.slots)?;
        let options = Options::new(self.load.batch).with_isa(Isa::detect());
        let buffers = Buffers::of_outputs(values, scratch);
        let watched = is_long(&plan, predict.count, self.report);
        line.answer.machine().begin();
        let all = (&*parameters, &*running);
        let watched = watched.then_some((&mut *line, self.report));
        let done = forward::<R, T, M>(&plan, options, buffers, all, predict.count, watched);
        let ticks = line.answer.machine().end(done.is_ok());
        done?;
        let mut digest = Digest::new();
        for i in 0..count.saturating_mul(units[1]) {
            digest.push_bits(map.output(values, i, units[1]).unwrap_or(f32::NAN));
        }
        Ok((digest, ticks))
    }
}

/// Out of line: what the pass keeps on the stack is not there while inputs are looked at.
#[inline(never)]
fn forward<const R: usize, const T: usize, M: Machine>(
    plan: &Plan,
    options: Options,
    buffers: Buffers,
    (parameters, running): (&[f32], &[f32]),
    count: u32,
    watched: Option<(&mut Line<M>, u32)>,
) -> Result<(), Refused> {
    let mut made = Executor::<_, R, T>::new(plan, &Serial, options, buffers);
    // By reference: a move would be a second executor on the stack.
    let executor = match &mut made {
        Ok(executor) => executor,
        Err(error) => return Err((*error).into()),
    };
    let mut forward = executor.begin(count)?.forward(parameters, Mode::Inference { running })?;
    if let Some((line, report)) = watched {
        watch(&mut forward, (line, report), (plan, count))?;
    }
    forward.run()?;
    Ok(())
}

/// The nodes of a pass that is watched. Out of line: others do not pay for it on the stack.
#[inline(never)]
fn watch<const R: usize, const T: usize, M: Machine>(
    forward: &mut Forward<Serial, R, T>,
    (line, report): (&mut Line<M>, u32),
    (plan, count): (&Plan, u32),
) -> Result<(), Refused> {
    let mut watch = Watch::new(line, plan, count, report);
    let (budget, mut node) = (watch.budget(), forward.node());
    while forward.step(budget)? {
        if forward.node() == node {
            watch.part(forward.done())?;
        } else {
            watch.worked(plan.graph(), Pass::Forward, node)?;
            node = forward.node();
        }
    }
    Ok(())
}

/// Where the elements of inputs and outputs are among the values.
pub(super) struct Values<'a> {
    pub graph: Graph<'a>,
    pub slots: &'a [u32],
    /// Points that the values have room for.
    points: usize,
    tile: usize,
}

impl<'a> Values<'a> {
    /// Of the words of nodes that were checked when they came; None for others.
    pub fn new(nodes: &'a [u32], slots: &'a [u32], batch: u32, tile: usize) -> Option<Self> {
        let nodes: &[NodeWords] = nodes.as_chunks::<NODE_WORDS>().0;
        let graph = Graph::from_words(nodes).ok()?;
        Some(Self { graph, slots, points: (batch as usize).next_multiple_of(tile.max(1)), tile: tile.max(1) })
    }

    /// The index of the unit of a point among the values, counted over these nodes.
    fn at(&self, point: usize, unit: usize, nodes: impl Iterator<Item = u32>) -> Option<usize> {
        let mut unit = unit;
        for i in nodes {
            let units = self.graph.words(i) as usize;
            if let Some(rest) = unit.checked_sub(units) {
                unit = rest;
                continue;
            }
            let slot = *self.slots.get(i as usize)? as usize;
            let tile = (point / self.tile).wrapping_mul(units).wrapping_add(unit).wrapping_mul(self.tile);
            return Some(slot.wrapping_mul(self.points).wrapping_add(tile).wrapping_add(point % self.tile));
        }
        None
    }

    /// Element i of the inputs, `[point][unit]`.
    fn input(&self, values: &[f32], i: usize, units: usize) -> Option<f32> {
        let at = self.at(i.checked_div(units)?, i.checked_rem(units)?, self.graph.inputs())?;
        values.get(at).copied()
    }

    /// Element i of the outputs, `[point][unit]`.
    pub fn output(&self, values: &[f32], i: usize, units: usize) -> Option<f32> {
        let at = self.at(i.checked_div(units)?, i.checked_rem(units)?, self.graph.outputs())?;
        values.get(at).copied()
    }

    /// Elements of the inputs from `first` on.
    pub fn put_inputs(&self, values: &mut [f32], first: usize, units: usize, words: impl Iterator<Item = u32>) {
        for (i, word) in (first..).zip(words) {
            let (Some(point), Some(unit)) = (i.checked_div(units), i.checked_rem(units)) else { return };
            let at = self.at(point, unit, self.graph.inputs());
            let room = point < self.points;
            if let Some(to) = at.filter(|_| room).and_then(|at| values.get_mut(at)) {
                *to = f32::from_bits(word);
            }
        }
    }

    /// Lanes past the last point are that point again.
    fn repeat_last(&self, values: &mut [f32], count: usize, units: usize) {
        for point in count..count.next_multiple_of(self.tile) {
            for unit in 0..units {
                let from = self.at(count.saturating_sub(1), unit, self.graph.inputs());
                let to = self.at(point, unit, self.graph.inputs());
                let x = from.and_then(|from| values.get(from)).copied();
                if let (Some(x), Some(to)) = (x, to.and_then(|to| values.get_mut(to))) {
                    *to = x;
                }
            }
        }
    }
}
