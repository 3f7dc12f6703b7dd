//! Gradients of a convolution's weights: lanes are the inputs under one row of the window, rows are outputs, and the chain goes
//! through points and places. What a tile holds by unit is put in that order first.
use super::{Groups, ROWS, Shape, signed};
use crate::kernel::interleave::{Steps, interleave};
use crate::kernel::nest::{Nest, nest, nest_rows};
use crate::kernel::{Isa, chain_rows};
use crate::layer::Conv;

/// f32 elements that [`conv_gather`] fills for one tile: (inputs, gradients of outputs). None where that is too much.
pub const fn conv_gathered_len(conv: &Conv, tile: u64) -> Option<(u64, u64)> {
    let Some(output) = conv.output() else { return None };
    let padding = 2 * conv.window.padding as u64;
    let plane = (conv.input.height as u64 + padding).checked_mul(conv.input.width as u64 + padding);
    let Some(plane) = plane else { return None };
    match (plane.checked_mul(conv.input.channels as u64), output.plane().checked_mul(output.channels as u64)) {
        (Some(inputs), Some(outputs)) => match (inputs.checked_mul(tile), outputs.checked_mul(tile)) {
            // The last row of the window is read in whole registers.
            (Some(inputs), Some(outputs)) => match inputs.checked_add(lanes(tile)) {
                Some(inputs) => Some((inputs, outputs)),
                None => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Lanes of [`conv_weight_gradient`] beside tiles of so many points.
const fn lanes(tile: u64) -> u64 {
    if tile < 16 { 4 } else { 32 }
}

/// Puts a tile in the order of [`conv_weight_gradient`]: `inputs` `[point][y][x][c_in]` in a border of zeros as wide as the
/// padding, `gradients` `[point][oy][ox][c_out]`.
///
/// # Shapes
/// `x` `[c_in][h][w]` and `g` `[c_out][oh][ow]`, each unit T points, of which the first `points` count; the lengths of the others
/// are [`conv_gathered_len`]'s.
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
    let (rows, columns) = (height + 2 * padding, width + 2 * padding);
    let (points, across) = (points.min(T), columns * channels);
    let (x, g) = (x.as_flattened(), g.as_flattened());
    border(inputs, points, (rows, across), (height, width * channels), padding * channels, padding);
    for y in 0..height {
        let from = Steps { first: y * width * T, outer: height * width * T, place: T };
        let first = (y + padding) * across + padding * channels;
        let into = Steps { first, outer: rows * across, place: channels };
        interleave(isa, (channels, points, width), (x, from), (&mut *inputs, into));
    }
    let [channels, rows, columns] = shape.output;
    let plane = rows * columns;
    let from = Steps { first: 0, outer: plane * T, place: T };
    let into = Steps { first: 0, outer: plane * channels, place: channels };
    interleave(isa, (channels, points, plane), (g, from), (gradients, into));
}

/// Zeros around the images, and past the last.
fn border(
    inputs: &mut [f32],
    points: usize,
    (rows, across): (usize, usize),
    (height, width): (usize, usize),
    left: usize,
    above: usize,
) {
    let each = rows * across;
    let (images, rest) = inputs.split_at_mut_checked(points * each).unwrap_or_default();
    rest.fill(0.0);
    for image in images.chunks_exact_mut(each.max(1)) {
        // From the end of one row of the image to the beginning of the next.
        let mut from = 0;
        for y in 0..height {
            let begin = (above + y) * across + left;
            image.get_mut(from..begin).unwrap_or_default().fill(0.0);
            from = begin + width;
        }
        image.get_mut(from..).unwrap_or_default().fill(0.0);
    }
}

/// `grad_weight[o][i][ky][kx] = chain(grad_weight; g[o][oy][ox][p] * x[i][oy s + ky - p][ox s + kx - p][p])` over points p, then
/// places oy, ox, for the outputs from `first` on: accumulates. `grad_bias[o] = chain(grad_bias[o]; g[o][oy][ox][p])` likewise.
///
/// # Shapes
/// `inputs` and `gradients` from [`conv_gather`], `points` as there; `grad_weight` `[outputs][c_in][kh][kw]`, whole outputs;
/// `grad_bias` `[outputs]` or empty. T is the tile that was gathered.
///
/// # Numerics
/// Equal to [`crate::layer::conv_backward_parameters`] for every instruction set: a tap in the padding adds a zero, which changes no
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
    let operands = Operands { isa, shape, points, inputs, gradients };
    let each = shape.input[0] * shape.taps();
    let rows = grad_weight.len() / each.max(1);
    if lanes(T as u64) == 4 {
        operands.groups::<4>(first, rows, grad_weight);
    } else if isa == Isa::Avx512 && shape.window[1] * shape.input[0] > 16 {
        operands.groups::<32>(first, rows, grad_weight);
    } else {
        operands.groups::<16>(first, rows, grad_weight);
    }
    let channels = shape.output[0];
    let rows = points * shape.output[1] * shape.output[2];
    let gradients = gradients.get(first..rows * channels).unwrap_or_default();
    let wanted = grad_bias.len().min(channels.saturating_sub(first));
    let grad_bias = grad_bias.get_mut(..wanted).unwrap_or_default();
    chain_rows::<false>(isa, (rows, channels), (gradients, &[]), grad_bias, &mut []);
}

#[derive(Clone, Copy)]
struct Operands<'a> {
    isa: Isa,
    shape: Shape,
    points: usize,
    inputs: &'a [f32],
    gradients: &'a [f32],
}

impl Operands<'_> {
    /// The weights of `rows` outputs, as many at a time as stay in registers.
    fn groups<const N: usize>(&self, first: usize, rows: usize, weights: &mut [f32]) {
        let each = self.shape.input[0] * self.shape.taps();
        for (row, count) in Groups::new(0..rows, nest_rows::<N>(self.isa)).each() {
            let Some(weights) = weights.get_mut(row * each..(row + count) * each) else { return };
            self.rows::<N>(first + row, count, weights);
        }
    }

    /// The weights of `count` outputs, N inputs of a row of the window at a time.
    fn rows<const N: usize>(&self, first: usize, count: usize, weights: &mut [f32]) {
        let Self { shape, points, .. } = *self;
        let ([channels, height, width], [outputs, rows, columns], [kh, kw]) = (shape.input, shape.output, shape.window);
        let across = (width + 2 * shape.padding) * channels;
        let down = (height + 2 * shape.padding) * across;
        let loops = Nest {
            counts: [points, rows, columns],
            w: [rows * columns * outputs, columns * outputs, outputs],
            x: [signed(down), signed(shape.stride * across), signed(shape.stride * channels)],
        };
        let gradients = self.gradients.get(first..).unwrap_or_default();
        for ky in 0..kh {
            for lane in (0..kw * channels).step_by(N) {
                let mut sums = [[0.0; N]; ROWS];
                let Some(sums) = sums.get_mut(..count) else { return };
                // Lane l is input (lane + l) mod channels at column (lane + l) / channels of the window.
                let place = |row: usize, l: usize| {
                    let (column, input) = ((lane + l) / channels.max(1), (lane + l) % channels.max(1));
                    ((row * channels + input) * kh + ky) * kw + column
                };
                let valid = N.min(kw * channels - lane);
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (l, sum) in sums.iter_mut().take(valid).enumerate() {
                        *sum = weights.get(place(row, l)).copied().unwrap_or(0.0);
                    }
                }
                nest::<N>(self.isa, &loops, gradients, self.inputs, ky * across + lane, sums);
                for (row, sums) in sums.iter().enumerate() {
                    for (l, sum) in sums.iter().take(valid).enumerate() {
                        if let Some(weight) = weights.get_mut(place(row, l)) {
                            *weight = *sum;
                        }
                    }
                }
            }
        }
    }
}
