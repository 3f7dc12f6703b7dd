use super::sums::Sums;
use super::{Plan, Want};
use crate::error::{Error, Refusal};
use crate::network::{Derivative, Options, Schedule, Statistics};

/// What a run of a graph over a set of points needs, and its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RunLengths {
    /// Points in memory at a time, a multiple of the tile.
    pub resident: u64,
    /// f32 elements of values, gradients and tangents.
    pub values_len: u64,
    /// Bytes of tape.
    pub tape_len: u64,
    /// f32 elements of statistics.
    pub statistics_len: u64,
    /// f32 elements of outputs.
    pub outputs_len: u64,
    /// f32 elements of the derivative.
    pub gradient_len: u64,
    /// Multiply-adds, those of repeated passes included.
    pub multiply_adds: u64,
}

impl Options {
    /// What a graph is to be planned for.
    pub const fn want(&self) -> Want {
        match (self.derivative, self.statistics) {
            (Derivative::Forward, _) => Want::Tangent,
            (Derivative::Reverse, Statistics::Detached) => Want::DetachedGradient,
            (Derivative::Reverse, Statistics::Full) => Want::InputGradient,
        }
    }

    /// How the statistics of norms are found.
    pub(crate) const fn sums(&self) -> Sums {
        match self.schedule {
            Schedule::WholeBatch => Sums::Batch,
            Schedule::Blocks { .. } => Sums::Sweeps { full: matches!(self.statistics, Statistics::Full) },
        }
    }

    /// Sweeps over the points before the results: for each norm one for its mean, one for its variance, and where its statistics are
    /// differentiated one for the means of the derivative.
    pub(crate) const fn sweeps(&self) -> bool {
        matches!(self.schedule, Schedule::Blocks { .. })
    }
}

macro_rules! checked {
    ($x:expr) => {
        match $x {
            Some(x) => x,
            None => return Err(Error::Refused(Refusal::TooLarge)),
        }
    };
}

impl Plan<'_> {
    /// Lengths and work of a run in tiles of `tile` points.
    ///
    /// # Errors
    /// [`Error::Refused`] for options that cannot be, with [`Refusal::Want`] under a plan for something else; [`Refusal::TooLarge`].
    pub const fn run(&self, options: &Options, tile: u32) -> Result<RunLengths, Error> {
        if options.points == 0 || options.points > 1 << 24 {
            return Err(Error::Refused(Refusal::Points));
        }
        if tile == 0 || tile > 64 {
            return Err(Error::Refused(Refusal::Tile));
        }
        if options.count == 0 || options.first as u64 + options.count as u64 > options.points as u64 {
            return Err(Error::Refused(Refusal::Slice));
        }
        if options.want() as u8 != self.want() as u8 {
            return Err(Error::Refused(Refusal::Want));
        }
        let resident = match options.schedule {
            Schedule::Blocks { resident } if resident < options.points => resident,
            _ => options.points,
        };
        let resident = (if resident == 0 { 1 } else { resident as u64 }).next_multiple_of(tile as u64);
        let reverse = self.want().backward();
        let copies = if reverse { 1 } else { 2 };
        let (inputs, outputs) = self.ends();
        let (sweeps, results) = (options.sweeps(), if options.sweeps() { options.count } else { options.points });
        // One way there and one back, or the tangent beside; and what the sweeps take.
        let there_and_back = checked!(checked!(self.multiply_adds.checked_mul(2)).checked_mul(results as u64));
        let each = if sweeps { checked!(self.swept(options)) } else { 0 };
        Ok(RunLengths {
            resident,
            values_len: checked!(checked!(self.units.checked_mul(resident)).checked_mul(copies)),
            tape_len: if reverse { checked!(self.tape_tile_len(tile).checked_mul(resident / tile as u64)) } else { 0 },
            statistics_len: self.rows(options.sums()).1,
            outputs_len: checked!(outputs.checked_mul(options.count as u64)),
            gradient_len: checked!((if reverse { inputs } else { outputs }).checked_mul(options.count as u64)),
            multiply_adds: checked!(there_and_back.checked_add(checked!(each.checked_mul(options.points as u64)))),
        })
    }

    /// Units of all inputs, and of all outputs.
    pub(crate) const fn ends(&self) -> (u64, u64) {
        let graph = self.graph();
        let (mut inputs, mut outputs, mut i) = (0u64, 0u64, 0);
        while i < graph.len() {
            // Nothing saturates: at most 2^24 nodes of fewer than 2^32 units.
            if graph.is_input(i) {
                inputs = inputs.saturating_add(self.lifetimes.units(i));
            }
            if graph.last_use(i) as usize == graph.len() {
                outputs = outputs.saturating_add(self.lifetimes.units(i));
            }
            i = graph.next_kind(i).0;
        }
        (inputs, outputs)
    }

    /// Multiply-adds of a point in the sweeps for the statistics of all norms.
    const fn swept(&self, options: &Options) -> Option<u64> {
        let full = matches!(options.statistics, Statistics::Full);
        let graph = self.graph();
        let all = self.multiply_adds;
        // Before the block at hand and in it; passes through the norms of one block.
        let (mut before, mut sum, mut i) = (0u64, 0u64, 0);
        let (mut block_passes, mut block_adds, mut block_sum) = (0u64, 0u64, 0u64);
        while i < graph.len() {
            let (next, times) = graph.next_kind(i);
            let facts = match graph.facts(i as u32) {
                Some(facts) => facts,
                None => return None,
            };
            if let Some(norm) = graph.at(i).op.norm() {
                let moments = 1 + norm.eps.is_some() as u64;
                // A sweep for the derivative goes forward to the norm with the tangents; or all the way, and back to the norm.
                let (fixed, passes) = match (full, self.want().backward()) {
                    (false, _) => (0, moments),
                    (true, false) => (0, moments + 2),
                    (true, true) => (all.saturating_mul(2), moments - 1),
                };
                let adds = before.saturating_add(block_adds);
                let Some(taken) = adds.checked_mul(passes) else { return None };
                let Some(taken) = taken.checked_add(fixed) else { return None };
                match block_sum.checked_add(taken) {
                    Some(more) => block_sum = more,
                    None => return None,
                }
                block_passes = block_passes.saturating_add(passes);
            }
            block_adds = block_adds.saturating_add(facts.multiply_adds);
            if times == 1 || graph.next_kind(next).1 == 1 {
                // The end of a block, or a node alone: the norm of the k-th block has k blocks more before it than that of the first.
                let Some(firsts) = block_sum.checked_mul(times) else { return None };
                let Some(later) = block_passes.checked_mul(block_adds) else { return None };
                // Nothing wraps: fewer than 2^24 blocks.
                let pairs = times.wrapping_mul(times.wrapping_sub(1)) / 2;
                let Some(later) = later.checked_mul(pairs) else { return None };
                let (Some(more), Some(adds)) = (firsts.checked_add(later), block_adds.checked_mul(times)) else {
                    return None;
                };
                match sum.checked_add(more) {
                    Some(more) => sum = more,
                    None => return None,
                }
                before = before.saturating_add(adds);
                (block_passes, block_adds, block_sum) = (0, 0, 0);
            }
            i = next;
        }
        Some(sum)
    }
}
