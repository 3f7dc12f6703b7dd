//! Batches on the desktop's threads: graphs of a network, and buffers for their passes.
use crate::limits::zeros;
use crate::squares::Squares;
use crate::{Aligned, Failure, Model, OUT_OF_RANGE, Placed, Result, Threads};
use rayon::prelude::*;
use shatterscope::Error;
use shatterscope::exec::Isa;
use shatterscope::exec::{self, Buffers, Executor, Mode, Options, Outputs};
use shatterscope::internals::kernel::Tiled;
use shatterscope::math::Math;
use shatterscope::plan::Want;
use shatterscope::train::{MeanLoss, Settings, clip_by_norm, clip_by_value, correct_count, cross_entropy};
use shatterscope_layers::Layer;

/// Tiles whose convolution operands are gathered beside each other, at least; each thread gathers one.
const GATHERED: u64 = 2;

/// Parameters that a thread updates at a time.
const UPDATED: usize = 1 << 14;

/// What to do about NaN or infinity in a step.
const TOO_LONG: &str = "the steps are too long; lower --rate, or give --clip-norm";

/// Examples in the tiles of a machine.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `[tile][unit][T]`
    pub inputs: Vec<f32>,
    /// `[tile][T]`
    pub labels: Vec<u32>,
    /// Examples.
    pub count: usize,
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Mean loss.
    pub loss: f32,
    /// Examples whose class was found.
    pub correct: u32,
    /// Norm of the gradient of all parameters, before it was clipped; the same bits on any number of threads.
    pub gradient_norm: f64,
}

/// What limits a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of its norm; 0 for none.
    pub norm: f32,
    /// Of its elements; 0 for none.
    pub value: f32,
}

/// What an input's gradient is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Its example's loss.
    Loss,
    /// The sum of its example's outputs: one function for every example, whatever its class.
    Outputs,
}

/// Who looks at the stages of a step.
pub type Watch<'w> = &'w mut dyn FnMut(Stage, u32, &[f32]);

/// A stage of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Values.
    Forward,
    /// Gradients of values.
    Backward,
    /// Parameters after the step.
    Parameters,
}

/// Buffers for batches of a network, and the register tile they are cut for.
pub trait Machine: Send {
    /// Points of a tile.
    fn tile(&self) -> usize;

    /// One step on a batch: the model's parameters, statistics and state move on.
    ///
    /// # Errors
    /// NaN or infinity, with the node; the model is then worth nothing.
    fn train(
        &mut self,
        model: &mut Model,
        settings: &Settings,
        rate: f32,
        limits: Limits,
        batch: &Batch,
    ) -> Result<Outcome>;

    /// One step as [`Machine::train`] takes it without limits, which says what came of every node: `watch(stage, node, elements)` for the values
    /// forward, then, from the last node to the first, for the gradient and the new parameters; elements are `[point][unit]`, none for
    /// what there is not.
    ///
    /// # Errors
    /// As [`Machine::train`].
    fn trace(&mut self, model: &mut Model, settings: &Settings, rate: f32, batch: &Batch, watch: Watch) -> Result<()>;

    /// Gradient of the mean loss with respect to each parameter, before it is clipped, as the next step takes it.
    ///
    /// # Errors
    /// As [`Machine::train`]; the model stays as it is.
    fn gradient(&mut self, model: &Model, batch: &Batch) -> Result<Vec<f32>>;

    /// What the network says of a batch as it is.
    ///
    /// # Errors
    /// As [`Machine::train`]; the model stays as it is.
    fn evaluate(&mut self, model: &Model, batch: &Batch) -> Result<Outcome>;

    /// Gradient with respect to each input, `[example][unit]`, of a sum over the examples, with the batch's statistics, through which
    /// it is differentiated, too.
    ///
    /// # Errors
    /// As [`Machine::evaluate`].
    fn input_gradient(&mut self, model: &Model, batch: &Batch, of: Scalar) -> Result<Vec<f32>>;
}

/// A machine for batches of at most so many examples. `frozen` says of each layer whether its weights and its other parameters keep their values.
///
/// # Errors
/// What the core refuses.
pub fn machine(layers: &[Layer], frozen: &[[bool; 2]], batch: u32, isa: Isa, seed: u64) -> Result<Box<dyn Machine>> {
    let make = Make { layers, frozen, batch, isa, seed };
    isa.tiled(batch, make)
}

struct Make<'a> {
    layers: &'a [Layer],
    frozen: &'a [[bool; 2]],
    batch: u32,
    isa: Isa,
    seed: u64,
}

impl Tiled for Make<'_> {
    type Output = Result<Box<dyn Machine>>;

    fn with<const R: usize, const T: usize>(self) -> Result<Box<dyn Machine>> {
        // What the core refuses is said now.
        Placed::of_layers(self.layers, Want::Output)?;
        Ok(Box::new(Buffered::<R, T> {
            layers: self.layers.to_vec(),
            frozen: self.frozen.to_vec(),
            options: Options::new(self.batch).with_isa(self.isa),
            seed: self.seed,
            placed: [None, None, None],
            owned: Owned::default(),
            threads: Threads::new(),
            gradient: Vec::new(),
        }))
    }
}

struct Buffered<const R: usize, const T: usize> {
    layers: Vec<Layer>,
    frozen: Vec<[bool; 2]>,
    options: Options,
    /// Of dropout.
    seed: u64,
    /// For steps, for evaluation, for the gradients of inputs: each when it is first asked for.
    placed: [Option<Placed>; 3],
    owned: Owned,
    threads: Threads,
    /// Of all parameters, where a limit needs their norm first.
    gradient: Vec<f32>,
}

/// Buffers for the passes of all graphs.
#[derive(Default)]
struct Owned {
    values: Aligned,
    tape: Vec<u8>,
    statistics: Aligned,
    scratch: Aligned,
    gathered: Aligned,
}

const WANTS: [Want; 3] = [Want::ParameterGradient, Want::Output, Want::InputGradient];
const STEP: usize = 0;
const EVALUATION: usize = 1;
const INPUTS: usize = 2;

impl Owned {
    /// Makes room for a graph.
    fn fit(&mut self, placed: &Placed, batch: u32, tile: u32) -> Result<()> {
        let plan = placed.plan()?;
        let too_large = || Failure::usage("the values of a batch cannot be counted: give a smaller --batch");
        let at_once = GATHERED.max(rayon::current_num_threads() as u64).min(u64::from(batch.div_ceil(tile)));
        for (buffer, len) in [
            (&mut self.values, plan.values_len(batch, tile).ok_or_else(too_large)?),
            (&mut self.statistics, plan.statistics_len()),
            (&mut self.scratch, plan.scratch_best.max(plan.scratch_len)),
            (&mut self.gathered, plan.gathered_len(tile).saturating_mul(at_once)),
        ] {
            if (buffer.len() as u64) < len {
                *buffer = Aligned::zeros(len)?;
            }
        }
        let tape = plan.tape_len(batch, tile).ok_or_else(too_large)?;
        if (self.tape.len() as u64) < tape {
            self.tape = zeros(tape)?;
        }
        Ok(())
    }
}

/// The graph of what is wanted and its plan, an executor for it on a machine's buffers, and the number of the output's node.
macro_rules! executor {
    ($machine:expr, $want:ident, $placed:ident, $plan:ident, $executor:ident, $output:ident) => {
        $machine.fit($want)?;
        let Some($placed) = &$machine.placed[$want] else { return Err(Failure::failed("no graph")) };
        let $plan = $placed.plan()?;
        let $output = $placed.nodes.len() as u32 - 1;
        let Owned { values, tape, statistics, scratch, gathered } = &mut $machine.owned;
        let buffers = Buffers { values, tape, statistics, scratch, gathered };
        #[allow(unused_mut)]
        let mut $executor = Executor::<_, R, T>::new(&$plan, &$machine.threads, $machine.options, buffers)?;
    };
}

impl<const R: usize, const T: usize> Buffered<R, T> {
    fn fit(&mut self, want: usize) -> Result<()> {
        if self.placed[want].is_none() {
            let placed = Placed::frozen(&self.layers, &self.frozen, WANTS[want])?;
            self.owned.fit(&placed, self.options.batch, T as u32)?;
            self.placed[want] = Some(placed);
        }
        Ok(())
    }
}

impl<const R: usize, const T: usize> Machine for Buffered<R, T> {
    fn tile(&self) -> usize {
        T
    }

    fn train(
        &mut self,
        model: &mut Model,
        settings: &Settings,
        rate: f32,
        limits: Limits,
        batch: &Batch,
    ) -> Result<Outcome> {
        let Model { parameters, running, state, powers, step, .. } = model;
        let isa = self.options.isa;
        executor!(self, STEP, placed, plan, executor, output);
        let diverged = |error: Error| placed.failure(error, TOO_LONG);
        let mode = Mode::Training { seed: self.seed, step: *step, running };
        let mut outputs = pass(&mut executor, parameters, mode, batch, (placed, TOO_LONG))?;
        let mut outcome = compute_loss(&mut outputs, output, batch, batch.count as u32)?;
        let rule = settings.step(rate, powers)?;
        let each = settings.optimiser.state_len(1) as usize;
        let mut squares = Squares::new(plan.graph());
        let mut failed = Ok(());
        if limits.norm > 0.0 {
            self.gradient.clear();
            self.gradient.resize(parameters.len(), 0.0);
            outputs.backward(parameters, &mut self.gradient)?.run().map_err(diverged)?;
            squares.add_all(&self.gradient);
            if limits.value > 0.0 {
                clip_by_value(&mut self.gradient, limits.value)?;
            }
            clip_by_norm(&mut self.gradient, limits.norm, Math::Libm)?;
            for range in plan.graph().learning() {
                let own = range.start as usize..range.end as usize;
                let state = &mut state[own.start * each..own.end * each];
                rule.apply_with(self.options.isa, &mut parameters[own.clone()], &self.gradient[own], state)?;
            }
        } else {
            let mut clipped = Vec::new();
            outputs
                .backward_with(parameters, &mut |at, weights, gradient| {
                    squares.add(at, gradient);
                    let mut gradient = gradient;
                    if limits.value > 0.0 {
                        clipped.clear();
                        clipped.extend_from_slice(gradient);
                        failed = clip_by_value(&mut clipped, limits.value);
                        gradient = &clipped;
                    }
                    let state = &mut state[at * each..(at + weights.len()) * each];
                    let parts = weights.par_chunks_mut(UPDATED).zip(gradient.par_chunks(UPDATED));
                    let updated = if each == 0 {
                        parts.try_for_each(|(weights, gradient)| rule.apply_with(isa, weights, gradient, &mut []))
                    } else {
                        let state = state.par_chunks_mut(UPDATED * each);
                        parts
                            .zip(state)
                            .try_for_each(|((weights, gradient), state)| rule.apply_with(isa, weights, gradient, state))
                    };
                    if failed.is_ok() {
                        failed = updated;
                    }
                })?
                .run()
                .map_err(diverged)?;
        }
        failed?;
        self.threads.check()?;
        *step = step.saturating_add(1);
        outcome.gradient_norm = squares.norm();
        Ok(outcome)
    }

    fn trace(&mut self, model: &mut Model, settings: &Settings, rate: f32, batch: &Batch, watch: Watch) -> Result<()> {
        let Model { parameters, running, state, powers, step, .. } = model;
        executor!(self, STEP, placed, plan, executor, output);
        let diverged = |error: Error| placed.failure(error, TOO_LONG);
        let mode = Mode::Training { seed: self.seed, step: *step, running };
        let count = batch.count;
        let mut begun = executor.begin(count as u32)?;
        load(&mut begun, batch)?;
        let mut forward = begun.forward(parameters, mode)?;
        watch(Stage::Forward, 0, &by_points::<T>(forward.value(), count));
        while forward.step(u64::MAX).map_err(diverged)? {
            watch(Stage::Forward, forward.node() - 1, &by_points::<T>(forward.value(), count));
        }
        let mut outputs = forward.run()?;
        compute_loss(&mut outputs, output, batch, count as u32)?;
        let rule = settings.step(rate, powers)?;
        let mut backward = outputs.descend(parameters, state, &rule)?;
        let mut left = output + 1;
        while let Some(node) = backward.node() {
            watch(Stage::Backward, node, &by_points::<T>(backward.gradient(), count));
            backward.step(u64::MAX).map_err(diverged)?;
            watch(Stage::Parameters, node, backward.parameters());
            left = node;
        }
        for node in (0..left).rev() {
            watch(Stage::Backward, node, &[]);
            watch(Stage::Parameters, node, &[]);
        }
        *step = step.saturating_add(1);
        self.threads.check()
    }

    fn gradient(&mut self, model: &Model, batch: &Batch) -> Result<Vec<f32>> {
        executor!(self, STEP, placed, plan, executor, output);
        let running = &mut model.running.clone();
        let mode = Mode::Training { seed: self.seed, step: model.step, running };
        let mut outputs = pass(&mut executor, &model.parameters, mode, batch, (placed, TOO_LONG))?;
        compute_loss(&mut outputs, output, batch, batch.count as u32)?;
        let mut gradient = vec![0.0; model.parameters.len()];
        outputs.backward(&model.parameters, &mut gradient)?.run().map_err(|error| placed.failure(error, TOO_LONG))?;
        self.threads.check()?;
        Ok(gradient)
    }

    fn evaluate(&mut self, model: &Model, batch: &Batch) -> Result<Outcome> {
        executor!(self, EVALUATION, placed, plan, executor, output);
        let mode = Mode::Inference { running: &model.running };
        let mut outputs = pass(&mut executor, &model.parameters, mode, batch, (placed, OUT_OF_RANGE))?;
        let outcome = compute_loss(&mut outputs, output, batch, batch.count as u32)?;
        self.threads.check()?;
        Ok(outcome)
    }

    fn input_gradient(&mut self, model: &Model, batch: &Batch, of: Scalar) -> Result<Vec<f32>> {
        executor!(self, INPUTS, placed, plan, executor, output);
        let mut outputs = pass(&mut executor, &model.parameters, Mode::Probing, batch, (placed, OUT_OF_RANGE))?;
        match of {
            Scalar::Loss => drop(compute_loss(&mut outputs, output, batch, 1)?),
            Scalar::Outputs => add_outputs(&mut outputs, output, batch.count),
        }
        let gradients = outputs.backward(&model.parameters, &mut [])?;
        let gradients = gradients.run().map_err(|error| placed.failure(error, OUT_OF_RANGE))?;
        let (g, tile_len) = gradients.input(0).unwrap_or_default();
        let units = tile_len / T;
        let of = |point: usize| (0..units).map(move |unit| g[point / T * tile_len + unit * T + point % T]);
        let gradient = (0..batch.count).flat_map(of).collect();
        self.threads.check()?;
        Ok(gradient)
    }
}

/// Tiles as `[point][unit]`.
pub(crate) fn by_points<const T: usize>((x, tile_len): (&[f32], usize), count: usize) -> Vec<f32> {
    let units = tile_len / T;
    let of = |point: usize| (0..units).map(move |unit| x[point / T * tile_len + unit * T + point % T]);
    (0..count).flat_map(of).collect()
}

/// A batch forward; of NaN and infinity `advice` says what to do about it.
fn pass<'e, 'a, const R: usize, const T: usize>(
    executor: &'e mut Executor<'a, Threads, R, T>,
    parameters: &[f32],
    mode: Mode,
    batch: &Batch,
    (placed, advice): (&Placed, &str),
) -> Result<Outputs<'e, 'a, Threads, R, T>> {
    let mut begun = executor.begin(batch.count as u32)?;
    load(&mut begun, batch)?;
    begun.forward(parameters, mode)?.run().map_err(|error| placed.failure(error, advice))
}

/// Writes the gradient of the sum of all outputs.
fn add_outputs<const R: usize, const T: usize>(
    outputs: &mut Outputs<'_, '_, Threads, R, T>,
    output: u32,
    count: usize,
) {
    let Some((_, gradient, tile_len)) = outputs.output_and_gradient(output) else { return };
    for (i, tile) in gradient.chunks_mut(tile_len.max(1)).take(count.div_ceil(T)).enumerate() {
        let lanes = (count - i * T).min(T);
        for unit in tile.chunks_mut(T) {
            unit[..lanes].fill(1.0);
            unit[lanes..].fill(0.0);
        }
    }
}

fn load<const R: usize, const T: usize>(begun: &mut exec::Batch<'_, '_, Threads, R, T>, batch: &Batch) -> Result<()> {
    let Some((inputs, tile_len)) = begun.input(0) else { return Err(Failure::failed("the graph has no input")) };
    let tiles = batch.inputs.chunks_exact(tile_len.max(1));
    if tiles.len() < inputs.len() / tile_len.max(1) {
        return Err(Failure::failed(format!("a batch of {} has inputs for fewer", batch.count)));
    }
    inputs
        .par_chunks_exact_mut(tile_len)
        .zip(batch.inputs.par_chunks_exact(tile_len))
        .for_each(|(to, from)| to.copy_from_slice(from));
    Ok(())
}

/// Losses and correct answers; writes the gradient of their sum divided by n to the outputs if there is a backward pass.
fn compute_loss<const R: usize, const T: usize>(
    outputs: &mut Outputs<'_, '_, Threads, R, T>,
    output: u32,
    batch: &Batch,
    n: u32,
) -> Result<Outcome> {
    let trained = outputs.output_and_gradient(output).is_some();
    let mut scores = Vec::new();
    let ends = if trained {
        outputs.output_and_gradient(output)
    } else {
        outputs.output(output).map(|(z, tile_len)| {
            scores.resize(z.len(), 0.0);
            (z, &mut scores[..], tile_len)
        })
    };
    let Some((z, gradient, tile_len)) = ends else { return Err(Failure::failed("the graph has no output")) };
    let classes = tile_len / T;
    let (mut losses, mut correct) = (vec![0.0; batch.count], 0);
    for (i, loss) in losses.chunks_mut(T).enumerate() {
        let z = &z[i * tile_len..(i + 1) * tile_len];
        let labels = &batch.labels[i * T..i * T + loss.len()];
        correct += correct_count(z, (classes, T), labels)?;
        let gradient = &mut gradient[i * tile_len..(i + 1) * tile_len];
        gradient.copy_from_slice(z);
        cross_entropy(gradient, (classes, T), labels, n, loss, Math::Libm)?;
    }
    let mut mean = MeanLoss::default();
    mean.add(&losses);
    let loss = mean.mean().unwrap_or(0.0);
    if !loss.is_finite() {
        return Err(Failure::non_finite(
            "the loss is NaN or infinite: the steps are too long; lower --rate, or give --clip-norm",
        ));
    }
    Ok(Outcome { loss, correct, gradient_norm: 0.0 })
}
