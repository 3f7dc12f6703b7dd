use super::forward::Mode;
use super::outputs::Outputs;
use super::session::{Model, Session};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::graph::Graph;
use crate::math::Math;
use crate::plan::Plan;
use crate::train::{InitialWeights, MeanLoss, Powers, Settings, correct_count, cross_entropy, squared_error_by};
use crate::workers::Workers;

/// The targets of the loss.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Targets<'t> {
    /// The class of each point: softmax and cross-entropy.
    Labels(&'t [u32]),
    /// The outputs wanted, `[point][output]`: half the squared error.
    Values(&'t [f32]),
}

impl Targets<'_> {
    /// Whether they are targets of so many points of so many outputs.
    fn check(&self, count: usize, outputs: usize) -> Result<(), Error> {
        let (buffer, have, each) = match self {
            Targets::Labels(labels) => (Buffer::Labels, labels.len(), 1),
            Targets::Values(values) => (Buffer::Targets, values.len(), outputs),
        };
        let need = each.saturating_mul(count);
        if have < need {
            return Err(Error::TooShort { buffer, need: need as u64, have: have as u64 });
        }
        if have > need {
            return Err(Error::TooLong { buffer, need: need as u64, have: have as u64 });
        }
        let Targets::Labels(labels) = self else { return Ok(()) };
        match (0..).zip(labels.iter()).find(|(_, label)| **label as usize >= outputs) {
            Some((point, &label)) => Err(Error::Label { point, label, classes: outputs as u64 }),
            None => Ok(()),
        }
    }
}

/// The loss of a batch before its step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Loss {
    /// The mean over the points.
    pub mean: f32,
    /// Number of points whose largest output is that of their label; 0 for [`Targets::Values`].
    pub correct: u32,
}

/// The state of a training: parameters, running statistics, and optimiser state.
///
/// ```
/// use shatterscope::exec::{Loss, Options, Session, Targets, TrainState};
/// use shatterscope::train::{InitialWeights, Optimiser, Settings, Initializer};
///
/// shatterscope::network! {
///     static NET: ParameterGradient = input(1).dense(8).relu().dense(1);
/// }
/// let settings = Settings::new(Optimiser::ADAM);
/// let mut memory = vec![0.0; TrainState::len(&NET, &settings)];
/// let mut state = TrainState::new(&NET, settings, InitialWeights::new(Initializer::He, 1), &mut memory, &mut [])?;
/// let mut arena = vec![0.0; NET.arena_len(4, 1)];
/// let mut session = Session::new(&NET, Options::new(4), &mut arena)?;
///
/// // |x| at four points.
/// let (inputs, targets) = ([-2.0, -1.0, 1.0, 2.0], Targets::Values(&[2.0, 1.0, 1.0, 2.0]));
/// let first: Loss = session.train_step(&mut state, 0.05, &inputs, targets)?;
/// for _ in 0..200 {
///     session.train_step(&mut state, 0.05, &inputs, targets)?;
/// }
/// assert!(session.loss(state.model(), &inputs, targets)?.mean < 0.01 * first.mean);
/// # Ok::<(), shatterscope::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainState<'p> {
    parameters: &'p mut [f32],
    running: &'p mut [f32],
    optimiser: &'p mut [f32],
    powers: Powers,
    settings: Settings,
    seed: u64,
    steps: u32,
}

impl<'p> TrainState<'p> {
    /// f32 elements that a training keeps; `usize::MAX` if they cannot be counted.
    pub const fn len(plan: &Plan, settings: &Settings) -> usize {
        let state = settings.optimiser.state_len(plan.parameters_len);
        let len = plan.parameters_len.saturating_add(plan.running_len).saturating_add(state);
        if len > usize::MAX as u64 { usize::MAX } else { len as usize }
    }

    /// Draws the parameters of a network and sets the rest to its start: running means 0, variances 1, the state of the optimiser +0.0. The seed is also
    /// that of dropout.
    ///
    /// # Shapes
    /// `memory` has at least [`TrainState::len`] elements. `scratch` is needed by orthogonal initialisations alone: [`InitialWeights::scratch_len`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]; [`Error::TooShort`]; the errors of [`InitialWeights::fill`].
    pub fn new(
        plan: &Plan,
        settings: Settings,
        init: InitialWeights,
        memory: &'p mut [f32],
        scratch: &mut [f32],
    ) -> Result<Self, Error> {
        let state = Self::resume(plan, settings, init.seed, (0, Powers::new()), memory)?;
        init.fill(plan.graph(), state.parameters, scratch)?;
        fill_running(plan.graph(), state.running);
        state.optimiser.fill(0.0);
        Ok(state)
    }

    /// Continues a training: `memory` holds parameters, running statistics and the optimiser's memory, as the state left them or from a file.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]; [`Error::TooShort`] for another length than [`TrainState::len`].
    pub fn resume(
        plan: &Plan,
        settings: Settings,
        seed: u64,
        (steps, powers): (u32, Powers),
        memory: &'p mut [f32],
    ) -> Result<Self, Error> {
        settings.check()?;
        let memory = Buffer::State.first(memory, Self::len(plan, &settings) as u64)?;
        // Not truncated: they fit in the memory.
        let [parameters, running] = [plan.parameters_len, plan.running_len].map(|len| len as usize);
        let (parameters, rest) = invariant!(memory.split_at_mut_checked(parameters));
        let (running, optimiser) = invariant!(rest.split_at_mut_checked(running));
        Ok(Self { parameters, running, optimiser, powers, settings, seed, steps })
    }

    /// The step count and Adam's bias-correction powers, which a resumed training needs besides its memory.
    pub const fn progress(&self) -> (u32, Powers) {
        (self.steps, self.powers)
    }

    /// The parameters and running statistics.
    pub const fn model(&self) -> Model<'_> {
        Model::new(self.parameters).with_running(self.running)
    }

    /// The parameters, to be overwritten by stored ones.
    pub const fn parameters_mut(&mut self) -> &mut [f32] {
        self.parameters
    }

    /// Number of steps that were taken.
    pub const fn steps(&self) -> u32 {
        self.steps
    }
}

/// Sets running means to 0 and running variances to 1.
///
/// # Shapes
/// `running`: means, then variances of each batch norm, in the order of the nodes. Of a shorter slice only whole norms are set.
pub fn fill_running(graph: &Graph, running: &mut [f32]) {
    let mut rest = running;
    for i in 0..graph.len() as u32 {
        let channels = graph.facts(i).map_or(0, |facts| facts.running as usize);
        // What a slice of the caller's lacks is left out.
        let Some((means, after)) = core::mem::take(&mut rest).split_at_mut_checked(channels) else { return };
        let Some((variances, after)) = after.split_at_mut_checked(channels) else { return };
        means.fill(0.0);
        variances.fill(1.0);
        rest = after;
    }
}

impl<K: Workers, const R: usize, const T: usize> Session<'_, K, R, T> {
    /// One step of training on a batch, by the gradient of its mean loss.
    ///
    /// # Shapes
    /// `inputs` `[point][input]`; targets of as many points. The network has one output.
    ///
    /// # Errors
    /// [`Error::TooShort`], [`Error::TooLong`] for more targets than points, [`Error::Label`], [`Error::InvalidConfig`] and [`Error::InvalidValue`]: nothing has changed. [`Error::Loss`] and
    /// [`Error::NonFinite`] where numbers leave the range of f32: running statistics, and after the loss parameters, may have changed, so that
    /// the state must be discarded.
    pub fn train_step(
        &mut self,
        state: &mut TrainState<'_>,
        rate: f32,
        inputs: &[f32],
        targets: Targets<'_>,
    ) -> Result<Loss, Error> {
        let ends = self.point_lens();
        self.learns()?;
        targets.check(self.points(inputs)?, ends.1)?;
        let mut powers = state.powers;
        let step = state.settings.step(rate, &mut powers)?;
        let mode = Mode::Training { seed: state.seed, step: state.steps, running: &mut *state.running };
        let mut done = self.begin(inputs, ends.0)?.forward(state.parameters, mode)?.run()?;
        let loss = done.compute_loss(targets)?;
        done.descend(state.parameters, state.optimiser, &step)?.run()?;
        state.powers = powers;
        state.steps = state.steps.saturating_add(1);
        Ok(loss)
    }

    /// Adds the gradient of a batch's mean loss with respect to the parameters to `gradient`, without dropout. Batch norms use the running statistics
    /// where the model has them, as those of a network that is not trained any more (PyTorch's `eval()`), otherwise those of the batch, as
    /// [`Session::train_step`] does.
    ///
    /// # Shapes
    /// As [`Session::train_step`]; `gradient` as the parameters, +0.0 or what an earlier call left.
    ///
    /// # Errors
    /// As [`Session::train_step`].
    pub fn parameter_gradient(
        &mut self,
        model: Model<'_>,
        inputs: &[f32],
        targets: Targets<'_>,
        gradient: &mut [f32],
    ) -> Result<Loss, Error> {
        let ends = self.point_lens();
        self.learns()?;
        targets.check(self.points(inputs)?, ends.1)?;
        let gradient = Buffer::Gradient.first(gradient, self.plan().parameters_len)?;
        let mut done = self.begin(inputs, ends.0)?.forward(model.parameters, Mode::of(model.running))?.run()?;
        let loss = done.compute_loss(targets)?;
        done.backward(model.parameters, gradient)?.run()?;
        Ok(loss)
    }

    /// The mean loss of any number of points, with the running statistics and without dropout: nothing changes.
    ///
    /// # Shapes
    /// As [`Session::train_step`], but for the number of points.
    ///
    /// # Errors
    /// As [`Session::train_step`].
    pub fn loss(&mut self, model: Model<'_>, inputs: &[f32], targets: Targets<'_>) -> Result<Loss, Error> {
        let ends = self.point_lens();
        let batch = (self.executor.batch() as usize).max(1);
        self.learns()?;
        targets.check(super::session::points(inputs.len(), ends.0)?, ends.1)?;
        let (mut mean, mut correct) = (MeanLoss::new(), 0u32);
        for (i, inputs) in inputs.chunks(batch.saturating_mul(ends.0).max(1)).enumerate() {
            let mode = Mode::Inference { running: model.running };
            let mut done = self.begin(inputs, ends.0)?.forward(model.parameters, mode)?.run()?;
            correct = correct.saturating_add(done.add_loss(targets, i.wrapping_mul(batch), &mut mean)?);
        }
        Ok(Loss { mean: invariant!(mean.mean()), correct })
    }

    /// Refuses a plan without gradients of parameters, and a graph with several outputs: the others would have no gradient.
    fn learns(&self) -> Result<(), Error> {
        if self.plan().lifetimes.outputs != 1 {
            return Err(Error::InvalidSpec(InvalidSpec::Ends));
        }
        if self.plan().want().parameters() { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::Want)) }
    }
}

impl<K: Workers, const R: usize, const T: usize> Outputs<'_, '_, K, R, T> {
    /// The loss of the batch for targets that were checked; writes its gradient to that of the output.
    fn compute_loss(&mut self, targets: Targets<'_>) -> Result<Loss, Error> {
        let mut mean = MeanLoss::new();
        let correct = self.add_loss(targets, 0, &mut mean)?;
        Ok(Loss { mean: invariant!(mean.mean()), correct })
    }

    /// Adds the losses of the batch, whose targets begin at point `from`, and returns how many points are correct.
    fn add_loss(&mut self, targets: Targets<'_>, from: usize, mean: &mut MeanLoss) -> Result<u32, Error> {
        let count = self.count();
        let node = invariant!(self.nodes().last());
        let Some((value, gradient, tile_len)) = self.output_and_gradient(node) else {
            return Err(Error::InvalidSpec(InvalidSpec::Want));
        };
        let classes = tile_len / T;
        let mut correct = 0u32;
        for first in (0..count).step_by(T) {
            let at = (first / T).wrapping_mul(tile_len);
            let value = invariant!(value.get(at..).and_then(|value| value.get(..tile_len)));
            let gradient = invariant!(gradient.get_mut(at..).and_then(|gradient| gradient.get_mut(..tile_len)));
            let mut losses = [0.0; T];
            let losses = invariant!(losses.get_mut(..count.saturating_sub(first).min(T)));
            // Both have the elements of a tile.
            gradient.iter_mut().zip(value).for_each(|(g, y)| *g = *y);
            match targets {
                Targets::Labels(labels) => {
                    let labels = invariant!(
                        labels.get(from.wrapping_add(first)..).and_then(|labels| labels.get(..losses.len()))
                    );
                    correct = correct.saturating_add(correct_count(value, (classes, T), labels)?);
                    cross_entropy(gradient, (classes, T), labels, count as u32, losses, Math::Libm)?;
                }
                Targets::Values(targets) => {
                    let target = |k: usize, p: usize| {
                        invariant!(targets.get((from + first + p).wrapping_mul(classes).wrapping_add(k)).copied())
                    };
                    squared_error_by(gradient, (classes, T), target, count as u32, losses)?;
                }
            }
            if let Some(lane) = losses.iter().position(|loss| !loss.is_finite()) {
                return Err(Error::Loss { point: from.saturating_add(first).saturating_add(lane) as u64 });
            }
            mean.add(losses);
        }
        Ok(correct)
    }
}
