//! All buffers of a pass in one piece of memory.
use super::run::{Buffers, Options};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::plan::{Plan, RunLengths};

impl Plan<'_> {
    /// f32 elements of an arena that holds all buffers of batches of `batch` points in tiles of `tile`; `usize::MAX` if they cannot be counted.
    /// A longer arena makes passes faster, up to [`Plan::best_arena_len`].
    pub const fn arena_len(&self, batch: u32, tile: u32) -> usize {
        let (Some(values), Some(tape)) = (self.values_len(batch, tile), self.tape_len(batch, tile)) else {
            return usize::MAX;
        };
        let lens =
            [values, self.statistics_len(), tape.div_ceil(4), self.gathered_len(tile), self.scratch(batch, tile)];
        sum(lens)
    }

    /// f32 elements of the longest arena that makes passes faster; `usize::MAX` if they cannot be counted.
    pub const fn best_arena_len(&self, batch: u32, tile: u32) -> usize {
        let more = self.scratch_best.saturating_sub(self.scratch(batch, tile));
        let len = (self.arena_len(batch, tile) as u64).saturating_add(more);
        if len > usize::MAX as u64 { usize::MAX } else { len as usize }
    }

    /// The least scratch. SGD with batch size 1 needs less than other updates, which check their scratch when they begin.
    pub(super) const fn scratch(&self, batch: u32, tile: u32) -> u64 {
        let alone = batch == 1 && tile == 1 && matches!(self.want(), crate::plan::Want::ParameterGradient);
        if alone { self.descent_scratch[0] } else { self.scratch_len }
    }
}

impl RunLengths {
    /// f32 elements of an arena that holds all buffers of a run with a panel of `panel` elements; `usize::MAX` if they cannot be counted.
    pub const fn arena_len(&self, panel: u64) -> usize {
        sum([self.values_len, self.statistics_len, self.tape_len.div_ceil(4), 0, panel])
    }
}

const fn sum(lens: [u64; 5]) -> usize {
    let (mut len, mut i) = (0u64, 0);
    while i < lens.len() {
        len = len.saturating_add(lens[i]);
        i = i.wrapping_add(1);
    }
    if len > usize::MAX as u64 { usize::MAX } else { len as usize }
}

impl<'a> Buffers<'a> {
    /// Divides an arena of at least [`Plan::arena_len`] elements into the buffers of an [`Executor`](super::Executor). Scratch gets what is left.
    ///
    /// # Errors
    /// [`Error::TooShort`] with [`Buffer::Arena`]; [`InvalidSpec::TooLarge`] for buffers that cannot be counted.
    pub fn of_batches(plan: &Plan, options: &Options, tile: u32, arena: &'a mut [f32]) -> Result<Self, Error> {
        const TOO_LARGE: Error = Error::InvalidSpec(InvalidSpec::TooLarge);
        let values = plan.values_len(options.batch, tile).ok_or(TOO_LARGE)?;
        let tape = plan.tape_len(options.batch, tile).ok_or(TOO_LARGE)?;
        let gathered = plan.gathered_len(tile);
        Self::divided([values, plan.statistics_len(), tape, gathered], plan.arena_len(options.batch, tile), arena)
    }

    /// Divides an arena of at least [`RunLengths::arena_len`] elements into the buffers of a [`Run`](super::Run). The panel gets what is left.
    ///
    /// # Errors
    /// [`Error::TooShort`] with [`Buffer::Arena`].
    pub fn of_run(lengths: &RunLengths, arena: &'a mut [f32]) -> Result<Self, Error> {
        let RunLengths { values_len, statistics_len, tape_len, .. } = *lengths;
        Self::divided([values_len, statistics_len, tape_len, 0], lengths.arena_len(0), arena)
    }

    fn divided(
        [values, statistics, tape, gathered]: [u64; 4],
        need: usize,
        arena: &'a mut [f32],
    ) -> Result<Self, Error> {
        let short = Error::TooShort { buffer: Buffer::Arena, need: need as u64, have: arena.len() as u64 };
        if arena.len() < need {
            return Err(short);
        }
        // Not truncated: all of them fit in the arena.
        let lens = [values, statistics, tape.div_ceil(4), gathered].map(|len| len as usize);
        let (Some((values, rest)), [_, statistics, words, gathered]) = (arena.split_at_mut_checked(lens[0]), lens)
        else {
            return Err(short);
        };
        let (statistics, rest) = rest.split_at_mut_checked(statistics).ok_or(short)?;
        let (words, rest) = rest.split_at_mut_checked(words).ok_or(short)?;
        let (gathered, scratch) = rest.split_at_mut_checked(gathered).ok_or(short)?;
        Ok(Self { values, tape: bytemuck::must_cast_slice_mut(words), statistics, scratch, gathered })
    }
}
