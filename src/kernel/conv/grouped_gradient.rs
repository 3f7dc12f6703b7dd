//! Gradients of the weights of a grouped convolution, a group at a time: between zeros it is a convolution without padding.
use super::Shape;
use crate::kernel::Isa;
use crate::kernel::interleave::{Steps, interleave};
use crate::shape::GroupedConv;

/// Puts a tile of one group in the order of [`conv_weight_gradient`](super::conv_weight_gradient), as the convolution without padding that it is
/// between zeros: `inputs` `[point][y][x][c_in of a group]` with the padding around each image, `gradients` `[point][oy][ox][c_out of a group]`. Does
/// nothing where strides differ, or taps are no neighbours.
///
/// # Shapes
/// `x` `[c_in][h][w]` and `g` `[c_out][oh][ow]` of all groups, each unit T points.
///
/// # Numerics
/// A tap in the padding adds a zero, which changes no sum but -0.0, and a chain that starts from +0.0 is never that. Gradients must be finite.
pub(crate) fn grouped_conv_gather<const T: usize>(
    isa: Isa,
    conv: &GroupedConv,
    group: usize,
    (x, g): (&[f32], &[f32]),
    inputs: &mut [f32],
    gradients: &mut [f32],
) {
    let Some(shape) = conv.padded_group().and_then(|conv| Shape::of(&conv)) else { return };
    let [top, left, ..] = conv.window.padding.map(usize::from);
    let (height, width) = (conv.input.height as usize, conv.input.width as usize);
    let ([channels, _, columns], [image, gradient]) = (shape.input, shape.apart(T));
    // Nothing wraps: lengths of slices, and indices into them.
    let (plane, across) = (height.wrapping_mul(width).wrapping_mul(T), columns.wrapping_mul(channels));
    let all = image.wrapping_mul(T).min(inputs.len());
    invariant!(inputs.get_mut(..all)).fill(0.0);
    let x = invariant!(x.get(group.wrapping_mul(channels).wrapping_mul(plane)..));
    for y in 0..height {
        let from = Steps { first: y.wrapping_mul(width).wrapping_mul(T), outer: plane, place: T };
        let first = y.wrapping_add(top).wrapping_mul(across).wrapping_add(left.wrapping_mul(channels));
        let into = Steps { first, outer: image, place: channels };
        interleave(isa, (channels, T, width), (x, from), (&mut *inputs, into));
    }
    let [channels, rows, columns] = shape.output;
    let places = rows.wrapping_mul(columns);
    let each = places.wrapping_mul(T);
    let g = invariant!(g.get(group.wrapping_mul(channels).wrapping_mul(each)..));
    let from = Steps { first: 0, outer: each, place: T };
    let into = Steps { first: 0, outer: gradient, place: channels };
    interleave(isa, (channels, T, places), (g, from), (gradients, into));
}
