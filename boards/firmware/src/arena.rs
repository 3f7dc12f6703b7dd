use shatterscope::Error;
use shatterscope::exec::Buffers;
use shatterscope::plan::{Plan, RunLengths};
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

/// What [`TrainConfig::ram`](shatterscope::wire::TrainConfig::ram) leaves to a training of an arena of `words`; `wide` says whether addresses have 64
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
    /// Values, gradients and tangents of the resident points.
    pub values: u64,
    /// Statistics of norms.
    pub statistics: u64,
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
    fn of(plan: &Plan, lengths: &RunLengths, (run, words): (&Run, u64)) -> Result<Self, Short> {
        let part = match run.part {
            Part::Gradient | Part::Outputs => 0,
            // Two directions of two words each.
            Part::Digests { count, .. } => count as u64 * 4,
            // Behind a name of two words.
            Part::Profile { count, .. } => 2 + count as u64 * 4,
            Part::Values { .. } => VALUE_BYTES as u64 / 4,
        };
        let mut layout = Self {
            gradient: lengths.gradient_len,
            outputs: lengths.outputs_len,
            part,
            values: lengths.values_len,
            statistics: lengths.statistics_len,
            tape: lengths.tape_len.div_ceil(4),
            panel: run.spec.panel_len(),
        };
        let least = layout.words();
        let left = words.checked_sub(least).ok_or(Short { need: 4 * least, have: 4 * words })?;
        let largest = matrix_len(plan).max(layout.panel);
        layout.panel = largest.min(layout.panel.saturating_add(left));
        Ok(layout)
    }

    /// All of it.
    pub fn words(&self) -> u64 {
        let results = self.gradient.saturating_add(self.outputs).saturating_add(self.part);
        let kept = self.values.saturating_add(self.statistics);
        results.saturating_add(kept).saturating_add(self.tape).saturating_add(self.panel)
    }

    /// All of it in bytes.
    pub fn bytes(&self) -> u64 {
        4 * self.words()
    }

    /// The pieces of the arena; empty ones where it is too short, which the run then refuses by name.
    pub(crate) fn cut<'a>(&self, arena: &'a mut [f32]) -> Pieces<'a> {
        let mut rest = arena;
        let mut take = |words: u64| {
            let (first, after) = core::mem::take(&mut rest).split_at_mut_checked(words as usize).unwrap_or_default();
            rest = after;
            first
        };
        let (gradient, outputs, part) = (take(self.gradient), take(self.outputs), take(self.part));
        let buffers = Buffers {
            values: take(self.values),
            statistics: take(self.statistics),
            tape: bytemuck::cast_slice_mut(take(self.tape)),
            scratch: take(self.panel),
            gathered: &mut [],
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
fn matrix_len(plan: &Plan) -> u64 {
    let graph = plan.graph();
    // The multiply-adds of a dense layer are as many as its weights.
    graph.distinct().filter_map(|i| graph.facts(i)).map(|facts| facts.multiply_adds).max().unwrap_or(1)
}

/// What a request asks of the core: the lengths of the run, and the layout in an arena of `words`, of which `Run::ram` may leave less.
///
/// # Errors
/// [`Error`] of the plan; [`Short`] of the layout.
pub fn layout(run: &Run, tile: u32, words: u64) -> Result<(RunLengths, Result<Layout, Short>), Error> {
    let options = run.options();
    let plan = Plan::family(&run.spec, options.want())?;
    let lengths = plan.run(&options, tile)?;
    let words = limited(words, run.ram, OVERHEAD);
    Ok((lengths, Layout::of(&plan, &lengths, (run, words))))
}
