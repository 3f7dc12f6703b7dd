//! One batch forward and backward through layers whose parameters are the caller's.
//!
//! Whatever the way back needs stays where the way forward put it: each layer that does not work in place writes to a region of its
//! own. A layer is done for all points before the next begins, its points beside each other as far as there are [`Workers`].
mod backward;
mod forward;
mod gather;
mod norm;
mod parameters;
mod prelu;

pub(crate) use parameters::fitting;

use super::plan::{Asked, Place, Plan, Region, bottom, lay_out, lengths};
use super::{Layer, Options};
use crate::error::{Buffer, Error, Fault, Pass};
use crate::network::Workers;
use crate::network::cut;

/// The caller's buffers, their lengths in [`Plan`]. What is past the planned length is never touched.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffers<'a> {
    /// Where each layer keeps what; filled by the trainer.
    pub places: &'a mut [Place],
    /// `[layer][tile][unit][T]`.
    pub activations: &'a mut [f32],
    /// `[tile][layer]`, bits of rectifiers and bytes of maxima.
    pub tape: &'a mut [u8],
    /// `[buffer][tile][unit][T]`.
    pub gradients: &'a mut [f32],
    /// Of batch norms.
    pub statistics: &'a mut [f32],
    /// Packed weights, and gradients of parameters before they are used. Any length from [`Plan::scratch_len`] up.
    pub scratch: &'a mut [f32],
    /// Operands of a weight gradient of a convolution, norm or PReLU, of as many tiles as fit; at least [`Plan::gathered_len`].
    pub gathered: &'a mut [f32],
}

/// What a pass forward is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// Batch norms use the batch and move their running statistics; dropout leaves out, by the number of the step.
    Training {
        /// Steps done before.
        step: u32,
    },
    /// Batch norms use the batch and leave their running statistics alone; nothing drops out. As the first step of training, for
    /// gradients that are looked at.
    Probing,
    /// Batch norms use their running statistics; nothing drops out.
    Inference,
}

/// Runs a network forward and backward, a batch at a time.
///
/// R rows of weights by T points form the register tile of the dense kernel: pure tuning, no bit depends on them.
#[derive(Debug)]
pub struct Trainer<'a, K, const R: usize, const T: usize> {
    layers: &'a [Layer],
    workers: &'a K,
    options: Options,
    plan: Plan,
    buffers: Buffers<'a>,
    /// Points of the batch at hand, and the number of the first.
    count: usize,
    first: u32,
    mode: Mode,
    /// Whether the second gradient buffer holds the gradient.
    flipped: bool,
    /// Where the way back ends, and whether that layer's inputs get no gradient.
    bottom: (usize, bool),
    asked: Asked,
    /// Of an update that wants all gradients.
    all_scratch: u64,
}

impl<'a, K: Workers, const R: usize, const T: usize> Trainer<'a, K, R, T> {
    /// Checks every length once.
    ///
    /// # Errors
    /// [`Error::Refused`] or [`Error::TooShort`].
    pub fn new(layers: &'a [Layer], workers: &'a K, options: Options, buffers: Buffers<'a>) -> Result<Self, Error> {
        Self::planned(layers, workers, options, buffers, Asked::Gradients)
    }

    /// The same for steps and nothing else, in the buffers of [`plan_for_steps`](super::plan_for_steps): the way back ends with the first
    /// layer that has parameters. If that is a dense layer or a convolution, its inputs get no gradient.
    ///
    /// # Numerics
    /// Parameters and state get the same bits as from [`Trainer::new`]. A gradient that nobody asks for is not looked at either: in
    /// its place, that of the outputs of the layer where the way back ends.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn for_steps(
        layers: &'a [Layer],
        workers: &'a K,
        options: Options,
        buffers: Buffers<'a>,
    ) -> Result<Self, Error> {
        Self::planned(layers, workers, options, buffers, Asked::Steps { plain: true })
    }

    // Out of line: what planning needs of a small stack is not there while a step is taken.
    #[inline(never)]
    fn planned(
        layers: &'a [Layer],
        workers: &'a K,
        options: Options,
        buffers: Buffers<'a>,
        asked: Asked,
    ) -> Result<Self, Error> {
        let (plan, all_scratch) = lengths(layers, options.batch, T as u32, asked)?;
        least(Buffer::Scratch, buffers.scratch.len(), plan.scratch_len)?;
        least(Buffer::Gathered, buffers.gathered.len(), plan.gathered_len)?;
        let places = cut(Buffer::Places, buffers.places, plan.places_len)?;
        lay_out(layers, T as u64, places);
        let buffers = Buffers {
            places,
            activations: cut(Buffer::Activations, buffers.activations, plan.activations_len)?,
            tape: cut(Buffer::Tape, buffers.tape, plan.tape_len)?,
            gradients: cut(Buffer::Gradient, buffers.gradients, plan.gradients_len)?,
            statistics: cut(Buffer::Statistics, buffers.statistics, plan.statistics_len)?,
            scratch: buffers.scratch,
            gathered: buffers.gathered,
        };
        let bottom = if asked == Asked::Gradients { (0, false) } else { bottom(layers) };
        let (count, first, mode, flipped) = (0, 0, Mode::Probing, false);
        Ok(Self { layers, workers, options, plan, buffers, count, first, mode, flipped, bottom, asked, all_scratch })
    }

    /// What the buffers hold.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Begins a batch of `count` points: the inputs are to be written to what comes back, `[tile][unit][T]` with so many elements a
    /// tile. Lanes past the last point hold what a point could hold, say that point again.
    ///
    /// # Errors
    /// [`Error::TooShort`] for more points than were planned, or none.
    pub fn begin(&mut self, count: u32) -> Result<(&mut [f32], usize), Error> {
        self.begin_at(0, count)
    }

    /// The same for points from `first` on of a batch that is cut in calls: dropout goes by where a point stands in the whole batch.
    ///
    /// # Errors
    /// As [`Trainer::begin`].
    pub fn begin_at(&mut self, first: u32, count: u32) -> Result<(&mut [f32], usize), Error> {
        if count == 0 || count > self.options.batch {
            return Err(Error::TooShort {
                buffer: Buffer::Inputs,
                need: count.max(1) as u64,
                have: self.options.batch as u64,
            });
        }
        (self.first, self.count) = (first, count as usize);
        let units = self.buffers.places.first().map_or(0, |place| place.source.units) as usize;
        let len = self.tiles() * units * T;
        Ok((self.buffers.activations.get_mut(..len).unwrap_or_default(), units * T))
    }

    /// The outputs, as `[tile][unit][T]` with so many elements a tile.
    pub fn outputs(&self) -> (&[f32], usize) {
        let region = self.buffers.places.last().map_or(Region::default(), |place| place.region);
        let (start, len, tile_len) = self.span(region);
        (self.buffers.activations.get(start..start + len).unwrap_or_default(), tile_len)
    }

    /// The outputs; where the way back starts, to be filled with their gradient, `[tile][unit][T]`; and how many elements a tile of the
    /// gradient has, which are those of the widest layer. Lanes past the last point do not matter. The way back writes over it.
    pub fn outputs_and_gradient(&mut self) -> (&[f32], &mut [f32], usize) {
        self.flipped = false;
        let region = self.buffers.places.last().map_or(Region::default(), |place| place.region);
        let (start, len, _) = self.span(region);
        let tile_len = self.tile_len();
        let outputs = self.buffers.activations.get(start..start + len).unwrap_or_default();
        let gradient = self.buffers.gradients.get_mut(..self.plan.gradient_len as usize).unwrap_or_default();
        (outputs, gradient, tile_len)
    }

    /// After [`Trainer::backward`]: the gradient of the inputs, `[tile][unit][T]` with so many elements a tile. None of a trainer that is
    /// [for steps](Trainer::for_steps).
    pub fn input_gradient(&mut self) -> (&[f32], usize) {
        let tile_len = self.tile_len();
        if self.asked != Asked::Gradients {
            return (&[], tile_len);
        }
        (self.gradients().here, tile_len)
    }

    fn has_begun(&self) -> Result<(), Error> {
        least(Buffer::Inputs, self.count, 1)
    }

    /// Tiles of the batch at hand.
    fn tiles(&self) -> usize {
        self.count.div_ceil(T)
    }

    /// f32 elements of a tile of a gradient buffer.
    fn tile_len(&self) -> usize {
        let tiles = (self.options.batch as usize).div_ceil(T);
        self.plan.gradient_len as usize / tiles.max(1)
    }

    /// (start, elements in use, elements of a tile) of a region.
    fn span(&self, region: Region) -> (usize, usize, usize) {
        let planned = (self.options.batch as usize).div_ceil(T);
        let tile_len = region.units as usize * T;
        (region.first as usize * planned * T, self.tiles() * tile_len, tile_len)
    }
}

fn least(buffer: Buffer, have: usize, need: u64) -> Result<(), Error> {
    let have = have as u64;
    if have >= need { Ok(()) } else { Err(Error::TooShort { buffer, need, have }) }
}

fn fault(pass: Pass, layer: usize) -> Error {
    Error::NonFinite(Fault { pass, layer: layer as u32 + 1 })
}
