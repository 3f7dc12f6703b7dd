//! Training on the device: parameters and all else lie in the arena from one step to the next.
use crate::OVERHEAD;
use crate::answer::Answer;
use crate::arena::Short;
use crate::compute;
use crate::device::{Gone, Machine, NotKept};
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::math::Math;
use shatterscope::network::Serial;
use shatterscope::train::slots::Progress;
use shatterscope::train::{
    Buffers, Init, Layer, MeanLoss, Mode, Options, Place, Plan, Powers, Step, Trainer, correct_count, cross_entropy,
    plan_for_steps,
};
use shatterscope::wire::{
    Done, Get, LAYER_BYTES, Layers, MAX_LAYERS, Message, Put, Ready, Save, Saved, Store, Taught, Teach, Train,
    VALUE_BYTES, Why, With, decode_layers, examples_digest, training_tag,
};

/// How the arena is cut for a training, in words of 4 bytes, in the order in which the pieces lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingLayout {
    /// The list of layers, as it came.
    pub layers: u32,
    /// Weights and biases.
    pub parameters: u32,
    /// Running statistics.
    pub running: u32,
    /// What the optimiser keeps.
    pub state: u32,
    /// Labels of the batch at hand.
    pub labels: u32,
    /// Values that the way back needs; the inputs come first.
    pub activations: u32,
    /// Bits of rectifiers and bytes of maxima, rounded up to words.
    pub tape: u32,
    /// Gradients of values.
    pub gradients: u32,
    /// Of batch norms.
    pub statistics: u32,
    /// Operands of a convolution's weight gradient.
    pub gathered: u32,
    /// Packed weights, gradients of a few parameters: what is left, up to what is of use.
    pub scratch: u32,
    /// All of it with the smallest scratch.
    pub least: u32,
}

/// Points of the register tile for batches of so many: one point alone leaves no lane idle.
pub const fn training_tile(batch: u32, tile: u32) -> u32 {
    if batch == 1 { 1 } else { tile }
}

/// What a training asks of the core: the plan, and the layout in an arena of `words`, of which [`With::ram`] may leave less.
///
/// # Errors
/// [`Error`] of the plan or the settings; [`Short`] of the layout.
pub fn training_layout(
    layers: &[Layer],
    layer_bytes: u32,
    with: &With,
    tile: u32,
    words: u64,
) -> Result<(Plan, Result<TrainingLayout, Short>), Error> {
    with.settings.check()?;
    let plan = plan_for_steps(layers, with.batch, training_tile(with.batch, tile), &with.settings)?;
    let words = match with.ram {
        0 => words,
        ram => words.min(ram.saturating_sub(OVERHEAD) as u64 / 4),
    };
    let state = with.settings.optimiser.state_len(plan.parameters_len);
    let kept = [u64::from(layer_bytes.div_ceil(4)), plan.parameters_len, plan.running_len, state];
    let used = [
        u64::from(with.batch),
        plan.activations_len,
        plan.tape_len.div_ceil(4),
        plan.gradients_len,
        plan.statistics_len,
        plan.gathered_len,
    ];
    let sum = |all: &[u64]| all.iter().fold(0u64, |sum, &words| sum.saturating_add(words));
    // Weights are drawn where later values stand.
    let drawn = init(with).scratch_len(layers);
    let scratch = plan.scratch_len.max(drawn.saturating_sub(sum(&used)));
    let least = sum(&kept).saturating_add(sum(&used)).saturating_add(scratch);
    let short = Short { need: least.saturating_mul(4), have: 4 * words };
    let (Some(left), Ok(least)) = (words.checked_sub(least), u32::try_from(least)) else {
        return Ok((plan, Err(short)));
    };
    let scratch = plan.scratch_best.max(scratch).min(scratch.saturating_add(left));
    let [layers, parameters, running, state] = kept.map(|words| words as u32);
    let [labels, activations, tape, gradients, statistics, gathered] = used.map(|words| words as u32);
    let scratch = scratch as u32;
    let layout = TrainingLayout {
        layers,
        parameters,
        running,
        state,
        labels,
        activations,
        tape,
        gradients,
        statistics,
        gathered,
        scratch,
        least,
    };
    Ok((plan, Ok(layout)))
}

fn init(with: &With) -> Init {
    Init { start: with.start, seed: with.seed, run: with.run }
}

impl TrainingLayout {
    /// All of it.
    pub fn words(&self) -> u32 {
        let kept = self.layers + self.parameters + self.running + self.state;
        let values = self.labels + self.activations + self.tape + self.gradients;
        kept + values + self.statistics + self.gathered + self.scratch
    }

    /// The pieces of the arena; empty ones where it is too short.
    fn cut<'a>(&self, arena: &'a mut [f32], places: &'a mut [Place]) -> Pieces<'a> {
        let mut rest = arena;
        let mut take = |words: u32| {
            let (first, after) = core::mem::take(&mut rest).split_at_mut_checked(words as usize).unwrap_or_default();
            rest = after;
            first
        };
        let _ = take(self.layers);
        let (parameters, running, state, labels) =
            (take(self.parameters), take(self.running), take(self.state), take(self.labels));
        let buffers = Buffers {
            places,
            activations: take(self.activations),
            tape: bytemuck::cast_slice_mut(take(self.tape)),
            gradients: take(self.gradients),
            statistics: take(self.statistics),
            gathered: take(self.gathered),
            scratch: take(self.scratch),
        };
        Pieces { parameters, running, state, labels: bytemuck::cast_slice_mut(labels), buffers }
    }
}

struct Pieces<'a> {
    parameters: &'a mut [f32],
    running: &'a mut [f32],
    state: &'a mut [f32],
    labels: &'a mut [u32],
    buffers: Buffers<'a>,
}

/// Why a training does not begin or go on.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    Core(Error),
    Why(Why, u64, u64),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Core(error)
    }
}

impl From<NotKept> for Refused {
    fn from(NotKept { why, need, have }: NotKept) -> Self {
        Refused::Why(why, need, have)
    }
}

impl Refused {
    /// Whether the training is worth nothing then: parameters or statistics may have moved.
    pub fn is_final(&self) -> bool {
        matches!(self, Refused::Core(Error::NonFinite(_)) | Refused::Why(Why::Loss, ..))
    }

    #[inline(never)]
    pub fn say<M: Machine>(self, answer: &mut Answer<M>) -> Result<(), Gone> {
        match self {
            Refused::Core(error) => compute::refuse(error, answer),
            Refused::Why(why, need, have) => answer.refuse(why, need, have),
        }
    }
}

/// A training between two requests.
pub(crate) struct Session {
    number: u32,
    layer_bytes: u32,
    with: With,
    layout: TrainingLayout,
    powers: Powers,
    /// Steps done.
    step: u32,
    last: Option<Taught>,
    /// What the flash has of it since it was last saved or restored.
    saved: Option<Saved>,
    /// Units in, and elements of a tile of them.
    inputs: (u32, u32),
}

impl Session {
    /// The one that is asked for, its list of layers at the arena's beginning.
    pub fn new(train: &Train, arena: &mut [f32]) -> Self {
        let fits = train.layers.len() <= LAYER_BYTES;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(arena);
        let layer_bytes = match bytes.get_mut(..train.layers.len()) {
            Some(to) if fits => {
                to.copy_from_slice(train.layers);
                to.len() as u32
            }
            _ => 0,
        };
        let (step, powers) = (train.with.step, Powers::new());
        let layout = TrainingLayout::default();
        Self {
            number: train.session,
            layer_bytes,
            with: train.with,
            layout,
            powers,
            step,
            last: None,
            saved: None,
            inputs: (0, 0),
        }
    }

    /// Whether this is the one that is asked for.
    pub fn is(&self, train: &Train, arena: &[f32]) -> bool {
        let bytes: &[u8] = bytemuck::cast_slice(arena);
        let same = bytes.get(..self.layer_bytes as usize) == Some(train.layers);
        self.number == train.session && same && self.with == train.with
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Cuts the arena and draws the weights.
    #[inline(never)]
    pub fn begin<const T: usize>(&mut self, arena: &mut [f32]) -> Result<(), Refused> {
        let mut layers = Layers::new();
        self.layers(arena, &mut layers)?;
        let (plan, layout) = training_layout(&layers, self.layer_bytes, &self.with, T as u32, arena.len() as u64)?;
        self.layout = layout.map_err(|short| Refused::Why(Why::Memory, short.need, short.have))?;
        self.inputs = (plan.inputs, plan.inputs_tile_len as u32);
        let kept = [self.layout.layers, self.layout.parameters, self.layout.running, self.layout.state];
        let [_, parameters, running, state] = kept.map(|words| words as usize);
        let rest = arena.get_mut(kept[0] as usize..).unwrap_or_default();
        let (parameters, rest) = rest.split_at_mut_checked(parameters).unwrap_or_default();
        let (running, rest) = rest.split_at_mut_checked(running).unwrap_or_default();
        let (state, scratch) = rest.split_at_mut_checked(state).unwrap_or_default();
        init(&self.with).fill(&layers, parameters, scratch)?;
        state.fill(0.0);
        let mut rest = running;
        for layer in &layers {
            let channels = layer.statistics() as usize;
            let (means, after) = rest.split_at_mut_checked(channels).unwrap_or_default();
            let (variances, after) = after.split_at_mut_checked(channels).unwrap_or_default();
            means.fill(0.0);
            variances.fill(1.0);
            rest = after;
        }
        Ok(())
    }

    /// Where it stands.
    #[inline(never)]
    pub fn ready(&self, arena: &[f32]) -> Ready {
        let TrainingLayout { parameters, running, state, least, .. } = self.layout;
        let (arena_bytes, least) = (4 * self.layout.words(), 4 * least);
        Ready { step: self.step, parameters, running, state, arena: arena_bytes, least, digest: self.digest(arena) }
    }

    fn digest(&self, arena: &[f32]) -> Digest {
        let start = self.layout.layers as usize;
        let end = start + (self.layout.parameters + self.layout.running) as usize;
        Digest::of(arena.get(start..end).unwrap_or_default())
    }

    /// Takes words, if they are for the step that comes next.
    #[inline(never)]
    pub fn put<const T: usize>(&mut self, put: &Put, arena: &mut [f32]) {
        if (put.session, put.step) != (self.number, self.step) || self.layout.parameters == 0 {
            return;
        }
        if put.store != Store::Inputs {
            return self.put_words(put, arena);
        }
        self.put_inputs(put, training_tile(self.with.batch, T as u32) as usize, arena);
    }

    fn put_words(&mut self, put: &Put, arena: &mut [f32]) {
        let words = put.bytes.as_chunks::<4>().0;
        let mut powers = self.powers.to_le_bytes();
        let mut places = [];
        let pieces = self.layout.cut(arena, &mut places);
        let to: &mut [u8] = match put.store {
            Store::Labels => bytemuck::cast_slice_mut(pieces.labels),
            Store::Parameters => bytemuck::cast_slice_mut(pieces.parameters),
            Store::Running => bytemuck::cast_slice_mut(pieces.running),
            Store::State => bytemuck::cast_slice_mut(pieces.state),
            Store::Powers => &mut powers,
            Store::Inputs => &mut [],
        };
        let to = to.as_chunks_mut::<4>().0.get_mut(put.first as usize..).unwrap_or_default();
        for (to, word) in to.iter_mut().zip(words) {
            *to = match put.store {
                // No parameter is -0.0.
                Store::Parameters => (f32::from_le_bytes(*word) + 0.0).to_le_bytes(),
                _ => *word,
            };
        }
        self.powers = Powers::from_le_bytes(powers);
    }

    /// Inputs stand `[tile][unit][T]` at the beginning of the activations.
    fn put_inputs(&mut self, put: &Put, tile: usize, arena: &mut [f32]) {
        let mut places = [];
        let inputs = self.layout.cut(arena, &mut places).buffers.activations;
        let (units, tile_len) = (self.inputs.0 as usize, self.inputs.1 as usize);
        let tile = tile.max(1);
        let (mut point, mut unit) = (put.first as usize / units.max(1), put.first as usize % units.max(1));
        for word in put.bytes.as_chunks::<4>().0 {
            if point >= self.with.batch as usize {
                return;
            }
            if let Some(to) = inputs.get_mut(point / tile * tile_len + unit * tile + point % tile) {
                *to = f32::from_le_bytes(*word);
            }
            unit += 1;
            if unit == units {
                (point, unit) = (point + 1, 0);
            }
        }
    }

    /// The list of layers, from the arena's beginning.
    #[inline(never)]
    fn layers(&self, words: &[f32], layers: &mut Layers) -> Result<(), Refused> {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        match bytes.get(..self.layer_bytes as usize) {
            Some(bytes) if decode_layers(bytes, layers) => Ok(()),
            _ => Err(Refused::Why(Why::Layers, 0, MAX_LAYERS as u64)),
        }
    }

    fn options(&self) -> Options {
        Options { batch: self.with.batch, isa: Isa::detect(), seed: self.with.seed }
    }

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
        let (loss, correct, ticks) = if self.with.batch == 1 {
            self.teach_in::<R, 1, M>(teach, arena, machine)?
        } else {
            self.teach_in::<R, T, M>(teach, arena, machine)?
        };
        self.step = self.step.saturating_add(1);
        let (step, digest, stack) = (self.step, self.digest(arena), machine.stack());
        Ok(*self.last.insert(Taught { step, loss, correct, digest, stack, ticks }))
    }

    /// (loss, right answers, ticks)
    #[inline(never)]
    fn teach_in<const R: usize, const T: usize, M: Machine>(
        &mut self,
        teach: &Teach,
        arena: &mut [f32],
        machine: &mut M,
    ) -> Result<(f32, u32, Option<u64>), Refused> {
        let mut powers = self.powers;
        let rule = self.with.settings.step(teach.rate, &mut powers)?;
        let mut places = [Place::default(); MAX_LAYERS];
        let mut layers = Layers::new();
        self.layers(arena, &mut layers)?;
        let Pieces { parameters, running, state, labels, buffers } = self.layout.cut(arena, &mut places);
        let options = self.options();
        let mut trainer = Trainer::<_, R, T>::for_steps(&layers, &Serial, options, buffers)?;
        let (units, classes) = (trainer.plan().inputs as usize, trainer.plan().outputs as usize);
        let count = teach.count as usize;
        let labels = labels.get(..count).unwrap_or_default();
        let (inputs, tile_len) = trainer.begin(teach.count)?;
        let at = |point: usize, unit: usize| point / T * tile_len + unit * T + point % T;
        let value = |point, unit| inputs.get(at(point, unit)).copied().unwrap_or(f32::NAN);
        let all = (0..count).flat_map(|point| (0..units).map(move |unit| (point, unit)));
        if examples_digest(all.map(|(point, unit)| value(point, unit)), labels.iter().copied()) != teach.examples {
            return Err(Refused::Why(Why::Examples, 0, 0));
        }
        if let Some(&label) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(Refused::Why(Why::Label, label as u64, classes as u64));
        }
        // Lanes past the last example are that example again.
        for point in count..count.next_multiple_of(T) {
            for unit in 0..units {
                let last = inputs.get(at(count.saturating_sub(1), unit)).copied().unwrap_or_default();
                if let Some(to) = inputs.get_mut(at(point, unit)) {
                    *to = last;
                }
            }
        }
        machine.begin();
        let done = step(&mut trainer, (parameters, running, state), labels, (teach, rule));
        let ticks = machine.end(done.is_ok());
        let (loss, correct) = done?;
        self.powers = powers;
        Ok((loss, correct, ticks))
    }

    fn tag(&self, arena: &[f32]) -> u64 {
        let bytes: &[u8] = bytemuck::cast_slice(arena);
        training_tag(bytes.get(..self.layer_bytes as usize).unwrap_or_default(), &self.with)
    }

    fn has_begun(&self) -> Result<(), Refused> {
        if self.layout.parameters > 0 { Ok(()) } else { Err(Refused::Why(Why::Session, self.number as u64, 0)) }
    }

    /// Keeps the state in flash; once, if the same is asked for again.
    #[inline(never)]
    pub fn save<M: Machine>(&mut self, save: &Save, arena: &mut [f32], machine: &mut M) -> Result<Saved, Refused> {
        self.has_begun()?;
        if save.step != self.step {
            return Err(Refused::Why(Why::Step, save.step as u64, self.step as u64));
        }
        match &self.saved {
            Some(saved) if (saved.step, saved.batch, saved.rate) == (save.step, save.batch, save.rate) => {
                return Ok(*saved);
            }
            _ => {}
        }
        let progress = Progress { step: self.step, batch: save.batch, powers: self.powers, rate: save.rate };
        let tag = self.tag(arena);
        let Pieces { parameters, running, state, .. } = self.layout.cut(arena, &mut []);
        let sequence = machine.save(tag, (parameters, running, state), &progress)?;
        Ok(self.is_saved(sequence, &progress, arena))
    }

    /// Takes up the state that lies in flash.
    #[inline(never)]
    pub fn restore<M: Machine>(&mut self, arena: &mut [f32], machine: &mut M) -> Result<Saved, Refused> {
        self.has_begun()?;
        match &self.saved {
            Some(saved) if saved.step == self.step => return Ok(*saved),
            _ if self.step != 0 => return Err(Refused::Why(Why::Step, 0, self.step as u64)),
            _ => {}
        }
        let tag = self.tag(arena);
        let Pieces { parameters, running, state, .. } = self.layout.cut(arena, &mut []);
        let (sequence, progress) = machine.restore(tag, (parameters, running, state))?;
        (self.step, self.powers, self.last) = (progress.step, progress.powers, None);
        Ok(self.is_saved(sequence, &progress, arena))
    }

    fn is_saved(&mut self, sequence: u32, progress: &Progress, arena: &[f32]) -> Saved {
        let Progress { step, batch, rate, .. } = *progress;
        *self.saved.insert(Saved { sequence, step, batch, rate, digest: self.digest(arena) })
    }

    /// Says words of a store.
    #[inline(never)]
    pub fn say<M: Machine>(&self, get: &Get, arena: &mut [f32], answer: &mut Answer<M>) -> Result<(), Gone> {
        let powers = [self.powers.beta1, self.powers.beta2];
        let mut places = [];
        let pieces = self.layout.cut(arena, &mut places);
        let all: &[f32] = match get.store {
            Store::Parameters => pieces.parameters,
            Store::Running => pieces.running,
            Store::State => pieces.state,
            Store::Powers => &powers,
            Store::Inputs | Store::Labels => &[],
        };
        let end = (get.first as usize).saturating_add(get.count as usize);
        let Some(words) = all.get(get.first as usize..end) else {
            return answer.refuse(Why::Store, end as u64, all.len() as u64);
        };
        for (i, frame) in words.chunks(VALUE_BYTES / 4).enumerate() {
            let bytes = bytemuck::cast_slice(frame);
            answer.say(Message::Value { first: (i * VALUE_BYTES / 4) as u32, bytes })?;
        }
        let stack = answer.machine().stack();
        let (elements, digest, arena) = (words.len() as u32, Digest::of(words), 4 * self.layout.words());
        answer.say(Message::Done(Done { elements, digest, arena, panel: 0, stack, ticks: None }))
    }
}

/// Forward, losses, backward, and each parameter on its way: (loss, right answers).
#[inline(never)]
fn step<const R: usize, const T: usize>(
    trainer: &mut Trainer<Serial, R, T>,
    (parameters, running, state): (&mut [f32], &mut [f32], &mut [f32]),
    labels: &[u32],
    (teach, rule): (&Teach, Step),
) -> Result<(f32, u32), Refused> {
    let done = lose(trainer, (parameters, running), labels, teach)?;
    trainer.descend(parameters, state, &rule)?;
    Ok(done)
}

/// Forward and losses, whose gradient stands in the trainer then. Out of line: what they keep on the stack is not there on the way back.
#[inline(never)]
fn lose<const R: usize, const T: usize>(
    trainer: &mut Trainer<Serial, R, T>,
    (parameters, running): (&[f32], &mut [f32]),
    labels: &[u32],
    teach: &Teach,
) -> Result<(f32, u32), Refused> {
    trainer.forward(parameters, running, Mode::Training { step: teach.step })?;
    let classes = trainer.plan().outputs as usize;
    let (outputs, gradient, tile_len) = trainer.outputs_and_gradient();
    let from = outputs.len() / labels.len().div_ceil(T).max(1);
    let (mut mean, mut correct) = (MeanLoss::new(), 0);
    let tiles = outputs.chunks(from.max(1)).zip(gradient.chunks_mut(tile_len.max(1)));
    for (labels, (z, gradient)) in labels.chunks(T).zip(tiles) {
        let mut losses = [0.0; T];
        let losses = losses.get_mut(..labels.len()).unwrap_or_default();
        correct += correct_count(z, (classes, T), labels)?;
        let (Some(gradient), Some(z)) = (gradient.get_mut(..classes * T), z.get(..classes * T)) else { continue };
        gradient.copy_from_slice(z);
        cross_entropy(gradient, (classes, T), labels, teach.count, losses, Math::Libm)?;
        mean.add(losses);
    }
    let loss = mean.mean().unwrap_or(0.0);
    if !(f32::MIN..=f32::MAX).contains(&loss) {
        return Err(Refused::Why(Why::Loss, 0, 0));
    }
    Ok((loss, correct))
}
