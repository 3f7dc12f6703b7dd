use super::{Decay, Layer, Optimiser, Settings};
use crate::error::{Error, Refusal};
use crate::kernel::{Isa, conv_gathered_len};
use crate::layer::Conv;

/// Where a layer's output stands: `[tile][units][T]`, so many units a point into the activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Region {
    /// Units of a point in all regions before it.
    pub first: u32,
    /// Units of a point from one tile to the next.
    pub units: u32,
}

/// What a layer owns in the buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Place {
    pub(super) source: Region,
    pub(super) region: Region,
    /// Of a join: what was kept.
    pub(super) kept: Region,
    pub(super) parameters: u32,
    pub(super) tape: u32,
    pub(super) statistics: u32,
}

/// Lengths of the buffers of a [`Trainer`](super::Trainer), f32 elements unless said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan {
    /// Elements of [`Place`]: one a layer.
    pub places_len: u64,
    /// Parameters of all layers, in their order.
    pub parameters_len: u64,
    /// Two a channel of batch norm: running mean and variance.
    pub running_len: u64,
    /// Every value that the way back needs, of a whole batch.
    pub activations_len: u64,
    /// Bytes.
    pub tape_len: u64,
    /// Bytes of a tile.
    pub tape_tile_len: u64,
    /// Two batches of the widest layer, three with joins.
    pub gradients_len: u64,
    /// Of those, one.
    pub gradient_len: u64,
    /// Three a channel of batch norm.
    pub statistics_len: u64,
    /// The least: weights of one output of the layer that has most, and what one tile of the widest convolution reads. Longer is faster,
    /// up to [`Plan::scratch_best`].
    pub scratch_len: u64,
    /// All weights of the largest layer.
    pub scratch_best: u64,
    /// Operands of the widest weight gradient of a convolution, norm or PReLU for one tile; 0 without any.
    pub gathered_len: u64,
    /// Elements of a tile of inputs, where [`Trainer::begin`](super::Trainer::begin) has them: at the beginning of the activations.
    pub inputs_tile_len: u64,
    /// Units in and out.
    pub inputs: u32,
    /// Units of the last layer.
    pub outputs: u32,
    /// Multiply-adds of one point, forward.
    pub multiply_adds: u64,
}

/// What a trainer is to do, besides its layers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// The most points of a batch.
    pub batch: u32,
    /// Instructions.
    pub isa: Isa,
    /// Of dropout.
    pub seed: u64,
}

macro_rules! some {
    ($x:expr, $refusal:expr) => {
        match $x {
            Some(x) => x,
            None => return Err(Error::Refused($refusal)),
        }
    };
}

const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

/// What is asked of the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Gradients of parameters and of inputs.
    Gradients,
    /// New parameters and no more; under plain descent those of a dense layer need no gradient at one point.
    Steps {
        /// Plain descent.
        plain: bool,
    },
}

impl Layer {
    /// Whether it has parameters, and learns them without a gradient of its inputs where nobody asks for that.
    const fn learns(&self) -> (bool, bool) {
        let alone = matches!(self, Layer::Dense { .. } | Layer::Conv { .. });
        (alone || matches!(self, Layer::Prelu { .. } | Layer::BatchNorm { .. }), alone)
    }
}

/// The first layer that has parameters, and whether its inputs get no gradient in steps: where their way back ends.
pub(super) const fn bottom(layers: &[Layer]) -> (usize, bool) {
    let mut i = 0;
    // No panic: i is below the length.
    while i < layers.len() {
        if let (true, alone) = layers[i].learns() {
            return (i, alone);
        }
        i += 1;
    }
    (i, false)
}

/// Lengths for batches of at most `batch` points in tiles of `tile`.
///
/// # Errors
/// [`Error::Refused`] with [`Refusal::Layers`] for layers that do not follow each other, and forks that nest or stay open;
/// [`Refusal::Window`] and [`Refusal::Pool`] for windows, [`Refusal::Rate`], [`Refusal::Eps`] and [`Refusal::Scale`] for numbers out of
/// range; [`Refusal::TooLarge`] past 2^32 - 1 parameters or units, or 2^64 - 1 elements.
pub const fn plan(layers: &[Layer], batch: u32, tile: u32) -> Result<Plan, Error> {
    match lengths(layers, batch, tile, Asked::Gradients) {
        Ok((plan, _)) => Ok(plan),
        Err(error) => Err(error),
    }
}

/// The same for [`Trainer::for_steps`](super::Trainer::for_steps): gradients no wider than the layers from the first one with parameters on,
/// and under plain descent at one point no scratch for dense layers, as nothing is kept of a gradient.
///
/// # Errors
/// As [`plan`].
pub const fn plan_for_steps(layers: &[Layer], batch: u32, tile: u32, settings: &Settings) -> Result<Plan, Error> {
    let plain = matches!((settings.optimiser, settings.decay), (Optimiser::Sgd, Decay::None));
    match lengths(layers, batch, tile, Asked::Steps { plain }) {
        Ok((plan, _)) => Ok(plan),
        Err(error) => Err(error),
    }
}

/// The plan, and the least scratch of an update that wants all gradients. Out of line: what it needs of a small stack is not there while a
/// step is taken.
#[inline(never)]
pub(super) const fn lengths(layers: &[Layer], batch: u32, tile: u32, asked: Asked) -> Result<(Plan, u64), Error> {
    if batch == 0 || batch > 1 << 24 {
        return Err(Error::Refused(Refusal::Points));
    }
    if tile == 0 || tile > 64 {
        return Err(Error::Refused(Refusal::Tile));
    }
    if layers.is_empty() || layers.len() >= 1 << 24 {
        return Err(Error::Refused(Refusal::Layers));
    }
    let mut i = 0;
    // No panic: i is below the length, here and below.
    while i < layers.len() {
        if let Some(refusal) = refusal(&layers[i]) {
            return Err(Error::Refused(refusal));
        }
        i += 1;
    }
    let tile = tile as u64;
    // Divisors are no zeros, as was seen above, but a compiler may forget.
    let tiles = some!((batch as u64 + tile - 1).checked_div(tile), Refusal::Tile);
    let points = tiles * tile;
    let mut plan = Plan { places_len: layers.len() as u64, ..EMPTY };
    plan.inputs = some!(layers[0].input(), Refusal::TooLarge);
    let (mut units, mut forked, mut joins) = (plan.inputs, None, 0);
    let (bottom, alone) = match asked {
        Asked::Gradients => (0, false),
        Asked::Steps { .. } => bottom(layers),
    };
    let mut all_scratch = 0;
    let unkept = matches!(asked, Asked::Steps { plain: true }) && batch == 1 && tile == 1;
    let (mut widest, mut kept) = (0, some!(region(layers, 0, units), Refusal::TooLarge) as u64);
    plan.inputs_tile_len = kept * tile;
    i = 0;
    while i < layers.len() {
        let layer = &layers[i];
        let input = some!(layer.input(), Refusal::TooLarge);
        let output = some!(layer.output(), Refusal::TooLarge);
        let open = match layer {
            Layer::Fork { .. } => forked.is_none(),
            Layer::Join { shortcut, .. } => match forked {
                Some(fork) => some!(shortcut.input.units(), Refusal::TooLarge) == fork,
                None => false,
            },
            _ => true,
        };
        if !open || input != units || input == 0 || output == 0 {
            return Err(Error::Refused(Refusal::Layers));
        }
        match layer {
            Layer::Fork { .. } => (forked, joins) = (Some(output), 1),
            Layer::Join { .. } => forked = None,
            _ => {}
        }
        if !layer.in_place() {
            kept = some!(
                kept.checked_add(some!(region(layers, i + 1, output), Refusal::TooLarge) as u64),
                Refusal::TooLarge
            );
        }
        // A join needs room for what comes through its shortcut on the way forward, too.
        if i >= bottom || matches!(layer, Layer::Join { .. }) {
            widest = larger(widest, output as u64);
        }
        if i >= bottom && !(i == bottom && alone) {
            widest = larger(widest, input as u64);
        }
        let (weights, biases) = some!(layer.parameters(), Refusal::TooLarge);
        let both = some!(weights.checked_add(biases), Refusal::TooLarge);
        plan.parameters_len = some!(plan.parameters_len.checked_add(both), Refusal::TooLarge);
        let statistics = layer.statistics() as u64;
        // Nothing saturates: fewer than 2^24 layers of fewer than 2^32 channels.
        plan.running_len = plan.running_len.saturating_add(2 * statistics);
        plan.statistics_len = plan.statistics_len.saturating_add(3 * statistics);
        plan.tape_tile_len =
            some!(plan.tape_tile_len.checked_add(some!(layer.tape(tile), Refusal::TooLarge)), Refusal::TooLarge);
        let kept_nowhere = unkept && matches!(layer, Layer::Dense { .. });
        plan.scratch_best = larger(plan.scratch_best, if kept_nowhere { 0 } else { both });
        match layer {
            Layer::Dense { inputs, .. } => {
                let row = *inputs as u64 + 1;
                all_scratch = larger(all_scratch, row);
                plan.scratch_len = larger(plan.scratch_len, if kept_nowhere { 0 } else { row });
                plan.multiply_adds = some!(plan.multiply_adds.checked_add(weights), Refusal::TooLarge);
            }
            Layer::Conv { conv, .. } => {
                let of_output = some!(weights.checked_div(conv.channels as u64), Refusal::Window);
                let of_input = some!(weights.checked_div(conv.input.channels as u64), Refusal::Window);
                let rows = larger(of_output, of_input);
                plan.scratch_len = larger(plan.scratch_len, some!(rows.checked_add(1), Refusal::TooLarge));
                let (inputs, outputs) = some!(conv_gathered_len(conv, tile), Refusal::TooLarge);
                plan.gathered_len = larger(plan.gathered_len, some!(inputs.checked_add(outputs), Refusal::TooLarge));
                let products = some!(places(conv).checked_mul(weights), Refusal::TooLarge);
                plan.multiply_adds = some!(plan.multiply_adds.checked_add(products), Refusal::TooLarge);
            }
            Layer::BatchNorm { .. } => {
                plan.scratch_len = larger(plan.scratch_len, both);
                let operands = some!((2 * input as u64).checked_mul(tile), Refusal::TooLarge);
                plan.gathered_len = larger(plan.gathered_len, operands + GATHERED_PAST);
            }
            Layer::Prelu { .. } => {
                plan.scratch_len = larger(plan.scratch_len, both);
                // No overflow: fewer than 2^32 units times 64.
                plan.gathered_len = larger(plan.gathered_len, input as u64 * tile + GATHERED_PAST);
            }
            _ => {}
        }
        units = output;
        i += 1;
    }
    if forked.is_some() || kept > u32::MAX as u64 || plan.parameters_len > u32::MAX as u64 {
        return Err(Error::Refused(if forked.is_some() { Refusal::Layers } else { Refusal::TooLarge }));
    }
    plan.outputs = units;
    plan.activations_len = some!(kept.checked_mul(points), Refusal::TooLarge);
    plan.tape_len = some!(plan.tape_tile_len.checked_mul(tiles), Refusal::TooLarge);
    widest = larger(widest, units as u64);
    plan.gradient_len = some!(widest.checked_mul(points), Refusal::TooLarge);
    plan.gradients_len = some!(plan.gradient_len.checked_mul(2 + joins), Refusal::TooLarge);
    if plan.tape_tile_len > u32::MAX as u64 {
        return Err(Error::Refused(Refusal::TooLarge));
    }
    Ok((plan, larger(plan.scratch_len, all_scratch)))
}

/// Elements that are read and not used past the operands of a norm's or a PReLU's gradients.
const GATHERED_PAST: u64 = 16;

const EMPTY: Plan = Plan {
    places_len: 0,
    parameters_len: 0,
    running_len: 0,
    activations_len: 0,
    tape_len: 0,
    tape_tile_len: 0,
    gradients_len: 0,
    gradient_len: 0,
    statistics_len: 0,
    scratch_len: 0,
    scratch_best: 0,
    gathered_len: 0,
    inputs_tile_len: 0,
    inputs: 0,
    outputs: 0,
    multiply_adds: 0,
};

/// What a layer asks for that there is not, whatever stands before it.
const fn refusal(layer: &Layer) -> Option<Refusal> {
    let fits = match layer {
        Layer::Conv { conv, .. } => conv.output().is_some(),
        Layer::AveragePool { pool } | Layer::MaxPool { pool } => pool.output().is_some(),
        Layer::Join { shortcut, .. } => shortcut.output().is_some(),
        _ => true,
    };
    if !fits {
        return Some(Refusal::Window);
    }
    match layer {
        Layer::AveragePool { pool } if pool.window.padding > 0 || pool.window.taps() > 1 << 24 => Some(Refusal::Pool),
        Layer::MaxPool { pool } if pool.window.taps() > 256 => Some(Refusal::Pool),
        Layer::Dropout { rate, .. } if !(0.0 <= *rate && *rate < 1.0) => Some(Refusal::Rate),
        Layer::BatchNorm { eps, .. } if !(0.0 <= *eps && *eps < f32::INFINITY) => Some(Refusal::Eps),
        Layer::BatchNorm { momentum, .. } if !(0.0 <= *momentum && *momentum <= 1.0) => Some(Refusal::Scale),
        Layer::Prelu { slope, .. } if !slope.is_finite() => Some(Refusal::Scale),
        Layer::Join { a, b, .. } if !(a.is_finite() && b.is_finite()) => Some(Refusal::Scale),
        _ => None,
    }
}

const fn places(conv: &Conv) -> u64 {
    match conv.output() {
        Some(image) => image.plane(),
        None => 0,
    }
}

/// Units that a region needs: those written to it, or what layers from `next` on make of them in place.
pub(super) const fn region(layers: &[Layer], next: usize, units: u32) -> Option<u32> {
    let (mut most, mut i) = (units, next);
    while i < layers.len() && layers[i].in_place() {
        match layers[i].output() {
            Some(units) if units > most => most = units,
            Some(_) => {}
            None => return None,
        }
        i += 1;
    }
    Some(most)
}

/// Puts each layer in its place; the plan has seen that all fit.
pub(super) fn lay_out(layers: &[Layer], tile: u64, places: &mut [Place]) {
    let inputs = layers.first().and_then(Layer::input).unwrap_or(0);
    let mut at = Place::default();
    at.region.units = region(layers, 0, inputs).unwrap_or(0);
    for (i, (layer, place)) in layers.iter().zip(places).enumerate() {
        at.source = at.region;
        if !layer.in_place() {
            let units = region(layers, i + 1, layer.output().unwrap_or(0)).unwrap_or(0);
            at.region = Region { first: at.source.first.saturating_add(at.source.units), units };
        }
        if let Layer::Fork { .. } = layer {
            at.kept = at.source;
        }
        *place = at;
        let (weights, biases) = layer.parameters().unwrap_or((0, 0));
        // Nothing saturates: the plan has counted all of these.
        at.parameters = at.parameters.saturating_add(weights.saturating_add(biases) as u32);
        at.tape = at.tape.saturating_add(layer.tape(tile).unwrap_or(0) as u32);
        at.statistics = at.statistics.saturating_add(layer.statistics());
    }
}
