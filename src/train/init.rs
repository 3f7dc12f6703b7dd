use crate::error::{Buffer, Error, InvalidSpec};
use crate::graph::{Graph, Op};
use crate::math::{Math, negate};
use crate::op::{DilatedWindow, Window};
use crate::random::{Normal, Purpose, Stream};
use crate::weights::{Block, Dense, Orthogonal, Role};

/// How weights are initialised. Biases begin at zero, scales of batch norms at one, slopes of PReLU where the node says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Initializer {
    /// Deviation sqrt(2 / fan-in).
    #[default]
    He,
    /// Deviation sqrt(2 / (fan-in + fan-out)).
    Glorot,
    /// Orthogonal matrices; of convolutions, at one tap.
    Orthogonal,
    /// The same, mirrored over the pairs of channels that a doubling ReLU makes, so that the network begins as its linear product.
    LooksLinear,
    /// The same with plain ReLUs, whose channels come in mirrored pairs: `[[W, -W], [-W, W]]`, rows and columns interleaved. At a
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
/// [`spec::Init::Orthogonal`](crate::spec::Init), outputs by inputs, at the middle tap; under a stride at the four from there on,
/// times 0.28. All other taps are +0.0.
///
/// # References
/// Balduzzi et al., "The shattered gradients problem", ICML 2017, section 5; Burkholz and Dubatovka, "Initialization of ReLUs for
/// dynamical isometry", NeurIPS 2019, for pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InitialWeights {
    /// Initialisation method.
    pub start: Initializer,
    /// Random seed.
    pub seed: u64,
    /// Run number of the seed.
    pub run: u32,
}

/// A node's weights as a matrix of kernels.
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

impl InitialWeights {
    /// Run 0 of a seed.
    pub const fn new(start: Initializer, seed: u64) -> Self {
        Self { start, seed, run: 0 }
    }

    /// f32 elements of scratch that [`InitialWeights::fill`] needs.
    pub fn scratch_len(&self, graph: &Graph) -> u64 {
        let of = |kernels: Kernels| match self.start {
            Initializer::He | Initializer::Glorot => 0,
            _ => {
                let (rows, columns) = kernels.matrix();
                rows as u64 * columns as u64 + if rows > columns { rows } else { columns } as u64
            }
        };
        kernels(graph, self.start).map(|(_, kernels)| of(kernels)).fold(0, |a, b| if a > b { a } else { b })
    }

    /// Fills the parameters of all nodes: weights as drawn, biases and shifts +0.0, scales 1, slopes those of their nodes.
    ///
    /// # Shapes
    /// `parameters` as in [`Plan`](crate::plan::Plan); what is longer is left alone.
    ///
    /// # Errors
    /// [`InvalidSpec::Pairs`] for mirrored pairs of an odd number of units; [`Error::TooShort`] where the parameters or the scratch are. Nothing is
    /// written then.
    pub fn fill(&self, graph: &Graph, parameters: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let all = (0..graph.len() as u32).filter_map(|i| graph.facts(i));
        let len = all.fold(0u64, |sum, facts| sum.saturating_add(facts.parameters_len()));
        let mut rest = Buffer::Parameters.first(parameters, len)?;
        if kernels(graph, self.start).any(|(_, kernels)| kernels.is_odd()) {
            return Err(Error::InvalidSpec(InvalidSpec::Pairs));
        }
        let scratch = Buffer::Scratch.first(scratch, self.scratch_len(graph))?;
        let mut all = kernels(graph, self.start);
        let mut next = all.next();
        for i in 0..graph.len() as u32 {
            let Some(facts) = graph.facts(i) else { break };
            let [weights, others] = facts.parameters;
            let (own, after) = invariant!(rest.split_at_mut_checked(weights.saturating_add(others) as usize));
            let (weights, others) = invariant!(own.split_at_mut_checked(weights as usize));
            others.fill(0.0);
            weights.fill(facts.start);
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
            Initializer::He => Math::Libm.sqrt(2.0 / fan_in as f32),
            Initializer::Glorot => Math::Libm.sqrt(2.0 / fan_in.saturating_add(fan_out) as f32),
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
        let dense =
            Dense { role: Role::Hidden, layer: kernels.number, fan_in: columns, fan_out: rows, taps: 1, bias: false };
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
            let entry = invariant!(scratch.get(row.saturating_mul(columns as usize).saturating_add(column)).copied());
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

/// (node, weights) of nodes that have some.
fn kernels<'a>(graph: &Graph<'a>, start: Initializer) -> impl Iterator<Item = (u32, Kernels)> + use<'a> {
    // Channels that come in mirrored pairs, of what reaches the node at hand.
    let (graph, mut number, mut pairs) = (*graph, 0, None);
    (0..graph.len() as u32).filter_map(move |i| {
        let node = graph.node(i)?;
        let x = graph.node(node.x)?.shape;
        if let (Op::Crelu, Initializer::LooksLinear) = (node.op, start) {
            pairs = x.channels.checked_mul(2);
        }
        let (outputs, inputs, taps, centre) = match node.op {
            Op::Conv { channels, window, .. } => (channels, x.channels, window.taps(), centre(&window)),
            Op::Dense { outputs, .. } => (outputs, x.units()?, 1, [Some(0), None, None, None]),
            _ if !cfg!(feature = "models") => return None,
            op => {
                let (conv, _) = op.grouped_conv(x.image())?;
                let DilatedWindow { height, width, strides: [down, across], .. } = conv.window;
                let stride = if down > across { down } else { across } as u32;
                let window = Window { height: height as u32, width: width as u32, stride, padding: 0 };
                (conv.channels, conv.per_group()?.0, window.taps(), centre(&window))
            }
        };
        number = u32::saturating_add(number, 1);
        // Pools change the places of a channel, never the channels; a convolution takes each place for itself.
        let plane = |channels: u32| match node.op {
            Op::Conv { .. } => 1,
            op if op.is_grouped_conv() => 1,
            _ => invariant!(inputs.checked_div(channels)),
        };
        let mirrored = pairs.map(plane);
        let mirrors = start == Initializer::LooksLinearPairs && is_rectified(&graph, i);
        pairs = mirrors.then_some(outputs);
        Some((i, Kernels { number, outputs, inputs, taps, centre, mirrored, mirrors }))
    })
}

/// Whether a plain ReLU stands between node i and the next weights, and there are such.
fn is_rectified(graph: &Graph, i: u32) -> bool {
    let mut rectified = false;
    for node in (i.saturating_add(1)..graph.len() as u32).filter_map(|i| graph.node(i)) {
        match node.op {
            Op::Dense { .. } | Op::Conv { .. } => return rectified,
            op if op.is_grouped_conv() => return rectified,
            Op::Relu => rectified = true,
            _ => {}
        }
    }
    false
}

/// The taps where an orthogonal matrix stands: the middle; under a stride the square of four from there on, as far as there are.
fn centre(window: &Window) -> [Option<u64>; 4] {
    let (height, width) = (window.height as u64, window.width as u64);
    let (y, x) = (height.saturating_sub(1) / 2, width.saturating_sub(1) / 2);
    let tap = |y, x| (y < height && x < width).then_some(y * width + x);
    if window.stride == 1 {
        return [tap(y, x), None, None, None];
    }
    [tap(y, x), tap(y, x + 1), tap(y + 1, x), tap(y + 1, x + 1)]
}
