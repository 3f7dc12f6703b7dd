use super::{Plan, RunOptions, Schedule, Statistics};
use crate::error::{Error, InvalidSpec};

/// The buffer lengths and the work of a run over a set of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct RunLengths {
    /// Resident points: a multiple of the tile.
    pub resident: u64,
    /// f32 elements of values, gradients and tangents.
    pub values_len: u64,
    /// Bytes of tape.
    pub tape_len: u64,
    /// f32 elements of statistics.
    pub statistics_len: u64,
    /// f32 elements of outputs.
    pub outputs_len: u64,
    /// f32 elements of the gradient or, in forward mode, of the output tangents.
    pub gradient_len: u64,
    /// Multiply-adds, including those of repeated passes.
    pub multiply_adds: u64,
}

macro_rules! checked {
    ($x:expr) => {
        match $x {
            Some(x) => x,
            None => return Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
        }
    };
}

impl Plan<'_> {
    /// The buffer lengths and the work of a run in tiles of `tile` points.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] with [`InvalidSpec::Points`], [`InvalidSpec::Tile`] or [`InvalidSpec::Slice`] for options out of range, [`InvalidSpec::Want`] if the
    /// plan was made for another [`Want`](super::Want) than [`RunOptions::want`], [`InvalidSpec::Int8`] for a network with bytes, and [`InvalidSpec::TooLarge`].
    pub const fn run(&self, options: &RunOptions, tile: u32) -> Result<RunLengths, Error> {
        if options.points == 0 || options.points > 1 << 24 {
            return Err(Error::InvalidSpec(InvalidSpec::Points));
        }
        if !options.math.is_available() {
            return Err(Error::InvalidSpec(InvalidSpec::Feature));
        }
        if tile == 0 || tile > 64 {
            return Err(Error::InvalidSpec(InvalidSpec::Tile));
        }
        if options.count == 0 || options.first as u64 + options.count as u64 > options.points as u64 {
            return Err(Error::InvalidSpec(InvalidSpec::Slice));
        }
        if self.graph().has_int8() {
            return Err(Error::InvalidSpec(InvalidSpec::Int8));
        }
        if options.want() as u8 != self.want() as u8 {
            return Err(Error::InvalidSpec(InvalidSpec::Want));
        }
        let resident = match options.schedule {
            Schedule::Blocks { resident } if resident < options.points => resident,
            _ => options.points,
        };
        let resident = (if resident == 0 { 1 } else { resident as u64 }).next_multiple_of(tile as u64);
        let reverse = self.want().backward();
        let copies = if reverse { 1 } else { 2 };
        let (inputs, outputs) = self.input_output_units();
        let (sweeps, results) = (options.sweeps(), if options.sweeps() { options.count } else { options.points });
        // A forward pass, and a backward pass or the tangents.
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

    /// Total units of the inputs and of the outputs.
    pub(crate) const fn input_output_units(&self) -> (u64, u64) {
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

    /// Multiply-adds of one point in the sweeps for statistics.
    const fn swept(&self, options: &RunOptions) -> Option<u64> {
        let full = matches!(options.statistics, Statistics::Full);
        let graph = self.graph();
        let all = self.multiply_adds;
        // Multiply-adds before the current block and in it; passes to the norms of the block.
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
                // The sweep for the derivative is a forward pass with tangents to the norm, or a whole forward pass and a backward
                // pass to the norm.
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
                // End of a block or a single node: the norm of the k-th copy of a block has k more blocks before it.
                let Some(firsts) = block_sum.checked_mul(times) else { return None };
                let Some(later) = block_passes.checked_mul(block_adds) else { return None };
                // Does not wrap: there are fewer than 2^24 blocks.
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
