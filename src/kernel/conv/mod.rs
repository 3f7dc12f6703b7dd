//! Convolutions on tiles `[unit][T]`: every place of the output is a product of a few rows, and its taps are a nest of loops.
mod gradient;
mod grouped;
mod grouped_gradient;
mod side;

pub use gradient::{conv_gather, conv_weight_gradient};
pub use grouped::{grouped_conv_backward_input, grouped_conv_forward, grouped_conv_pack};
pub(crate) use grouped_gradient::grouped_conv_gather;

use super::Isa;
use super::nest::{Nest, nest_from, nest_rows};
use crate::shape::{Conv, Image};
use core::ops::Range;

/// The most rows of any instruction set.
const ROWS: usize = 12;

/// How rows are grouped: as evenly as it goes, at most [`nest_rows`] a group.
#[derive(Clone, Copy)]
struct Groups {
    first: usize,
    rows: usize,
    count: usize,
}

impl Groups {
    fn new(rows: Range<usize>, most: usize) -> Self {
        Self { first: rows.start, rows: rows.len(), count: rows.len().div_ceil(most.max(1)).max(1) }
    }

    /// (first row, rows) of each.
    fn each(self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.count.max(1);
        let (short, longer) = (self.rows / count, self.rows % count);
        (0..self.count).map(move |i| (self.first + i * short + i.min(longer), short + usize::from(i < longer)))
    }
}

/// What `usize` says of a convolution.
#[derive(Clone, Copy)]
struct Shape {
    input: [usize; 3],
    output: [usize; 3],
    window: [usize; 2],
    stride: usize,
    padding: usize,
}

impl Shape {
    /// None where the window does not fit.
    fn of(conv: &Conv) -> Option<Self> {
        let sizes = |image: Image| [image.channels as usize, image.height as usize, image.width as usize];
        let window = conv.window;
        Some(Self {
            input: sizes(conv.input),
            output: sizes(conv.output()?),
            window: [window.height as usize, window.width as usize],
            stride: window.stride as usize,
            padding: window.padding as usize,
        })
    }

    fn taps(&self) -> usize {
        self.window[0] * self.window[1]
    }
}

/// (first tap, taps, where the first one reads) of an output place along one side.
fn taps_forward(place: usize, size: usize, window: usize, stride: usize, padding: usize) -> (usize, usize, usize) {
    // Nothing wraps: the window of a place begins within the padded image, whose size was checked to fit.
    let at = place.wrapping_mul(stride);
    let first = padding.saturating_sub(at);
    let end = window.min(size.wrapping_add(padding).saturating_sub(at));
    (first, end.saturating_sub(first), at.wrapping_add(first).saturating_sub(padding))
}

/// The same of an input place on the way back: taps a stride apart, each reading one place before the last.
fn taps_backward(
    place: usize,
    positions: usize,
    window: usize,
    stride: usize,
    padding: usize,
) -> (usize, usize, usize) {
    // Nothing wraps, as above.
    let at = place.wrapping_add(padding);
    let least = at.saturating_sub(positions.saturating_sub(1).wrapping_mul(stride));
    let first = least.wrapping_add((at - least) % stride.max(1));
    if first > at || first >= window {
        return (0, 0, 0);
    }
    let last = (window - 1).min(at);
    (first, (last - first) / stride.max(1) + 1, (at - first) / stride.max(1))
}

/// Packs weights `[c_out][c_in][kh][kw]` for [`conv_forward`], or for [`conv_backward_input`] if transposed.
///
/// # Shapes
/// `panel` is as long as the weights of these rows: `[group][c_in][kh][kw][row]`, rows being outputs, or
/// `[group][c_out][kh][kw][row]`, rows being inputs.
pub fn conv_pack<const T: usize>(
    isa: Isa,
    conv: &Conv,
    transposed: bool,
    rows: Range<usize>,
    weight: &[f32],
    panel: &mut [f32],
) {
    let Some(shape) = Shape::of(conv) else { return };
    let (taps, inputs, outputs) = (shape.taps(), shape.input[0], shape.output[0]);
    let chain = if transposed { outputs } else { inputs };
    let mut rest = panel;
    for (first, count) in Groups::new(rows, nest_rows::<T>(isa)).each() {
        let Some((group, after)) = rest.split_at_mut_checked(count * chain * taps) else { return };
        for (k, lanes) in group.chunks_exact_mut((count * taps).max(1)).enumerate() {
            for (tap, lanes) in lanes.chunks_exact_mut(count.max(1)).enumerate() {
                for (row, to) in (first..).zip(lanes) {
                    let (i, o) = if transposed { (row, k) } else { (k, row) };
                    *to = invariant!(weight.get((o * inputs + i) * taps + tap).copied());
                }
            }
        }
        rest = after;
    }
}

/// `y[o][oy][ox] = chain(bias[o]; weight[o][i][ky][kx] * x[i][oy s + ky - p][ox s + kx - p])` over i, ky, kx, taps in the
/// padding left out.
///
/// # Shapes
/// One tile: `x` `[c_in][h][w]`, `y` `[c_out][oh][ow]`, each unit T points; `panel` from [`conv_pack`] of these rows, outputs;
/// `bias` `[c_out]` or empty. Other rows of `y` are left alone.
///
/// # Numerics
/// Equal to [`crate::op::conv_forward`] for every instruction set.
pub fn conv_forward<const T: usize>(
    isa: Isa,
    conv: &Conv,
    rows: Range<usize>,
    panel: &[f32],
    bias: &[f32],
    x: &[[f32; T]],
    y: &mut [[f32; T]],
) {
    let Some(shape) = Shape::of(conv) else { return };
    let ([inputs, height, width], [_, down, columns], [kh, kw]) = (shape.input, shape.output, shape.window);
    let (x, plane, mut panel) = (x.as_flattened(), down * columns, panel);
    for (first, count) in Groups::new(rows, nest_rows::<T>(isa)).each() {
        let Some((group, rest)) = panel.split_at_checked(count * inputs * kh * kw) else { return };
        panel = rest;
        // There may be no biases.
        let biases = bias.get(first..).map_or(&[][..], |biases| biases);
        for row in 0..down {
            let (ky, high, iy) = taps_forward(row, height, kh, shape.stride, shape.padding);
            for column in 0..columns {
                let (kx, wide, ix) = taps_forward(column, width, kw, shape.stride, shape.padding);
                let loops = Nest {
                    counts: [inputs, high, wide],
                    w: [kh * kw * count, kw * count, count],
                    x: [signed(height * width * T), signed(width * T), signed(T)],
                };
                let weights = invariant!(group.get((ky * kw + kx) * count..));
                let y = invariant!(y.get_mut(first * plane + row * columns + column..));
                nest_from::<T>(isa, &loops, weights, (x, (iy * width + ix) * T), biases, count, y, plane);
            }
        }
    }
}

/// `grad_input[i][y][x] = chain(+0.0; weight[o][i][ky][kx] * grad_output[o][(y + p - ky) / s][(x + p - kx) / s])` over o, ky, kx,
/// taps that no output has left out: overwrites.
///
/// # Shapes
/// One tile: `g` `[c_out][oh][ow]`, `grad_input` `[c_in][h][w]`; `panel` from [`conv_pack`], transposed, of these rows,
/// inputs. Other rows are left alone.
///
/// # Numerics
/// Equal to [`crate::op::conv_backward_input`] for every instruction set.
pub fn conv_backward_input<const T: usize>(
    isa: Isa,
    conv: &Conv,
    rows: Range<usize>,
    panel: &[f32],
    g: &[[f32; T]],
    grad_input: &mut [[f32; T]],
) {
    let Some(shape) = Shape::of(conv) else { return };
    let ([_, height, width], [outputs, down, columns], [kh, kw]) = (shape.input, shape.output, shape.window);
    let (g, plane, stride, mut panel) = (g.as_flattened(), height * width, shape.stride, panel);
    for (first, count) in Groups::new(rows, nest_rows::<T>(isa)).each() {
        let Some((group, rest)) = panel.split_at_checked(count * outputs * kh * kw) else { return };
        panel = rest;
        for row in 0..height {
            let (ky, high, oy) = taps_backward(row, down, kh, stride, shape.padding);
            for column in 0..width {
                let (kx, wide, ox) = taps_backward(column, columns, kw, stride, shape.padding);
                let loops = Nest {
                    counts: [outputs, high, wide],
                    w: [kh * kw * count, stride * kw * count, stride * count],
                    x: [signed(down * columns * T), -signed(columns * T), -signed(T)],
                };
                let weights = invariant!(group.get((ky * kw + kx) * count..));
                let to = invariant!(grad_input.get_mut(first * plane + row * width + column..));
                nest_from::<T>(isa, &loops, weights, (g, (oy * columns + ox) * T), &[], count, to, plane);
            }
        }
    }
}

fn signed(step: usize) -> isize {
    // A slice has at most isize::MAX bytes.
    step as isize
}
