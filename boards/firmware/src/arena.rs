use shatterscope::Error;
use shatterscope::network::{Buffers, Layer, Network, Plan};
use shatterscope::wire::{Part, Run, VALUE_BYTES};

/// Most bytes that the statics (without the arena) and the stack of any board take together in a run, and in a training on a core of
/// 32 bits.
const OVERHEAD: u32 = 8 * 1024;

/// Such bytes of a training, where every address is twice as long.
const WIDE_TRAINING_OVERHEAD: u32 = 16 * 1024;

/// What a limit of memory (0: none) leaves of an arena of `words`, less what else takes memory.
const fn limited(words: u64, ram: u32, overhead: u32) -> u64 {
    let left = ram.saturating_sub(overhead) as u64 / 4;
    if ram == 0 || words < left { words } else { left }
}

/// What [`With::ram`](shatterscope::wire::With::ram) leaves to a training of an arena of `words`; `wide` says whether addresses have 64
/// bits.
pub const fn training_words(words: u64, ram: u32, wide: bool) -> u64 {
    limited(words, ram, if wide { WIDE_TRAINING_OVERHEAD } else { OVERHEAD })
}

/// How the arena is cut for a run, in words of 4 bytes, in the order in which the pieces lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Gradient of the slice.
    pub gradient: u64,
    /// Outputs of the slice.
    pub outputs: u64,
    /// Digests or a frame of values, where the part asks for them.
    pub part: u64,
    /// Activations.
    pub activations: u64,
    /// Means and inverse deviations.
    pub statistics: u64,
    /// Normalised activations.
    pub normalised: u64,
    /// Tape, rounded up to words.
    pub tape: u64,
    /// The panel of weights: what is left, up to the largest matrix.
    pub panel: u64,
}

/// The arena is too small; bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// What the run needs at least.
    pub need: u64,
    /// What there is.
    pub have: u64,
}

impl Layout {
    /// The layout of a run in an arena of `words`.
    ///
    /// # Errors
    /// [`Short`] where not even the smallest panel fits.
    pub fn of(network: &Network, plan: &Plan, part: Part, words: u64) -> Result<Self, Short> {
        let part = match part {
            Part::Gradient | Part::Outputs => 0,
            // Two directions of two words each.
            Part::Digests { count, .. } => count as u64 * 4,
            // Behind a name of two words.
            Part::Profile { count, .. } => 2 + count as u64 * 4,
            Part::Values { .. } => VALUE_BYTES as u64 / 4,
        };
        let mut layout = Self {
            gradient: plan.gradient_len,
            outputs: plan.outputs_len,
            part,
            activations: plan.activations_len,
            statistics: plan.statistics_len,
            normalised: plan.normalised_len,
            tape: plan.tape_len.div_ceil(4),
            panel: plan.panel_len,
        };
        let least = layout.words();
        let left = words.checked_sub(least).ok_or(Short { need: 4 * least, have: 4 * words })?;
        let largest = matrix_len(network).max(plan.panel_len);
        layout.panel = largest.min(plan.panel_len.saturating_add(left));
        Ok(layout)
    }

    /// All of it.
    pub fn words(&self) -> u64 {
        let results = self.gradient.saturating_add(self.outputs).saturating_add(self.part);
        let kept = self.activations.saturating_add(self.statistics).saturating_add(self.normalised);
        results.saturating_add(kept).saturating_add(self.tape).saturating_add(self.panel)
    }

    /// All of it in bytes.
    pub fn bytes(&self) -> u64 {
        4 * self.words()
    }

    /// The pieces of the arena; empty ones where it is too short, which the executor then refuses by name.
    pub(crate) fn cut<'a>(&self, arena: &'a mut [f32]) -> Pieces<'a> {
        let mut rest = arena;
        let mut take = |words: u64| {
            let (first, after) = core::mem::take(&mut rest).split_at_mut_checked(words as usize).unwrap_or_default();
            rest = after;
            first
        };
        let (gradient, outputs, part) = (take(self.gradient), take(self.outputs), take(self.part));
        let buffers = Buffers {
            activations: take(self.activations),
            statistics: take(self.statistics),
            normalised: take(self.normalised),
            tape: bytemuck::cast_slice_mut(take(self.tape)),
            panel: take(self.panel),
        };
        Pieces { gradient, outputs, part, buffers }
    }
}

pub(crate) struct Pieces<'a> {
    pub gradient: &'a mut [f32],
    pub outputs: &'a mut [f32],
    pub part: &'a mut [f32],
    pub buffers: Buffers<'a>,
}

/// Elements of the largest matrix: a longer panel than that is of no use.
fn matrix_len(network: &Network) -> u64 {
    let dense = network.distinct().filter_map(|i| match network.layer(i) {
        Some(Layer::Dense(dense)) => Some(dense.fan_in as u64 * dense.fan_out as u64),
        _ => None,
    });
    dense.max().unwrap_or(1)
}

/// What a request asks of the core: the plan, and the layout in an arena of `words`, of which `Run::ram` may leave less.
///
/// # Errors
/// [`Error`] of the plan; [`Short`] of the layout.
pub fn layout(run: &Run, tile: u32, words: u64) -> Result<(Plan, Result<Layout, Short>), Error> {
    let network = Network::Family(run.spec);
    let plan = network.plan(&run.options(), tile)?;
    let words = limited(words, run.ram, OVERHEAD);
    Ok((plan, Layout::of(&network, &plan, run.part, words)))
}
