use super::trace::Trace;
use super::{Pieces, Refused, Session};
use crate::answer::Answer;
use crate::device::{Gone, Machine};
use shatterscope::Setting;
use shatterscope::exec::{Executor, Mode, Options, Outputs};
use shatterscope::graph::{Graph, NODE_WORDS};
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::network::Serial;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{MeanLoss, Step, correct_count, cross_entropy};
use shatterscope::wire::{self, Stage, Taught, Teach, Why, examples_digest};

impl Session {
    /// One step, or what the last one came to.
    pub fn teach<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &Teach,
        arena: &mut [f32],
        machine: &mut M,
    ) -> Result<Taught, Refused> {
        match &self.last {
            Some(last) if last.step == teach.step.wrapping_add(1) && last.step == self.step => return Ok(*last),
            _ if teach.step != self.step => {
                return Err(Refused::Why(Why::Step, teach.step as u64, self.step as u64));
            }
            _ => {}
        }
        let none = None::<&mut Trace<M>>;
        let (loss, correct, ticks) = if self.train.with.batch == 1 {
            self.teach_in::<R, 1, M>(teach, arena, Some(machine), none)?
        } else {
            self.teach_in::<R, T, M>(teach, arena, Some(machine), none)?
        };
        self.step = self.step.saturating_add(1);
        let (step, digest, stack) = (self.step, self.digest(arena), machine.stack());
        Ok(*self.last.insert(Taught { step, loss, correct, digest, stack, ticks }))
    }

    /// One step, of which it says what came of the nodes.
    #[inline(never)]
    pub fn trace<const R: usize, const T: usize, M: Machine>(
        &mut self,
        asked: &wire::Trace,
        arena: &mut [f32],
        answer: &mut Answer<M>,
    ) -> Result<(), Gone> {
        if asked.step.step != self.step {
            return answer.refuse(Why::Step, asked.step.step as u64, self.step as u64);
        }
        let mut trace = Trace::new(asked.what, answer);
        let done = if self.train.with.batch == 1 {
            self.teach_in::<R, 1, M>(&asked.step, arena, None, Some(&mut trace))
        } else {
            self.teach_in::<R, T, M>(&asked.step, arena, None, Some(&mut trace))
        };
        match done {
            Ok(_) => {
                (self.step, self.last) = (self.step.saturating_add(1), None);
                trace.end(4 * self.layout.words())
            }
            Err(refused) => refused.say(trace.answer()),
        }
    }

    /// (loss, right answers, ticks)
    #[inline(never)]
    fn teach_in<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &Teach,
        arena: &mut [f32],
        mut machine: Option<&mut M>,
        trace: Option<&mut Trace<M>>,
    ) -> Result<(f32, u32, Option<u64>), Refused> {
        // Before the inputs are hashed: a count that was never planned would keep the device busy for hours.
        if teach.count == 0 {
            return Err(Refused::Why(Why::Setting(Setting::Batch), 0, 0));
        }
        if teach.count > self.train.with.batch {
            let bytes = |points: u32| u64::from(points).saturating_mul(u64::from(self.input.0).saturating_mul(4));
            return Err(Refused::Why(Why::Memory, bytes(teach.count), bytes(self.train.with.batch)));
        }
        let mut powers = self.powers;
        let rule = self.train.with.settings.step(teach.rate, &mut powers)?;
        let (count, units) = (teach.count as usize, self.input.0 as usize);
        let input = self.input_map(T);
        let Pieces { nodes, slots, parameters, running, state, labels, buffers } = self.layout.divide(arena);
        let graph = Graph::from_words(nodes.as_chunks::<NODE_WORDS>().0)?;
        let plan = Plan::new(&graph, Want::ParameterGradient, slots)?;
        let labels = labels.get(..count).unwrap_or_default();
        let value = |at: Option<usize>| at.and_then(|at| buffers.values.get(at).copied()).unwrap_or(f32::NAN);
        let all = (0..count).flat_map(|point| (0..units).map(move |unit| (point, unit)));
        let inputs = all.map(|(point, unit)| value(input.at(point, unit)));
        if examples_digest(inputs, labels.iter().copied()) != teach.examples {
            return Err(Refused::Why(Why::Examples, 0, 0));
        }
        let output = graph.len().saturating_sub(1) as u32;
        let classes = graph.node(output).and_then(|node| node.shape.units()).unwrap_or(0);
        if let Some(&label) = labels.iter().find(|&&label| label >= classes) {
            return Err(Refused::Why(Why::Label, label as u64, classes as u64));
        }
        input.repeat_last(buffers.values, count);
        let pass = Pass { teach, seed: self.train.with.seed, output, classes: classes as usize, labels };
        let options = Options { batch: self.train.with.batch, isa: Isa::detect() };
        let mut made = Executor::<_, R, T>::new(&plan, &Serial, options, buffers);
        // By reference: a move would be a second executor on the stack.
        let executor = match &mut made {
            Ok(executor) => executor,
            Err(error) => return Err((*error).into()),
        };
        if let Some(machine) = &mut machine {
            machine.begin();
        }
        let done = step(executor, (parameters, running, state), (&pass, &rule), trace);
        let ticks = machine.and_then(|machine| machine.end(done.is_ok()));
        let (loss, correct) = done?;
        self.powers = powers;
        Ok((loss, correct, ticks))
    }
}

/// What a step needs to know besides the plan.
struct Pass<'a> {
    teach: &'a Teach,
    seed: u64,
    output: u32,
    classes: usize,
    labels: &'a [u32],
}

/// Forward, losses, backward, and each parameter on its way: (loss, right answers).
#[inline(never)]
fn step<const R: usize, const T: usize, M: Machine>(
    executor: &mut Executor<Serial, R, T>,
    (parameters, running, state): (&mut [f32], &mut [f32], &mut [f32]),
    (pass, rule): (&Pass, &Step),
    mut trace: Option<&mut Trace<M>>,
) -> Result<(f32, u32), Refused> {
    let count = pass.teach.count as usize;
    let mode = Mode::Training { seed: pass.seed, step: pass.teach.step, running };
    let mut forward = executor.begin(pass.teach.count)?.forward(parameters, mode)?;
    if let Some(trace) = &mut trace {
        trace.tiles::<T>((Stage::Forward, 0), forward.value(), count);
        while forward.step()? {
            trace.tiles::<T>((Stage::Forward, forward.node().saturating_sub(1)), forward.value(), count);
        }
    }
    let mut outputs = forward.run()?;
    let done = lose(&mut outputs, pass)?;
    let mut backward = outputs.descend(parameters, state, rule)?;
    let mut left = pass.output.saturating_add(1);
    if let Some(trace) = &mut trace {
        while let Some(node) = backward.node() {
            trace.tiles::<T>((Stage::Backward, node), backward.gradient(), count);
            backward.step()?;
            trace.elements((Stage::Parameters, node), backward.parameters().iter().copied());
            left = node;
        }
    }
    backward.run()?;
    // What has no gradient.
    if let Some(trace) = &mut trace {
        for node in (0..left).rev() {
            trace.elements((Stage::Backward, node), core::iter::empty());
            trace.elements((Stage::Parameters, node), core::iter::empty());
        }
    }
    Ok(done)
}

/// Computes the losses and writes their gradients to the outputs. Out of line: a small stack does not hold it during the passes.
#[inline(never)]
fn lose<const R: usize, const T: usize>(
    outputs: &mut Outputs<Serial, R, T>,
    Pass { teach, output, classes, labels, .. }: &Pass,
) -> Result<(f32, u32), Refused> {
    let Some((z, gradient, tile_len)) = outputs.output_and_gradient(*output) else {
        return Err(Refused::Why(Why::Nodes, 0, 0));
    };
    let (mut mean, mut correct) = (MeanLoss::new(), 0);
    let tiles = z.chunks(tile_len.max(1)).zip(gradient.chunks_mut(tile_len.max(1)));
    for (labels, (z, gradient)) in labels.chunks(T).zip(tiles) {
        let mut losses = [0.0; T];
        let losses = losses.get_mut(..labels.len()).unwrap_or_default();
        correct += correct_count(z, (*classes, T), labels)?;
        gradient.iter_mut().zip(z).for_each(|(gradient, z)| *gradient = *z);
        cross_entropy(gradient, (*classes, T), labels, teach.count, losses, Math::Libm)?;
        mean.add(losses);
    }
    let loss = mean.mean().unwrap_or(0.0);
    if !(f32::MIN..=f32::MAX).contains(&loss) {
        return Err(Refused::Why(Why::Loss, 0, 0));
    }
    Ok((loss, correct))
}
