use super::Layer;
use super::plan::plan;
use crate::error::{Buffer, Error, Refusal};
use crate::layer::Conv;
use crate::math::{Math, negate};
use crate::network::{Block, Dense, Orthogonal, Role, cut};
use crate::random::{Normal, Purpose, Stream};

/// How weights are drawn. Biases begin at zero, scales of batch norms at one, slopes of PReLU where the layer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
pub enum Start {
    /// Deviation sqrt(2 / fan-in).
    #[default]
    He,
    /// Deviation sqrt(2 / (fan-in + fan-out)).
    Glorot,
    /// Orthogonal matrices; of convolutions, at one tap.
    Orthogonal,
    /// The same, mirrored over the pairs of channels that a doubling rectifier makes, so that the network begins as its linear product.
    LooksLinear,
    /// The same with plain rectifiers, whose channels come in mirrored pairs: `[[W, -W], [-W, W]]`, rows and columns interleaved. At a
    /// preactivation of exactly zero neither of a pair passes a gradient on.
    LooksLinearPairs,
}

/// Scale of an orthogonal matrix that stands at more than one tap.
const STRIDED: f32 = 0.28;

/// Weights drawn as a function of (seed, run, layer, output, input, tap).
///
/// # Numerics
/// Layers with weights are numbered from 1; the normal of weight `[output][input][tap]` stands at row output, column
/// `input * taps + tap`, purpose weight. He and Glorot: `normal * deviation`, fans counting taps. Orthogonal: the matrix of
/// [`network::Init::Orthogonal`](crate::network::Init), outputs by inputs, at the middle tap; under a stride at the four from there on,
/// times 0.28. All other taps are +0.0.
///
/// # References
/// Balduzzi et al., "The shattered gradients problem", ICML 2017, section 5; Burkholz and Dubatovka, "Initialization of ReLUs for
/// dynamical isometry", NeurIPS 2019, for pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Init {
    /// How.
    pub start: Start,
    /// Key.
    pub seed: u64,
    /// Of the seed.
    pub run: u32,
}

/// A layer's weights as a matrix of kernels.
#[derive(Clone, Copy)]
struct Kernels {
    /// Counted from 1 over layers with weights.
    number: u32,
    outputs: u32,
    inputs: u32,
    /// Taps of a kernel, and those at which an orthogonal matrix stands.
    taps: u64,
    centre: [Option<u64>; 4],
    /// Whether inputs come in mirrored pairs, each half so many inputs.
    mirrored: Option<u32>,
    /// Whether outputs do.
    mirrors: bool,
}

impl Init {
    /// f32 elements of scratch that [`Init::fill`] needs.
    pub fn scratch_len(&self, layers: &[Layer]) -> u64 {
        let of = |kernels: Kernels| match self.start {
            Start::He | Start::Glorot => 0,
            _ => {
                let (rows, columns) = kernels.matrix();
                rows as u64 * columns as u64 + if rows > columns { rows } else { columns } as u64
            }
        };
        kernels(layers, self.start).map(|(_, kernels)| of(kernels)).fold(0, |a, b| if a > b { a } else { b })
    }

    /// Fills the parameters of all layers: weights as drawn, biases and shifts +0.0, scales 1, slopes those of their layers.
    ///
    /// # Shapes
    /// `parameters` as in [`Plan`](super::Plan); what is longer is left alone.
    ///
    /// # Errors
    /// [`Error::Refused`] as [`plan`](super::plan()) says, and [`Refusal::Pairs`] for mirrored pairs of an odd number of units;
    /// [`Error::TooShort`] where the parameters or the scratch are. Nothing is written then.
    pub fn fill(&self, layers: &[Layer], parameters: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let mut rest = cut(Buffer::Parameters, parameters, plan(layers, 1, 1)?.parameters_len)?;
        if kernels(layers, self.start).any(|(_, kernels)| kernels.is_odd()) {
            return Err(Error::Refused(Refusal::Pairs));
        }
        let scratch = cut(Buffer::Scratch, scratch, self.scratch_len(layers))?;
        let mut all = kernels(layers, self.start);
        let mut next = all.next();
        for (i, layer) in layers.iter().enumerate() {
            let (weights, others) = layer.parameters().unwrap_or_default();
            let (own, after) = rest.split_at_mut_checked(weights.saturating_add(others) as usize).unwrap_or_default();
            let (weights, others) = own.split_at_mut_checked(weights as usize).unwrap_or_default();
            others.fill(0.0);
            match *layer {
                Layer::BatchNorm { .. } => weights.fill(1.0),
                Layer::Prelu { slope, .. } => weights.fill(slope),
                _ => {}
            }
            if let Some((at, kernels)) = next
                && at == i
            {
                self.draw(kernels, weights, scratch);
                next = all.next();
            }
            rest = after;
        }
        Ok(())
    }

    fn draw(&self, kernels: Kernels, weights: &mut [f32], scratch: &mut [f32]) {
        let stream = Stream::new(self.seed, self.run, Purpose::Weight, kernels.number, Normal::IrwinHall);
        let (fan_in, fan_out) = (kernels.fan(kernels.inputs), kernels.fan(kernels.outputs));
        let deviation = match self.start {
            Start::He => Math::Libm.sqrt(2.0 / fan_in as f32),
            Start::Glorot => Math::Libm.sqrt(2.0 / fan_in.saturating_add(fan_out) as f32),
            _ => return self.orthogonal(kernels, stream, weights, scratch),
        };
        for (row, weights) in (0..).zip(weights.chunks_exact_mut((fan_in as usize).max(1))) {
            for (column, weight) in (0..).zip(weights) {
                *weight = stream.value(row, column) * deviation;
            }
        }
    }

    fn orthogonal(&self, kernels: Kernels, stream: Stream, weights: &mut [f32], scratch: &mut [f32]) {
        let (rows, columns) = kernels.matrix();
        let dense = Dense { role: Role::Hidden, layer: kernels.number, fan_in: columns, fan_out: rows, bias: false };
        let matrix = Orthogonal::new(&dense, false, 1.0, Math::Libm, stream);
        matrix.fill::<1>(&Block { transposed: false, rows: 0..rows, columns: 0..columns }, scratch);
        let strided = kernels.centre.iter().flatten().count() > 1;
        let (inputs, taps) = ((kernels.inputs as usize).max(1), (kernels.taps as usize).max(1));
        for (i, weights) in (0..).zip(weights.chunks_exact_mut(taps)) {
            let (output, input) = (i / inputs, i % inputs);
            let (row, down) = if kernels.mirrors { half(output, 1) } else { (output, false) };
            let (column, across) = match kernels.mirrored {
                Some(plane) => half(input, plane as usize),
                None => (input, false),
            };
            let entry =
                scratch.get(row.saturating_mul(columns as usize).saturating_add(column)).copied().unwrap_or(0.0);
            let value = if down != across { negate(entry) } else { entry };
            weights.fill(0.0);
            for tap in kernels.centre.into_iter().flatten() {
                if let Some(to) = weights.get_mut(tap as usize) {
                    *to = if strided { value * STRIDED } else { value };
                }
            }
        }
    }
}

/// (which of its half of the units, whether it is the mirrored one), halves alternating by `plane` units.
fn half(unit: usize, plane: usize) -> (usize, bool) {
    let (channel, place) = (unit / plane.max(1), unit % plane.max(1));
    // Nothing saturates: at most `unit`.
    ((channel / 2).saturating_mul(plane).saturating_add(place), channel % 2 == 1)
}

impl Kernels {
    /// Units in or out, taps counted.
    fn fan(&self, units: u32) -> u64 {
        (units as u64).saturating_mul(self.taps)
    }

    /// (rows, columns) of the matrix that is drawn.
    fn matrix(&self) -> (u32, u32) {
        let half = |units: u32, mirrored| if mirrored { units / 2 } else { units };
        (half(self.outputs, self.mirrors), half(self.inputs, self.mirrored.is_some()))
    }

    /// Whether a unit would lack its mirror.
    fn is_odd(&self) -> bool {
        let odd = |units: u32, by: u32| !units.is_multiple_of(by.saturating_mul(2).max(1));
        self.mirrored.is_some_and(|plane| odd(self.inputs, plane)) || (self.mirrors && odd(self.outputs, 1))
    }
}

/// (index, weights) of layers that have some.
fn kernels(layers: &[Layer], start: Start) -> impl Iterator<Item = (usize, Kernels)> + '_ {
    // Channels that come in mirrored pairs, of what reaches the layer at hand.
    let (mut number, mut pairs) = (0, None);
    layers.iter().enumerate().filter_map(move |(i, layer)| {
        if let (Layer::Crelu { image }, Start::LooksLinear) = (layer, start) {
            pairs = image.channels.checked_mul(2);
        }
        let (outputs, inputs, taps, centre) = match layer {
            Layer::Conv { conv, .. } => (conv.channels, conv.input.channels, conv.window.taps(), centre(conv)),
            Layer::Dense { inputs, outputs, .. } => (*outputs, *inputs, 1, [Some(0), None, None, None]),
            _ => return None,
        };
        number = u32::saturating_add(number, 1);
        // Pools change the places of a channel, never the channels; a convolution takes each place for itself.
        let plane = |channels: u32| match layer {
            Layer::Conv { .. } => 1,
            _ => inputs.checked_div(channels).unwrap_or(1),
        };
        let mirrored = pairs.map(plane);
        let mirrors =
            start == Start::LooksLinearPairs && rectified(layers.get(i.saturating_add(1)..).unwrap_or_default());
        pairs = mirrors.then_some(outputs);
        Some((i, Kernels { number, outputs, inputs, taps, centre, mirrored, mirrors }))
    })
}

/// Whether a plain rectifier stands before the next weights, and there are such.
fn rectified(layers: &[Layer]) -> bool {
    let next = layers.iter().position(|layer| matches!(layer, Layer::Dense { .. } | Layer::Conv { .. }));
    let before = next.and_then(|next| layers.get(..next)).unwrap_or_default();
    before.iter().any(|layer| matches!(layer, Layer::Relu { .. }))
}

/// The taps where an orthogonal matrix stands: the middle; under a stride the square of four from there on, as far as there are.
fn centre(conv: &Conv) -> [Option<u64>; 4] {
    let (height, width) = (conv.window.height as u64, conv.window.width as u64);
    let (y, x) = (height.saturating_sub(1) / 2, width.saturating_sub(1) / 2);
    let tap = |y, x| (y < height && x < width).then_some(y * width + x);
    if conv.window.stride == 1 {
        return [tap(y, x), None, None, None];
    }
    [tap(y, x), tap(y, x + 1), tap(y + 1, x), tap(y + 1, x + 1)]
}
