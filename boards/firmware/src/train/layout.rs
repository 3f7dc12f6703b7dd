use crate::arena::Short;
use shatterscope::exec::Buffers;
use shatterscope::graph::NODE_WORDS;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{Decay, InitialWeights, Optimiser};
use shatterscope::wire::TrainConfig;
use shatterscope::{Error, InvalidSpec};

/// How the arena is divided for a training, in words of 4 bytes, in the order in which the pieces lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingLayout {
    /// The nodes of the graph.
    pub nodes: u32,
    /// The slots of its values and gradients.
    pub slots: u32,
    /// Weights and biases.
    pub parameters: u32,
    /// Running statistics.
    pub running: u32,
    /// What the optimiser keeps.
    pub state: u32,
    /// Labels of the batch at hand.
    pub labels: u32,
    /// Values and gradients of a batch; the inputs are among them.
    pub values: u32,
    /// Bits of ReLUs and bytes of maxima, rounded up to words.
    pub tape: u32,
    /// Of batch norms.
    pub statistics: u32,
    /// Operands of a parameter gradient.
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

/// The layout of a training in an arena of `words`, as [`training_words`](crate::training_words) has limited it.
///
/// # Errors
/// [`Error`] of the settings, of a plan that is not of the [gradients of parameters](Want::ParameterGradient), and of a batch that cannot be
/// counted; [`Short`] of the layout.
pub fn training_layout(
    plan: &Plan,
    with: &TrainConfig,
    tile: u32,
    words: u64,
) -> Result<Result<TrainingLayout, Short>, Error> {
    const TOO_LARGE: Error = Error::InvalidSpec(InvalidSpec::TooLarge);
    with.settings.check()?;
    if plan.want() != Want::ParameterGradient {
        return Err(Error::InvalidSpec(InvalidSpec::Want));
    }
    if with.batch == 0 || with.batch > 1 << 24 {
        return Err(Error::InvalidSpec(InvalidSpec::Points));
    }
    let tile = training_tile(with.batch, tile);
    let state = with.settings.optimiser.state_len(plan.parameters_len);
    let nodes = plan.graph().len() as u64;
    let kept = [
        nodes.saturating_mul(NODE_WORDS as u64),
        nodes.saturating_mul(plan.want().slots() as u64),
        plan.parameters_len,
        plan.running_len,
        state,
    ];
    let used = [
        with.batch as u64,
        plan.values_len(with.batch, tile).ok_or(TOO_LARGE)?,
        plan.tape_len(with.batch, tile).ok_or(TOO_LARGE)?.div_ceil(4),
        plan.statistics_len(),
        plan.gathered_len(tile),
    ];
    let sum = |all: &[u64]| all.iter().fold(0u64, |sum, &words| sum.saturating_add(words));
    let plain = matches!((with.settings.optimiser, with.settings.decay), (Optimiser::Sgd, Decay::None));
    let [scratch, best] =
        if plain && with.batch == 1 { plan.descent_scratch } else { [plan.scratch_len, plan.scratch_best] };
    // Weights are drawn where later values stand.
    let drawn = init(with).scratch_len(plan.graph());
    let scratch = scratch.max(drawn.saturating_sub(sum(&used)));
    let least = sum(&kept).saturating_add(sum(&used)).saturating_add(scratch);
    let short = Short { need: least.saturating_mul(4), have: words.saturating_mul(4) };
    let (Some(left), Ok(least)) = (words.checked_sub(least), u32::try_from(least)) else { return Ok(Err(short)) };
    let scratch = best.max(scratch).min(scratch.saturating_add(left)) as u32;
    let [nodes, slots, parameters, running, state] = kept.map(|words| words as u32);
    let [labels, values, tape, statistics, gathered] = used.map(|words| words as u32);
    Ok(Ok(TrainingLayout {
        nodes,
        slots,
        parameters,
        running,
        state,
        labels,
        values,
        tape,
        statistics,
        gathered,
        scratch,
        least,
    }))
}

pub(super) fn init(with: &TrainConfig) -> InitialWeights {
    InitialWeights { start: with.start, seed: with.seed, run: with.run }
}

impl TrainingLayout {
    /// All of it.
    pub fn words(&self) -> u32 {
        let kept = self.nodes + self.slots + self.parameters + self.running + self.state;
        kept + self.labels + self.values + self.tape + self.statistics + self.gathered + self.scratch
    }

    /// The pieces of the arena; empty ones where it is too short.
    pub(super) fn divide<'a>(&self, arena: &'a mut [f32]) -> Pieces<'a> {
        let mut rest = arena;
        let mut take = |words: u32| {
            let (first, after) = core::mem::take(&mut rest).split_at_mut_checked(words as usize).unwrap_or_default();
            rest = after;
            first
        };
        Pieces {
            nodes: bytemuck::cast_slice_mut(take(self.nodes)),
            slots: bytemuck::cast_slice_mut(take(self.slots)),
            parameters: take(self.parameters),
            running: take(self.running),
            state: take(self.state),
            labels: bytemuck::cast_slice_mut(take(self.labels)),
            buffers: Buffers {
                values: take(self.values),
                tape: bytemuck::cast_slice_mut(take(self.tape)),
                statistics: take(self.statistics),
                gathered: take(self.gathered),
                scratch: take(self.scratch),
            },
        }
    }
}

pub(super) struct Pieces<'a> {
    pub nodes: &'a mut [u32],
    pub slots: &'a mut [u32],
    pub parameters: &'a mut [f32],
    pub running: &'a mut [f32],
    pub state: &'a mut [f32],
    pub labels: &'a mut [u32],
    pub buffers: Buffers<'a>,
}
