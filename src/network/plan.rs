use super::{Dense, Layer, Network};
use crate::error::{Buffer, Error, Refusal};

/// What the statistics of a norm are in the derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Statistics {
    /// Held constant.
    #[default]
    Detached,
    /// Differentiated through.
    Full,
}

/// How the derivative is taken; each has its own digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Derivative {
    /// Backward through the tape: the gradient of sum_p u_p f(x_p).
    #[default]
    Reverse,
    /// A tangent travels with the value: no tape.
    Forward,
}

/// The order of work. It changes time and memory, never bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Schedule {
    /// Every point resident through all layers; norms find their batch in place.
    #[default]
    WholeBatch,
    /// A few points resident at a time. Networks without norm run through once; the statistics of norms are found layer
    /// by layer, each time from the input.
    Blocks {
        /// Resident points P, rounded up to tiles.
        resident: u32,
    },
}

/// How a network is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// Points of the batch, M.
    pub points: u32,
    /// First point whose result is wanted.
    pub first: u32,
    /// Number of points whose result is wanted; the statistics are those of all points.
    pub count: u32,
    /// Reverse or forward.
    pub derivative: Derivative,
    /// Detached or full.
    pub statistics: Statistics,
    /// Whole batch or blocks.
    pub schedule: Schedule,
    /// Behind the square root of batch norm.
    pub math: crate::math::Math,
    /// Instructions of the dense kernel.
    pub isa: crate::kernel::Isa,
}

impl Options {
    /// Reverse mode, detached, whole batch, all of `points`.
    pub const fn new(points: u32) -> Self {
        Self {
            points,
            first: 0,
            count: points,
            derivative: Derivative::Reverse,
            statistics: Statistics::Detached,
            schedule: Schedule::WholeBatch,
            math: crate::math::Math::Libm,
            isa: crate::kernel::Isa::Portable,
        }
    }
}

/// What a run needs: lengths of its buffers in elements, exact, and its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan {
    /// Points resident at a time, a multiple of the tile.
    pub resident: u64,
    /// f32 elements of one tile in one activation buffer: the widest layer times T.
    pub tile_len: u64,
    /// Activation buffers: here and there; one more for a kept input; twice as many in forward mode.
    pub activation_buffers: u64,
    /// [`Buffers::activations`](super::Buffers), f32 elements.
    pub activations_len: u64,
    /// Bytes of tape of one tile.
    pub tape_tile_len: u64,
    /// [`Buffers::tape`](super::Buffers), bytes.
    pub tape_len: u64,
    /// Widest norm.
    pub norm_width: u64,
    /// [`Buffers::statistics`](super::Buffers), f32 elements.
    pub statistics_len: u64,
    /// f32 elements of normalised activations of one tile.
    pub normalised_tile_len: u64,
    /// [`Buffers::normalised`](super::Buffers), f32 elements: full batch norm in reverse mode.
    pub normalised_len: u64,
    /// Least [`Buffers::panel`](super::Buffers), f32 elements, for seeded weights of a family; stored weights need 1. A
    /// longer panel is faster, up to a whole matrix.
    pub panel_len: u64,
    /// Outputs, f32 elements.
    pub outputs_len: u64,
    /// Gradient, f32 elements.
    pub gradient_len: u64,
    /// Multiply-adds of dense layers, recomputation included.
    pub multiply_adds: u64,
}

/// Checked arithmetic that ends in a named refusal.
macro_rules! checked {
    ($x:expr) => {
        match $x {
            Some(x) => x,
            None => return Err(Error::Refused(Refusal::TooLarge)),
        }
    };
}

/// A sum that goes on as it went since it was `before`, so many times more.
const fn repeated(sum: u64, before: u64, more: u64) -> Option<u64> {
    match sum.saturating_sub(before).checked_mul(more) {
        Some(rest) => sum.checked_add(rest),
        None => None,
    }
}

impl Network<'_> {
    /// Lengths and work of a run with tiles of `tile` points (the executor's T).
    ///
    /// # Errors
    /// [`Error::Refused`] for networks and options that cannot be run.
    pub const fn plan(&self, options: &Options, tile: u32) -> Result<Plan, Error> {
        if let Err(error) = self.check() {
            return Err(error);
        }
        let reverse = matches!(options.derivative, Derivative::Reverse);
        let full = matches!(options.statistics, Statistics::Full);
        let recompute = matches!(options.schedule, Schedule::Blocks { .. });
        if options.points == 0 || options.points > 1 << 24 {
            return Err(Error::Refused(Refusal::Points));
        }
        if tile == 0 || tile > 64 {
            return Err(Error::Refused(Refusal::Tile));
        }
        if options.count == 0 || options.first as u64 + options.count as u64 > options.points as u64 {
            return Err(Error::Refused(Refusal::Slice));
        }
        let tile = tile as u64;
        let resident = match options.schedule {
            Schedule::WholeBatch => options.points,
            Schedule::Blocks { resident } if resident < options.points => resident,
            Schedule::Blocks { .. } => options.points,
        } as u64;
        let tiles = if resident == 0 { 1 } else { resident.div_ceil(tile) };
        let (mut widest, mut forked, mut norms, mut norm_width, mut statistics_len) =
            (self.inputs() as u64, 0, 0u64, 0, 0u64);
        let (mut tape_tile_len, mut normalised_tile_len) = (0u64, 0u64);
        // Multiply-adds a point: forward so far, and the sums over norms of what stands before (and after) each.
        let (mut adds, mut before_norms, mut norm_passes) = (0u64, 0u64, 0u64);
        // Of a family's hidden blocks the first is looked at and the others are counted, so that no depth takes long to plan.
        let (block, blocks) = self.blocks();
        let repeats = blocks.saturating_sub(1);
        let (mut before, mut block_passes) = ([0u64; 6], 0u64);
        let mut i = 0u32;
        while let Some(layer) = self.layer(i) {
            if i == 1 {
                before = [adds, before_norms, norm_passes, statistics_len, tape_tile_len, normalised_tile_len];
            }
            let (fan_in, fan_out) = layer.shape();
            let (units, out) = (fan_in as u64, fan_out as u64);
            if out > widest {
                widest = out;
            }
            match layer {
                Layer::Dense(Dense { .. }) => adds = checked!(adds.checked_add(checked!(units.checked_mul(out)))),
                Layer::Relu { .. } | Layer::Crelu { .. } => {
                    tape_tile_len =
                        checked!(tape_tile_len.checked_add(checked!(crate::layer::tape_bytes(units, tile))));
                }
                Layer::Fork { .. } => forked = 1,
                Layer::Join { .. } => {}
                Layer::Centre { .. } | Layer::BatchNorm { .. } => {
                    let batch = matches!(layer, Layer::BatchNorm { .. });
                    if recompute && full {
                        if batch {
                            return Err(Error::Refused(Refusal::FullBatchNormRecompute));
                        }
                        if !reverse {
                            return Err(Error::Refused(Refusal::ForwardFullRecompute));
                        }
                    }
                    norms = 1;
                    if units > norm_width {
                        norm_width = units;
                    }
                    let entry = checked!(units.checked_mul(layer.statistics_rows(options)));
                    statistics_len = checked!(statistics_len.checked_add(entry));
                    if batch && full && reverse {
                        normalised_tile_len =
                            checked!(normalised_tile_len.checked_add(checked!(units.checked_mul(tile))));
                    }
                    let passes = if batch { 2 } else { 1 };
                    before_norms = checked!(before_norms.checked_add(checked!(adds.checked_mul(passes))));
                    norm_passes = checked!(norm_passes.checked_add(1));
                    block_passes = checked!(block_passes.checked_add(passes));
                }
            }
            i = checked!(i.checked_add(1));
            if repeats > 0 && i == block.saturating_add(1) {
                let more = repeats as u64;
                // The norm of the k-th block has k blocks more before it than that of the first.
                let later = checked!(block_passes.checked_mul(adds.saturating_sub(before[0])));
                let later = checked!(later.checked_mul(more * (more + 1) / 2));
                adds = checked!(repeated(adds, before[0], more));
                before_norms = checked!(checked!(repeated(before_norms, before[1], more)).checked_add(later));
                norm_passes = checked!(repeated(norm_passes, before[2], more));
                statistics_len = checked!(repeated(statistics_len, before[3], more));
                tape_tile_len = checked!(repeated(tape_tile_len, before[4], more));
                normalised_tile_len = checked!(repeated(normalised_tile_len, before[5], more));
                i = checked!(i.checked_add(checked!(block.checked_mul(repeats))));
            }
        }
        if norms > 0 {
            let rows = if recompute { 16 } else { 2 };
            statistics_len = checked!(statistics_len.checked_add(checked!(norm_width.checked_mul(rows))));
        }
        let tile_len = checked!(widest.checked_mul(tile));
        let activation_buffers = (2 + forked) * (if reverse { 1 } else { 2 });
        let activations_len = checked!(checked!(tile_len.checked_mul(tiles)).checked_mul(activation_buffers));
        // One way there and one back (or the tangent beside), for the wanted points or, with the whole batch, for all.
        let results = if recompute { options.count } else { options.points } as u64;
        let mut multiply_adds = checked!(checked!(adds.checked_mul(2)).checked_mul(results));
        if recompute && norms > 0 {
            let mut each = before_norms;
            if full {
                // For each norm: all the way forward, then back to it.
                let there = checked!(adds.checked_mul(checked!(norm_passes.checked_mul(2))));
                each = checked!(each.checked_add(there));
                each = checked!(each.checked_sub(before_norms));
            }
            multiply_adds = checked!(multiply_adds.checked_add(checked!(each.checked_mul(options.points as u64))));
        }
        let gradient_units = if reverse { self.inputs() } else { self.outputs() } as u64;
        Ok(Plan {
            resident: tiles * tile,
            tile_len,
            activation_buffers,
            activations_len,
            tape_tile_len: if reverse { tape_tile_len } else { 0 },
            tape_len: if reverse { checked!(tape_tile_len.checked_mul(tiles)) } else { 0 },
            norm_width,
            statistics_len,
            normalised_tile_len,
            normalised_len: checked!(normalised_tile_len.checked_mul(tiles)),
            panel_len: match self {
                Network::Family(spec) => spec.panel_len(),
                Network::Layers(_) => 1,
            },
            outputs_len: checked!((options.count as u64).checked_mul(self.outputs() as u64)),
            gradient_len: checked!((options.count as u64).checked_mul(gradient_units)),
            multiply_adds,
        })
    }
}

impl Layer {
    /// Rows of statistics that a norm keeps for the run: the mean (blocks), the inverse deviation (batch norm), the mean
    /// of the gradient (blocks, full centring).
    pub(super) const fn statistics_rows(&self, options: &Options) -> u64 {
        let blocks = matches!(options.schedule, Schedule::Blocks { .. }) as u64;
        let full = matches!(options.statistics, Statistics::Full) as u64;
        match self {
            Layer::Centre { .. } => blocks + blocks * full,
            Layer::BatchNorm { .. } => blocks + 1,
            _ => 0,
        }
    }
}

/// Refuses a buffer shorter than `need`, and cuts one that is longer: what is past the end is never touched.
pub(crate) fn cut<T>(buffer: Buffer, slice: &mut [T], need: u64) -> Result<&mut [T], Error> {
    let have = slice.len() as u64;
    usize::try_from(need).ok().and_then(|need| slice.get_mut(..need)).ok_or(Error::TooShort { buffer, need, have })
}
