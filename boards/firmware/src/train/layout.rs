use crate::arena::Short;
use shatterscope::Error;
use shatterscope::train::{Buffers, Init, Layer, Place, Plan, plan_for_steps};
use shatterscope::wire::With;

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

/// What a training asks of the core: the plan, and the layout in an arena of `words`, as [`training_words`](crate::training_words) has
/// limited it.
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

pub(super) fn init(with: &With) -> Init {
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
    pub(super) fn cut<'a>(&self, arena: &'a mut [f32], places: &'a mut [Place]) -> Pieces<'a> {
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

pub(super) struct Pieces<'a> {
    pub parameters: &'a mut [f32],
    pub running: &'a mut [f32],
    pub state: &'a mut [f32],
    pub labels: &'a mut [u32],
    pub buffers: Buffers<'a>,
}
