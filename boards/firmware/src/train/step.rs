use super::{Pieces, Refused, Session};
use crate::device::{Gone, Machine};
use crate::watch::{Line, Watch, is_long};
use shatterscope::exec::Isa;
use shatterscope::exec::{Backward, Executor, Forward, Mode, Options, Outputs};
use shatterscope::graph::{Graph, NODE_WORDS};
use shatterscope::math::Math;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{MeanLoss, UpdateRule, correct_count, cross_entropy};
use shatterscope::wire::{Stage, StepRequest, StepResult, Why, examples_digest};
use shatterscope::workers::Serial;
use shatterscope::{InvalidConfig, Pass};

impl Session {
    /// One step, or what the last one came to.
    pub fn teach<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &StepRequest,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<StepResult, Refused> {
        match &self.last {
            Some(last) if last.step == teach.step.wrapping_add(1) && last.step == self.step => return Ok(*last),
            _ if teach.step != self.step => {
                return Err(Refused::Why(Why::Step, teach.step as u64, self.step as u64));
            }
            _ => {}
        }
        let (loss, correct, ticks) = self.teach_once::<R, T, M>(teach, arena, line)?;
        let (step, digest, stack) = (self.step, self.digest(arena), line.answer.machine().stack());
        Ok(*self.last.insert(StepResult { step, loss, correct, digest, stack, ticks }))
    }

    /// One step, of which it says what came of the nodes.
    #[inline(never)]
    pub fn trace<const R: usize, const T: usize, M: Machine>(
        &mut self,
        step: &StepRequest,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<(), Gone> {
        if step.step != self.step {
            return line.answer.refuse(Why::Step, step.step as u64, self.step as u64);
        }
        match self.teach_once::<R, T, M>(step, arena, line) {
            Ok((_, _, ticks)) => {
                self.last = None;
                match line.trace.take() {
                    Some(trace) => trace.end(&mut line.answer, 4 * self.layout.words(), ticks),
                    None => Ok(()),
                }
            }
            Err(refused) => refused.say(&mut line.answer),
        }
    }

    /// (loss, right answers, ticks) of a step, which then is done.
    // Inlined: a frame of its own would be on the stack during the step.
    #[inline(always)]
    fn teach_once<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &StepRequest,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<(f32, u32, Option<u64>), Refused> {
        let done = if self.train.with.batch == 1 {
            self.teach_in::<R, 1, M>(teach, arena, line)?
        } else {
            self.teach_in::<R, T, M>(teach, arena, line)?
        };
        self.step = self.step.saturating_add(1);
        Ok(done)
    }

    /// (loss, right answers, ticks)
    #[inline(never)]
    fn teach_in<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &StepRequest,
        arena: &mut [f32],
        line: &mut Line<M>,
    ) -> Result<(f32, u32, Option<u64>), Refused> {
        // Before the inputs are hashed: a count that was never planned would keep the device busy for hours.
        if teach.count == 0 {
            return Err(Refused::Why(Why::Config(InvalidConfig::Batch), 0, 0));
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
        let pass = Batch {
            teach,
            seed: self.train.with.seed,
            plan: &plan,
            classes: classes as usize,
            labels,
            report: self.report,
        };
        let options = Options::new(self.train.with.batch).with_isa(Isa::detect());
        let mut made = Executor::<_, R, T>::new(&plan, &Serial, options, buffers);
        // By reference: a move would be a second executor on the stack.
        let executor = match &mut made {
            Ok(executor) => executor,
            Err(error) => return Err((*error).into()),
        };
        let all = (parameters, running, state);
        let watched = line.trace.is_some() || is_long(&plan, teach.count, self.report);
        let done = if watched {
            watched_step(executor, all, (&pass, &rule), line)
        } else {
            line.answer.machine().begin();
            step(executor, all, (&pass, &rule), None::<&mut Watch<M>>)
        };
        let ticks = line.answer.machine().end(done.is_ok());
        let (loss, correct) = done?;
        self.powers = powers;
        Ok((loss, correct, ticks))
    }
}

/// What a step needs to know.
struct Batch<'a> {
    teach: &'a StepRequest,
    seed: u64,
    plan: &'a Plan<'a>,
    classes: usize,
    labels: &'a [u32],
    report: u32,
}

/// A step that is watched. Out of line: others do not pay for it on the stack.
#[inline(never)]
fn watched_step<const R: usize, const T: usize, M: Machine>(
    executor: &mut Executor<Serial, R, T>,
    all: (&mut [f32], &mut [f32], &mut [f32]),
    (pass, rule): (&Batch, &UpdateRule),
    line: &mut Line<M>,
) -> Result<(f32, u32), Refused> {
    let mut watch = Watch::new(line, pass.plan, pass.teach.count, pass.report);
    watch.begin();
    step(executor, all, (pass, rule), Some(&mut watch))
}

/// Forward, losses, backward, and each parameter on its way: (loss, right answers).
///
/// A cancel ends it as long as nothing has changed. The first change is that of the running statistics, at the end of the forward pass; where
/// there are none, that of the parameters which the backward pass comes to first.
#[inline(never)]
fn step<const R: usize, const T: usize, M: Machine>(
    executor: &mut Executor<Serial, R, T>,
    (parameters, running, state): (&mut [f32], &mut [f32], &mut [f32]),
    (pass, rule): (&Batch, &UpdateRule),
    mut watch: Option<&mut Watch<M>>,
) -> Result<(f32, u32), Refused> {
    let mode = Mode::Training { seed: pass.seed, step: pass.teach.step, running };
    let mut forward = executor.begin(pass.teach.count)?.forward(parameters, mode)?;
    if let Some(watch) = &mut watch {
        watched_forward(&mut forward, pass, watch)?;
    }
    let mut outputs = forward.run()?;
    let done = compute_loss(&mut outputs, pass)?;
    let mut backward = outputs.descend(parameters, state, rule)?;
    if let Some(watch) = &mut watch {
        watched_backward(&mut backward, pass, watch)?;
    }
    backward.run()?;
    Ok(done)
}

/// The forward pass of a watched step. Out of line, like the backward pass below: other steps do not hold them on the stack.
#[inline(never)]
fn watched_forward<const R: usize, const T: usize, M: Machine>(
    forward: &mut Forward<Serial, R, T>,
    pass: &Batch,
    watch: &mut Watch<M>,
) -> Result<(), Refused> {
    let (count, graph) = (pass.teach.count as usize, pass.plan.graph());
    watch.trace(|trace, answer| trace.tiles::<T, M>(answer, (Stage::Forward, 0), forward.value(), count));
    let (budget, mut node) = (watch.budget(), forward.node());
    while forward.step(budget)? {
        if forward.node() == node {
            watch.part(forward.done())?;
            continue;
        }
        watch.trace(|trace, answer| trace.tiles::<T, M>(answer, (Stage::Forward, node), forward.value(), count));
        watch.worked(graph, Pass::Forward, node)?;
        node = forward.node();
    }
    Ok(())
}

#[inline(never)]
fn watched_backward<const R: usize, const T: usize, M: Machine>(
    backward: &mut Backward<Serial, R, T>,
    pass: &Batch,
    watch: &mut Watch<M>,
) -> Result<(), Refused> {
    let (count, graph) = (pass.teach.count as usize, pass.plan.graph());
    if pass.plan.running_len > 0 {
        watch.updated();
    }
    let (budget, mut left) = (watch.budget(), graph.len() as u32);
    watch.worked(graph, Pass::Forward, left)?;
    while let Some(node) = backward.node() {
        watch.trace(|trace, answer| trace.tiles::<T, M>(answer, (Stage::Backward, node), backward.gradient(), count));
        loop {
            backward.step(budget)?;
            if backward.has_changed() {
                watch.updated();
            }
            if backward.node() != Some(node) {
                break;
            }
            watch.part(backward.done())?;
        }
        let changed = backward.parameters();
        watch.trace(|trace, answer| trace.elements(answer, (Stage::Parameters, node), changed.iter().copied()));
        watch.worked(graph, Pass::Backward, node)?;
        left = node;
    }
    // What has no gradient.
    for node in (0..left).rev() {
        for stage in [Stage::Backward, Stage::Parameters] {
            watch.trace(|trace, answer| trace.elements(answer, (stage, node), core::iter::empty()));
        }
    }
    Ok(())
}

/// Computes the losses and writes their gradients to the outputs. Out of line: a small stack does not hold it during the passes.
#[inline(never)]
fn compute_loss<const R: usize, const T: usize>(
    outputs: &mut Outputs<Serial, R, T>,
    Batch { teach, plan, classes, labels, .. }: &Batch,
) -> Result<(f32, u32), Refused> {
    let output = plan.graph().len().saturating_sub(1) as u32;
    let Some((z, gradient, tile_len)) = outputs.output_and_gradient(output) else {
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
