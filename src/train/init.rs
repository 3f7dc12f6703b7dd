use super::Layer;
use crate::error::{Buffer, Error, Refusal};
use crate::layer::Conv;
use crate::math::{Math, negate};
use crate::network::{Block, Dense, Orthogonal, Role};
use crate::random::{Normal, Purpose, Stream};

/// How weights are drawn. Biases begin at zero, scales of batch norms at one.
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
    /// The same, mirrored over the pairs of features that a doubling rectifier makes, so that the network begins as its linear product.
    LooksLinear,
    /// The same with plain rectifiers, whose units come in mirrored pairs: `[[W, -W], [-W, W]]`, rows and columns interleaved.
    LooksLinearPairs,
}

/// Scale of a strided convolution's matrix, which stands at four taps.
const STRIDED: f32 = 0.28;

/// Weights drawn as a function of (seed, run, layer, output, input, tap).
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
    taps: u32,
    centre: [Option<u32>; 4],
    /// Whether features 2k and 2k + 1 of the inputs mirror each other; of the outputs.
    mirrored: (bool, bool),
}

impl Init {
    /// f32 elements of scratch that [`Init::fill`] needs.
    pub fn scratch_len(&self, layers: &[Layer]) -> u64 {
        let of = |kernels: Kernels| match self.start {
            Start::He | Start::Glorot => 0,
            _ => {
                let (rows, columns) = kernels.matrix();
                rows as u64 * columns as u64 + rows.max(columns) as u64
            }
        };
        kernels(layers, self.start).map(|(_, kernels)| of(kernels)).fold(0, |a, b| if a > b { a } else { b })
    }

    /// Fills the parameters of all layers.
    ///
    /// # Errors
    /// [`Error::TooShort`] where the parameters or the scratch are, [`Refusal::LooksLinear`] for mirrored pairs of an odd number of units.
    pub fn fill(&self, layers: &[Layer], parameters: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let need = self.scratch_len(layers);
        if (scratch.len() as u64) < need {
            return Err(Error::TooShort { buffer: Buffer::Scratch, need, have: scratch.len() as u64 });
        }
        let have = parameters.len() as u64;
        let mut rest = parameters;
        let mut all = kernels(layers, self.start).peekable();
        for (i, layer) in layers.iter().enumerate() {
            let (weights, others) = layer.parameters().ok_or(Error::Refused(Refusal::TooLarge))?;
            let short = Error::TooShort { buffer: Buffer::Parameters, need: have + weights + others, have };
            let (own, after) = rest.split_at_mut_checked((weights + others) as usize).ok_or(short)?;
            let (weights, others) = own.split_at_mut_checked(weights as usize).unwrap_or_default();
            others.fill(0.0);
            if let Layer::BatchNorm { .. } = layer {
                weights.fill(1.0);
            }
            if all.peek().is_some_and(|(at, _)| *at == i)
                && let Some((_, kernels)) = all.next()
            {
                self.draw(kernels, weights, scratch)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn draw(&self, kernels: Kernels, weights: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let stream = Stream::new(self.seed, self.run, Purpose::Weight, kernels.number, Normal::IrwinHall);
        let (fan_in, fan_out) = (kernels.inputs * kernels.taps, kernels.outputs * kernels.taps);
        let deviation = match self.start {
            Start::He => Math::Libm.sqrt(2.0 / fan_in as f32),
            Start::Glorot => Math::Libm.sqrt(2.0 / (fan_in + fan_out) as f32),
            _ => return self.orthogonal(kernels, stream, weights, scratch),
        };
        for (row, weights) in (0..).zip(weights.chunks_exact_mut(fan_in.max(1) as usize)) {
            for (column, weight) in (0..).zip(weights) {
                *weight = stream.value(row, column) * deviation + 0.0;
            }
        }
        Ok(())
    }

    fn orthogonal(
        &self,
        kernels: Kernels,
        stream: Stream,
        weights: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let (rows, columns) = kernels.matrix();
        let (mirrored_in, mirrored_out) = kernels.mirrored;
        if (mirrored_in && kernels.inputs % 2 == 1) || (mirrored_out && kernels.outputs % 2 == 1) {
            return Err(Error::Refused(Refusal::LooksLinear));
        }
        let dense = Dense { role: Role::Hidden, layer: kernels.number, fan_in: columns, fan_out: rows, bias: false };
        let matrix = Orthogonal::new(&dense, false, 1.0, Math::Libm, stream);
        matrix.fill::<1>(&Block { transposed: false, rows: 0..rows, columns: 0..columns }, scratch);
        let scale = if kernels.centre[1..].iter().any(Option::is_some) { STRIDED } else { 1.0 };
        weights.fill(0.0);
        // (row or column of the matrix, whether it is its negative)
        let of = |unit: u32, mirrored: bool| if mirrored { (unit / 2, unit % 2 == 1) } else { (unit, false) };
        for output in 0..kernels.outputs {
            let (row, down) = of(output, mirrored_out);
            for input in 0..kernels.inputs {
                let (column, across) = of(input, mirrored_in);
                let entry = scratch.get((row * columns + column) as usize).copied().unwrap_or(0.0);
                let value = if down != across { negate(entry) } else { entry } * scale;
                for tap in kernels.centre.into_iter().flatten() {
                    if let Some(to) = weights.get_mut(((output * kernels.inputs + input) * kernels.taps + tap) as usize)
                    {
                        *to = value + 0.0;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Kernels {
    /// (rows, columns) of the matrix that is drawn.
    fn matrix(&self) -> (u32, u32) {
        let half = |units: u32, mirrored| if mirrored { units / 2 } else { units };
        (half(self.outputs, self.mirrored.1), half(self.inputs, self.mirrored.0))
    }
}

/// (index, weights) of layers that have some.
fn kernels(layers: &[Layer], start: Start) -> impl Iterator<Item = (usize, Kernels)> + '_ {
    let pairs = start == Start::LooksLinearPairs;
    let last = layers.iter().rposition(has_weights);
    let (mut number, mut doubled) = (0, false);
    layers.iter().enumerate().filter_map(move |(i, layer)| {
        if let Layer::Crelu { .. } = layer {
            doubled = true;
        }
        if !has_weights(layer) {
            return None;
        }
        number += 1;
        let mirrored = match start {
            Start::LooksLinear => (doubled, false),
            Start::LooksLinearPairs => (number > 1, Some(i) != last),
            _ => (false, false),
        };
        doubled = pairs;
        let (outputs, inputs, taps, centre) = match layer {
            Layer::Conv { conv, .. } => (conv.channels, conv.input.channels, conv.window.taps() as u32, centre(conv)),
            _ => (layer.output().unwrap_or(0), layer.input().unwrap_or(0), 1, [Some(0), None, None, None]),
        };
        Some((i, Kernels { number, outputs, inputs, taps, centre, mirrored }))
    })
}

fn has_weights(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense { .. } | Layer::Conv { .. })
}

/// The taps where an orthogonal matrix stands: the middle; under a stride the four that see the stride's square, as far as there are.
fn centre(conv: &Conv) -> [Option<u32>; 4] {
    let (height, width) = (conv.window.height, conv.window.width);
    let (y, x) = (height / 2, width / 2);
    let tap = |y, x| (y < height && x < width).then_some(y * width + x);
    if conv.window.stride == 1 {
        return [tap(y, x), None, None, None];
    }
    [tap(y, x), tap(y, x + 1), tap(y + 1, x), tap(y + 1, x + 1)]
}
