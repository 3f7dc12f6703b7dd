//! Batches on the desktop's threads: buffers of a network, and a trainer on them.
use crate::limits::zeros;
use crate::squares::Squares;
use crate::{Aligned, Model, Threads};
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::train::{
    Buffers, Layer, MeanLoss, Mode, Options, Place, Settings, Trainer, clip_by_norm, clip_by_value, correct_count,
    cross_entropy, plan,
};
use shatterscope::{Fault, Pass};

/// Tiles whose convolution operands are gathered beside each other, at least; each thread gathers one.
const GATHERED: u64 = 2;

/// Parameters that a thread updates at a time.
const UPDATED: usize = 1 << 14;

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

/// Buffers for batches of a network, and the register tile they are cut for.
pub trait Machine: Send {
    /// Points of a tile.
    fn tile(&self) -> usize;

    /// One step on a batch: the model's parameters, statistics and state move on.
    ///
    /// # Errors
    /// NaN or infinity, with the layer; the model is then worth nothing.
    fn train(
        &mut self,
        model: &mut Model,
        settings: &Settings,
        rate: f32,
        limits: Limits,
        batch: &Batch,
    ) -> Result<Outcome>;

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

/// A machine for batches of at most so many examples.
///
/// # Errors
/// What the core refuses.
pub fn machine(layers: &[Layer], batch: u32, isa: Isa, seed: u64) -> Result<Box<dyn Machine>> {
    let make = Make { layers, batch, isa, seed };
    // Each costs seconds to compile: none for instructions that the processor cannot have, and one for all that are left.
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if batch > 16 => make.with::<12, 32>(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => make.with::<12, 16>(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx => make.with::<5, 16>(),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => make.with::<4, 16>(),
        _ => make.with::<2, 16>(),
    }
}

struct Make<'a> {
    layers: &'a [Layer],
    batch: u32,
    isa: Isa,
    seed: u64,
}

impl Make<'_> {
    fn with<const R: usize, const T: usize>(self) -> Result<Box<dyn Machine>> {
        let plan = plan(self.layers, self.batch, T as u32)?;
        let at_once = GATHERED.max(rayon::current_num_threads() as u64);
        Ok(Box::new(Buffered::<R, T> {
            options: Options { batch: self.batch, isa: self.isa, seed: self.seed },
            places: zeros::<Place>(plan.places_len)?,
            activations: Aligned::zeros(plan.activations_len)?,
            tape: zeros(plan.tape_len)?,
            gradients: Aligned::zeros(plan.gradients_len)?,
            statistics: Aligned::zeros(plan.statistics_len)?,
            scratch: Aligned::zeros(plan.scratch_best.max(plan.scratch_len))?,
            gathered: Aligned::zeros(plan.gathered_len * at_once.min(u64::from(self.batch).div_ceil(T as u64)))?,
            threads: Threads::new(),
            gradient: Vec::new(),
        }))
    }
}

struct Buffered<const R: usize, const T: usize> {
    options: Options,
    places: Vec<Place>,
    activations: Aligned,
    tape: Vec<u8>,
    gradients: Aligned,
    statistics: Aligned,
    scratch: Aligned,
    gathered: Aligned,
    threads: Threads,
    /// Of all parameters, where a limit needs their norm first.
    gradient: Vec<f32>,
}

/// A trainer on a machine's buffers.
macro_rules! trainer {
    ($machine:expr, $layers:expr) => {
        trainer!($machine, $layers, new)
    };
    ($machine:expr, $layers:expr, $make:ident) => {
        Trainer::<_, R, T>::$make(
            $layers,
            &$machine.threads,
            $machine.options,
            Buffers {
                places: &mut $machine.places,
                activations: &mut $machine.activations,
                tape: &mut $machine.tape,
                gradients: &mut $machine.gradients,
                statistics: &mut $machine.statistics,
                scratch: &mut $machine.scratch,
                gathered: &mut $machine.gathered,
            },
        )?
    };
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
        let Model { layers, parameters, running, state, powers, step, .. } = model;
        let isa = self.options.isa;
        let mut trainer = trainer!(self, layers, for_steps);
        load(&mut trainer, batch)?;
        trainer.forward(parameters, running, Mode::Training { step: *step }).map_err(diverged)?;
        let mut outcome = lose(&mut trainer, batch, batch.count as u32)?;
        let rule = settings.step(rate, powers)?;
        let each = settings.optimiser.state_len(1) as usize;
        let mut squares = Squares::new(layers);
        let mut failed = Ok(());
        if limits.norm > 0.0 {
            self.gradient.clear();
            self.gradient.resize(parameters.len(), 0.0);
            trainer.backward(parameters, &mut self.gradient).map_err(diverged)?;
            squares.add_all(&self.gradient);
            if limits.value > 0.0 {
                clip_by_value(&mut self.gradient, limits.value)?;
            }
            clip_by_norm(&mut self.gradient, limits.norm, Math::Libm)?;
            rule.apply_with(self.options.isa, parameters, &self.gradient, state)?;
        } else {
            let mut clipped = Vec::new();
            trainer
                .backward_with(parameters, |at, weights, gradient| {
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
                })
                .map_err(diverged)?;
        }
        failed?;
        self.threads.check()?;
        *step = step.saturating_add(1);
        outcome.gradient_norm = squares.norm();
        Ok(outcome)
    }

    fn gradient(&mut self, model: &Model, batch: &Batch) -> Result<Vec<f32>> {
        let mut trainer = trainer!(self, &model.layers, for_steps);
        load(&mut trainer, batch)?;
        trainer.forward(&model.parameters, &mut model.running.clone(), Mode::Training { step: model.step })?;
        lose(&mut trainer, batch, batch.count as u32)?;
        let mut gradient = vec![0.0; model.parameters.len()];
        trainer.backward(&model.parameters, &mut gradient)?;
        self.threads.check()?;
        Ok(gradient)
    }

    fn evaluate(&mut self, model: &Model, batch: &Batch) -> Result<Outcome> {
        let mut trainer = trainer!(self, &model.layers);
        load(&mut trainer, batch)?;
        trainer.forward(&model.parameters, &mut model.running.clone(), Mode::Inference)?;
        let outcome = lose(&mut trainer, batch, batch.count as u32)?;
        self.threads.check()?;
        Ok(outcome)
    }

    fn input_gradient(&mut self, model: &Model, batch: &Batch, of: Scalar) -> Result<Vec<f32>> {
        let mut trainer = trainer!(self, &model.layers);
        load(&mut trainer, batch)?;
        trainer.forward(&model.parameters, &mut model.running.clone(), Mode::Probing)?;
        match of {
            Scalar::Loss => drop(lose(&mut trainer, batch, 1)?),
            Scalar::Outputs => add_outputs(&mut trainer, batch.count),
        }
        trainer.backward(&model.parameters, &mut [])?;
        let units = trainer.plan().inputs as usize;
        let (g, tile_len) = trainer.input_gradient();
        let of = |point: usize| (0..units).map(move |unit| g[point / T * tile_len + unit * T + point % T]);
        let gradient = (0..batch.count).flat_map(of).collect();
        self.threads.check()?;
        Ok(gradient)
    }
}

/// The gradient of the sum of all outputs stands in the trainer.
fn add_outputs<const R: usize, const T: usize>(trainer: &mut Trainer<'_, Threads, R, T>, count: usize) {
    let classes = trainer.plan().outputs as usize;
    let (_, gradient, tile_len) = trainer.outputs_and_gradient();
    for (i, tile) in gradient.chunks_mut(tile_len.max(1)).take(count.div_ceil(T)).enumerate() {
        let lanes = (count - i * T).min(T);
        for unit in tile.chunks_mut(T).take(classes) {
            unit[..lanes].fill(1.0);
            unit[lanes..].fill(0.0);
        }
    }
}

fn load<const R: usize, const T: usize>(trainer: &mut Trainer<'_, Threads, R, T>, batch: &Batch) -> Result<()> {
    let units = trainer.plan().inputs as usize;
    let (inputs, tile_len) = trainer.begin(batch.count as u32)?;
    let tiles = batch.inputs.chunks_exact(units * T);
    if tiles.len() < inputs.len() / tile_len.max(1) {
        return Err(Failure::failed(format!("a batch of {} has inputs for fewer", batch.count)));
    }
    inputs.par_chunks_exact_mut(tile_len).zip(batch.inputs.par_chunks_exact(units * T)).for_each(|(to, from)| {
        to[..from.len()].copy_from_slice(from);
    });
    Ok(())
}

/// What it means in training.
fn diverged(error: shatterscope::Error) -> Failure {
    match error {
        shatterscope::Error::NonFinite(Fault { pass, layer }) => {
            let pass = if pass == Pass::Forward { "forward" } else { "backward" };
            Failure::non_finite(format!(
                "NaN or infinity in the {pass} pass, first at layer {layer}: the steps are too long; lower --rate, or give --clip-norm"
            ))
        }
        error => error.into(),
    }
}

/// Losses and correct answers; the gradient of their sum over n stands in the trainer.
fn lose<const R: usize, const T: usize>(
    trainer: &mut Trainer<'_, Threads, R, T>,
    batch: &Batch,
    n: u32,
) -> Result<Outcome> {
    let classes = trainer.plan().outputs as usize;
    let (outputs, gradient, tile_len) = trainer.outputs_and_gradient();
    let tiles = batch.count.div_ceil(T);
    let from = outputs.len() / tiles.max(1);
    let (mut losses, mut correct) = (vec![0.0; batch.count], 0);
    for (i, loss) in losses.chunks_mut(T).enumerate() {
        let z = &outputs[i * from..i * from + classes * T];
        let labels = &batch.labels[i * T..i * T + loss.len()];
        correct += correct_count(z, (classes, T), labels)?;
        let gradient = &mut gradient[i * tile_len..i * tile_len + classes * T];
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
