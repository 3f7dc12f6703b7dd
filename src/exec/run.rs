use super::forward::{Forward, Mode};
use super::memory::Memory;
use crate::error::{Buffer, Error, InvalidSpec};
use crate::kernel::{Isa, all_finite};
use crate::math::Math;
use crate::plan::{Plan, Sums};
use crate::workers::Workers;

/// Batch size and instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Options {
    /// The most points of a batch.
    pub batch: u32,
    /// Instructions.
    pub isa: Isa,
}

impl Options {
    /// Batches of at most this many points, with the instructions that every processor of the target has.
    pub const fn new(batch: u32) -> Self {
        Self { batch, isa: Isa::BASE }
    }

    /// Sets the instructions: see [`Isa::detect`].
    pub const fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }
}

/// Buffers provided by the caller. Elements past the planned length are not used.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffers<'a> {
    /// [`Plan::values_len`]
    pub values: &'a mut [f32],
    /// [`Plan::tape_len`]
    pub tape: &'a mut [u8],
    /// [`Plan::statistics_len`]
    pub statistics: &'a mut [f32],
    /// Packed weights, and gradients of parameters before they are used: any length from [`Plan::scratch_len`] up; longer is faster, up to
    /// [`Plan::scratch_best`].
    pub scratch: &'a mut [f32],
    /// Operands of a parameter gradient, of as many tiles as fit; at least [`Plan::gathered_len`].
    pub gathered: &'a mut [f32],
}

impl<'a> Buffers<'a> {
    /// The buffers of a plan for outputs alone.
    pub const fn of_outputs(values: &'a mut [f32], scratch: &'a mut [f32]) -> Self {
        Self { values, tape: &mut [], statistics: &mut [], scratch, gathered: &mut [] }
    }
}

/// Runs a graph, one batch at a time.
///
/// R rows of weights by T points are the register tile of the dense kernel: tuning only, no bit depends on them.
#[derive(Debug)]
pub struct Executor<'a, K, const R: usize, const T: usize> {
    batch: u32,
    memory: Memory<'a, K, T>,
    room: Room<'a>,
}

impl<'a, K: Workers, const R: usize, const T: usize> Executor<'a, K, R, T> {
    /// Checks every length once.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] for a batch without points or with more than 2^24, and a tile of none or more than 64 points; [`Error::TooShort`].
    pub fn new(plan: &'a Plan<'a>, workers: &'a K, options: Options, buffers: Buffers<'a>) -> Result<Self, Error> {
        if options.batch == 0 || options.batch > 1 << 24 {
            return Err(Error::InvalidSpec(InvalidSpec::Points));
        }
        if T == 0 || T > 64 {
            return Err(Error::InvalidSpec(InvalidSpec::Tile));
        }
        if T != 1 && plan.graph().has_int8() {
            return Err(Error::InvalidSpec(InvalidSpec::Int8));
        }
        const TOO_LARGE: Error = Error::InvalidSpec(InvalidSpec::TooLarge);
        let tile = T as u32;
        least(Buffer::Scratch, buffers.scratch.len(), plan.scratch(options.batch, tile))?;
        least(Buffer::Gathered, buffers.gathered.len(), plan.gathered_len(tile))?;
        let values = plan.values_len(options.batch, tile).ok_or(TOO_LARGE)?;
        let tape = plan.tape_len(options.batch, tile).ok_or(TOO_LARGE)?;
        let buffers = Buffers {
            values: Buffer::Values.first(buffers.values, values)?,
            tape: Buffer::Tape.first(buffers.tape, tape)?,
            statistics: Buffer::Statistics.first(buffers.statistics, plan.statistics_len())?,
            ..buffers
        };
        let Buffers { values, tape, statistics, scratch, gathered } = buffers;
        let planned = (options.batch as usize).div_ceil(T);
        let memory = Memory {
            plan,
            workers,
            values,
            tape_tile_len: invariant!(tape.len().checked_div(planned)),
            tape,
            points: planned.wrapping_mul(T),
            count: 0,
            tiles: 0,
            first: 0,
        };
        let shared = plan.statistics[0] as usize;
        let room =
            Room { statistics, shared, sums: Sums::Batch, scratch, gathered, isa: options.isa, math: Math::Libm };
        Ok(Self { batch: options.batch, memory, room })
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan<'a> {
        self.memory.plan
    }

    /// The most points of a batch.
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// Begins a batch of `count` points, at most as many as were planned.
    ///
    /// # Errors
    /// [`Error::Batch`] for no points, or more.
    pub fn begin(&mut self, count: u32) -> Result<Batch<'_, 'a, K, R, T>, Error> {
        self.begin_at(0, count)
    }

    /// The same for the points from `first` on of a batch that is divided into several calls: dropout depends on a point's index in the batch.
    ///
    /// # Errors
    /// As [`Executor::begin`].
    pub fn begin_at(&mut self, first: u32, count: u32) -> Result<Batch<'_, 'a, K, R, T>, Error> {
        if count == 0 || count > self.batch {
            return Err(Error::Batch { points: count as u64, most: self.batch as u64 });
        }
        let Self { memory, room, .. } = self;
        (memory.count, memory.tiles, memory.first) = (count as usize, (count as usize).div_ceil(T), first);
        Ok(Batch { memory, room })
    }
}

/// Where the operations work, besides the values.
#[derive(Debug)]
pub(super) struct Room<'a> {
    pub statistics: &'a mut [f32],
    /// Length of the statistics that norms share, which come first.
    pub shared: usize,
    pub sums: Sums,
    pub scratch: &'a mut [f32],
    pub gathered: &'a mut [f32],
    pub isa: Isa,
    pub math: Math,
}

/// A batch whose inputs are to be written.
pub struct Batch<'e, 'a, K, const R: usize, const T: usize> {
    memory: &'e mut Memory<'a, K, T>,
    room: &'e mut Room<'a>,
}

impl<'e, 'a, K: Workers, const R: usize, const T: usize> Batch<'e, 'a, K, R, T> {
    /// Where the input of this node is to be written, `[tile][unit][T]`, and how many elements a tile has. Lanes past the last point hold what
    /// a point could hold: that point again, or zeros. None where the node is no input.
    pub fn input(&mut self, node: u32) -> Option<(&mut [f32], usize)> {
        if !self.memory.plan.graph().is_input(node as usize) {
            return None;
        }
        let span = self.memory.span(node);
        Some((self.memory.get_mut(span), span.tile_len))
    }

    /// Checks parameters, running statistics and inputs, and begins the forward pass.
    ///
    /// # Shapes
    /// `parameters` in the order of the nodes: weights, then biases of each; the running statistics of `mode` likewise: means, then variances
    /// of each batch norm.
    ///
    /// # Errors
    /// [`Error::TooShort`], also with [`Buffer::Statistics`] for batch norms that are to take their statistics from the batch under a plan
    /// of outputs alone; [`Error::InvalidValue`] with the element of an input that is NaN or infinite.
    pub fn forward<'p>(mut self, parameters: &'p [f32], mode: Mode<'p>) -> Result<Forward<'e, 'a, 'p, K, R, T>, Error> {
        let plan = self.memory.plan;
        least(Buffer::Parameters, parameters.len(), plan.parameters_len)?;
        match &mode {
            Mode::Training { running, .. } => least(Buffer::Running, running.len(), plan.running_len)?,
            Mode::Inference { running } => least(Buffer::Running, running.len(), plan.running_len)?,
            Mode::Probing => {}
        }
        if !plan.want().backward() && !matches!(mode, Mode::Inference { .. }) {
            least(Buffer::Statistics, 0, plan.running_len)?;
        }
        let mut node = 0;
        while plan.graph().is_input(node as usize) {
            self.is_finite(node)?;
            node = node.saturating_add(1);
        }
        Ok(Forward::new(self.memory, self.room, node, parameters, mode))
    }

    /// ReLUs and pools could hide what is not.
    fn is_finite(&mut self, node: u32) -> Result<(), Error> {
        if self.memory.plan.graph().is_int8(node as usize) {
            return Ok(());
        }
        let (isa, span) = (self.room.isa, self.memory.span(node));
        if self.memory.over(span, |_, x| all_finite(isa, x)) {
            return Ok(());
        }
        let index = self.memory.get(span).iter().position(|x| !x.is_finite()).map_or(0, |index| index as u64);
        Err(Error::InvalidValue { buffer: Buffer::Inputs, layer: 0, index })
    }
}

pub(super) fn least(buffer: Buffer, have: usize, need: u64) -> Result<(), Error> {
    let have = have as u64;
    if have >= need { Ok(()) } else { Err(Error::TooShort { buffer, need, have }) }
}
