//! Gradients of a convolution's weights: lanes are the inputs under one row of the window, rows are outputs, and the chain goes
//! through points and positions. What a tile holds by unit is put in that order first.
use super::{Groups, ROWS, Shape, signed};
use crate::kernel::interleave::{Steps, interleave};
use crate::kernel::nest::{Nest, nest, nest_rows};
use crate::kernel::{Isa, chain_rows};
use crate::shape::{Conv, conv_apart, conv_lanes};

/// Puts a tile in the order of [`conv_weight_gradient`]: `inputs` `[point][y][x][c_in]` between zeros left and right as wide as the
/// padding, `gradients` `[point][oy][ox][c_out]`. The operands of several tiles may follow each other.
///
/// # Shapes
/// `x` `[c_in][h][w]` and `g` `[c_out][oh][ow]`, each unit T points, of which the first `points` count; the lengths of the others
/// are [`conv_gathered_len`](crate::shape::conv_gathered_len)'s, what is read past the inputs left alone.
pub fn conv_gather<const T: usize>(
    isa: Isa,
    conv: &Conv,
    points: usize,
    x: &[[f32; T]],
    g: &[[f32; T]],
    inputs: &mut [f32],
    gradients: &mut [f32],
) {
    let Some(shape) = Shape::of(conv) else { return };
    let ([channels, height, width], padding) = (shape.input, shape.padding);
    let (points, across) = (points.min(T), (width + 2 * padding) * channels);
    let (x, g) = (x.as_flattened(), g.as_flattened());
    let [image, gradient] = shape.apart(T);
    for inputs in inputs.chunks_exact_mut(image.max(1)).take(points) {
        for row in inputs.chunks_exact_mut(across.max(1)).take(height) {
            let (left, rest) = invariant!(row.split_at_mut_checked(padding * channels));
            left.fill(0.0);
            invariant!(rest.get_mut(width * channels..)).fill(0.0);
        }
    }
    for y in 0..height {
        let from = Steps { first: y * width * T, outer: height * width * T, place: T };
        let into = Steps { first: y * across + padding * channels, outer: image, place: channels };
        interleave(isa, (channels, points, width), (x, from), (&mut *inputs, into));
    }
    let [channels, rows, columns] = shape.output;
    let plane = rows * columns;
    let from = Steps { first: 0, outer: plane * T, place: T };
    let into = Steps { first: 0, outer: gradient, place: channels };
    interleave(isa, (channels, points, plane), (g, from), (gradients, into));
}

/// `grad_weight[o][i][ky][kx] = chain(grad_weight; g[o][oy][ox][p] * x[i][oy s + ky - p][ox s + kx - p][p])` over points p, then
/// positions oy, ox, for the outputs from `first` on: accumulates. `grad_bias[o] = chain(grad_bias[o]; g[o][oy][ox][p])` likewise.
///
/// # Shapes
/// `inputs` and `gradients` from [`conv_gather`], of so many points; `grad_weight` `[outputs][c_in][kh][kw]`, whole outputs;
/// `grad_bias` `[outputs]` or empty. T is the tile that was gathered.
///
/// # Numerics
/// Equal to [`crate::op::conv_backward_parameters`] for every instruction set: a tap in the padding adds a zero, which changes no
/// sum but -0.0, and a chain that starts from +0.0 is never that. Gradients must be finite.
#[expect(clippy::too_many_arguments, reason = "two operands, two results, and where they stand")]
pub fn conv_weight_gradient<const T: usize>(
    isa: Isa,
    conv: &Conv,
    points: usize,
    first: usize,
    inputs: &[f32],
    gradients: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
) {
    let Some(shape) = Shape::of(conv) else { return };
    let apart = shape.apart(T);
    let operands = Operands { isa, shape, points, apart, inputs, gradients };
    // Small cores have no code, nor room on their stacks, for more lanes.
    if conv_lanes(T as u64) == 4 {
        operands.groups::<4>(first, grad_weight);
    } else if 2 * isa.lanes() == 32 {
        // Two registers beside each other.
        operands.groups::<32>(first, grad_weight);
    } else {
        operands.groups::<16>(first, grad_weight);
    }
    let channels = shape.output[0];
    let positions = shape.output[1] * shape.output[2];
    let wanted = grad_bias.len().min(channels.saturating_sub(first));
    let Some(grad_bias) = grad_bias.get_mut(..wanted).filter(|bias| !bias.is_empty()) else { return };
    for gradients in gradients.chunks_exact(apart[1].max(1)).take(points) {
        let gradients = invariant!(gradients.get(first..positions * channels));
        chain_rows::<false>(isa, (positions, channels), (gradients, &[]), grad_bias, &mut []);
    }
}

impl Shape {
    /// From point to point of the inputs and of the gradients of outputs, once gathered.
    pub(super) fn apart(&self, tile: usize) -> [usize; 2] {
        let Self { input: [channels, height, width], output: [outputs, down, across], padding, .. } = *self;
        // What saturates is longer than any slice.
        let padded = padding.saturating_mul(2).saturating_add(width);
        let each = [[channels, height, padded], [outputs, down, across]];
        each.map(|[a, b, c]| conv_apart(a.saturating_mul(b).saturating_mul(c) as u64, tile as u64) as usize)
    }
}

/// Places whose gradients stay near while all weights pass them.
const NEAR: usize = 4096;

#[derive(Clone, Copy)]
struct Operands<'a> {
    isa: Isa,
    shape: Shape,
    points: usize,
    apart: [usize; 2],
    inputs: &'a [f32],
    gradients: &'a [f32],
}

/// Inputs beside each other in memory: `count` from channel `input` under column `kx` of row `ky` of the window on.
#[derive(Clone, Copy)]
struct Segment {
    ky: usize,
    kx: usize,
    input: usize,
    count: usize,
    /// Outputs that do not read the padding there, (first, so many), down and across.
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Operands<'_> {
    /// The weights of outputs from `first` on, as many at a time as stay in registers beside so many lanes.
    fn groups<const LANES: usize>(&self, first: usize, weights: &mut [f32]) {
        let Shape { input: [channels, ..], output: [_, rows, columns], .. } = self.shape;
        let each = channels * self.shape.taps();
        let outputs = weights.len() / each.max(1);
        let near = (NEAR / (rows * columns).max(1)).max(1);
        for begin in (0..self.points).step_by(near) {
            let points = (begin, near.min(self.points - begin));
            for (row, count) in Groups::new(0..outputs, nest_rows::<LANES>(self.isa)).each() {
                let Some(weights) = weights.get_mut(row * each..(row + count) * each) else { return };
                self.segments(LANES, |segment| match LANES {
                    32 if segment.count > 16 => self.segment::<32>(segment, points, first + row, weights),
                    4 => self.segment::<4>(segment, points, first + row, weights),
                    _ => self.segment::<16>(segment, points, first + row, weights),
                });
            }
        }
    }

    /// All inputs under the window, in segments of so many lanes at most: along a whole row of it, where zeros stand for the padding, or
    /// a column at a time, whichever leaves fewer lanes idle.
    fn segments(&self, lanes: usize, mut each: impl FnMut(Segment)) {
        let Shape { input: [channels, height, width], output: [_, down, across], window: [kh, kw], stride, padding } =
            self.shape;
        let of_column = |kx| outputs(kx, across, width, stride, padding);
        // A term costs its registers, and about one more.
        let cost = |inputs: usize| inputs.div_ceil(lanes.min(16)) + inputs.div_ceil(lanes);
        let apart = (0..kw).map(|kx| of_column(kx).1 * cost(channels)).sum::<usize>();
        let apart = across * cost(kw * channels) > apart;
        let (runs, length) = if apart { (kw, channels) } else { (1, kw * channels) };
        for ky in 0..kh {
            let rows = outputs(ky, down, height, stride, padding);
            for kx in 0..runs {
                let columns = if apart { of_column(kx) } else { (0, across) };
                for lane in (0..length).step_by(lanes.max(1)) {
                    // A divisor that could be zero to a compiler.
                    let (right, input) = (lane.checked_div(channels), lane.checked_rem(channels));
                    let (kx, input) = (kx + invariant!(right), invariant!(input));
                    each(Segment { ky, kx, input, count: lanes.min(length - lane), rows, columns });
                }
            }
        }
    }

    /// One segment of the weights of a few outputs, over some of the points.
    fn segment<const N: usize>(
        &self,
        segment: Segment,
        (point, points): (usize, usize),
        first: usize,
        weights: &mut [f32],
    ) {
        let Shape { input: [channels, _, width], output: [outputs, _, columns], window: [kh, kw], stride, padding } =
            self.shape;
        let [image, gradient] = self.apart;
        let Segment { ky, kx, input, count: valid, rows: (row, down), columns: (column, wide) } = segment;
        let across = (width + 2 * padding) * channels;
        let loops = Nest {
            counts: [points, down, wide],
            w: [gradient, columns * outputs, outputs],
            x: [signed(image), signed(stride * across), signed(stride * channels)],
        };
        let each = channels * kh * kw;
        let taps = kh * kw;
        // Lanes go through the channels of one column of the window, then of the next: (first lane, so many, first weight).
        let runs = || {
            let (mut lane, mut kx, mut input) = (0, kx, input);
            core::iter::from_fn(move || {
                let run = (lane, (channels - input).min(valid - lane), (input * kh + ky) * kw + kx);
                (lane, kx, input) = (lane + run.1, kx + 1, 0);
                (run.1 > 0).then_some(run)
            })
        };
        let mut sums = [[0.0; N]; ROWS];
        for (weights, sums) in weights.chunks_exact(each.max(1)).zip(&mut sums) {
            for (lane, count, at) in runs() {
                let weights = invariant!(weights.get(at..)).iter().step_by(taps.max(1));
                let sums = invariant!(sums.get_mut(lane..lane + count));
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = *weight);
            }
        }
        let Some(used) = sums.get_mut(..weights.len() / each.max(1)) else { return };
        let from = point * gradient + (row * columns + column) * outputs + first;
        let above = (row * stride + ky).saturating_sub(padding);
        let start = point * image + above * across + (column * stride + kx) * channels + input;
        // What a slice lacks is left out.
        let gradients = self.gradients.get(from..).map_or(&[][..], |gradients| gradients);
        nest::<N>(self.isa, &loops, gradients, self.inputs, start, used);
        for (weights, sums) in weights.chunks_exact_mut(each.max(1)).zip(&sums) {
            for (lane, count, at) in runs() {
                let weights = invariant!(weights.get_mut(at..)).iter_mut().step_by(taps.max(1));
                let sums = invariant!(sums.get(lane..lane + count));
                sums.iter().zip(weights).for_each(|(sum, weight)| *weight = *sum);
            }
        }
    }
}

/// (first, so many) of the outputs along one side that read no padding with this tap.
fn outputs(tap: usize, positions: usize, size: usize, stride: usize, padding: usize) -> (usize, usize) {
    let first = padding.saturating_sub(tap).div_ceil(stride.max(1));
    // Places o with o s + tap < size + padding.
    let end = size.saturating_add(padding).saturating_sub(tap).div_ceil(stride.max(1)).min(positions);
    (first, end.saturating_sub(first))
}
