use super::channel_norm::{by_points, gathered_len};
use super::{BackwardFacts, Facts, Saved, finite};
use crate::error::Error;
use crate::shape::Shape;
use core::ops::Range;

/// Where each of so many channels stands in x.
fn ranges(channels: usize, x: &[f32]) -> impl Iterator<Item = Range<usize>> {
    // Without channels there is nothing to divide.
    let each = x.len() / channels.max(1);
    // Nothing wraps: `channels` times `each` is at most the length of a slice.
    (0..channels).map(move |c| c.wrapping_mul(each)..c.wrapping_add(1).wrapping_mul(each))
}

/// `y = x > 0 ? x : slope * x`, a slope a channel.
///
/// NaN stays NaN.
///
/// # Shapes
/// `slope` `[c]`, `x` and `y` `[c][plane][points]`. What a slice lacks is left out.
///
/// # References
/// He et al., "Delving deep into rectifiers", ICCV 2015, equation 1.
#[inline(always)]
pub fn prelu_forward(slope: &[f32], x: &[f32], y: &mut [f32]) {
    for (slope, at) in slope.iter().zip(ranges(slope.len(), x)) {
        let (Some(x), Some(y)) = (x.get(at.clone()), y.get_mut(at)) else { break };
        for (y, x) in y.iter_mut().zip(x) {
            *y = if *x > 0.0 { *x } else { slope * x };
        }
    }
}

/// `grad_input = x > 0 ? grad_output : slope * grad_output`: overwrites. A tangent goes the same way.
///
/// # Shapes
/// `slope` `[c]`, all others `[c][plane][points]`. What a slice lacks is left out.
#[inline(always)]
pub fn prelu_backward_input(slope: &[f32], x: &[f32], grad_output: &[f32], grad_input: &mut [f32]) {
    for (slope, at) in slope.iter().zip(ranges(slope.len(), x)) {
        let (x, g) = (x.get(at.clone()), grad_output.get(at.clone()));
        let (Some(x), Some(g), Some(to)) = (x, g, grad_input.get_mut(at)) else { break };
        for ((to, g), x) in to.iter_mut().zip(g).zip(x) {
            *to = if *x > 0.0 { *g } else { slope * g };
        }
    }
}

/// `grad_slope = chain(grad_slope; x > 0 ? +0.0 : grad_output * x)`, points and then positions ascending: accumulates.
///
/// # Shapes
/// `grad_slope` `[c]`, `x` and `grad_output` `[c][plane][points]`. What a slice lacks is left out.
///
/// # Numerics
/// No term is left out, +0.0 neither.
///
/// # References
/// He et al., equations 9 and 10: of a slope that a channel shares, the sum over all positions.
pub fn prelu_backward_parameters(points: usize, x: &[f32], grad_output: &[f32], grad_slope: &mut [f32]) {
    let channels = grad_slope.len();
    for (slope, at) in grad_slope.iter_mut().zip(ranges(channels, x)) {
        let (Some(x), Some(g)) = (x.get(at.clone()), grad_output.get(at)) else { break };
        for ((_, x), (_, g)) in by_points(x, points).zip(by_points(g, points)) {
            *slope += prelu_term(*x, *g);
        }
    }
}

/// What one element adds to the gradient of its slope.
#[inline(always)]
pub(crate) fn prelu_term(x: f32, g: f32) -> f32 {
    if x > 0.0 { 0.0 } else { g * x }
}

/// A PReLU of a graph.
pub(crate) const fn facts(x: Shape, slope: f32) -> Result<Facts, Error> {
    match (Facts::in_place(x), finite(slope)) {
        (Ok(facts), Ok(())) => Ok(facts.with_parameters(x.channels as u64, 0).starting_at(slope)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// [`prelu_forward`] in place.
#[inline(always)]
pub(crate) fn prelu_in_place(slope: &[f32], x: &mut [f32]) {
    let each = invariant!(x.len().checked_div(slope.len()));
    for (slope, x) in slope.iter().zip(x.chunks_exact_mut(each.max(1))) {
        for x in x {
            *x = if *x > 0.0 { *x } else { slope * *x };
        }
    }
}

/// One bit an element: `x > 0`, as a ReLU keeps it.
#[inline(always)]
pub(crate) fn prelu_gates(x: &[f32], tape: &mut [u8]) {
    for (byte, x) in tape.iter_mut().zip(x.chunks(8)) {
        *byte = (0..).zip(x).fold(0, |bits, (i, x)| bits | u8::from(*x > 0.0).wrapping_shl(i));
    }
}

/// [`prelu_backward_input`] in place, from the bits of [`prelu_gates`].
#[inline(always)]
pub(crate) fn prelu_backward_gated(slope: &[f32], tape: &[u8], g: &mut [f32]) {
    let each = invariant!(g.len().checked_div(slope.len())).max(1);
    for (c, (slope, g)) in slope.iter().zip(g.chunks_exact_mut(each)).enumerate() {
        for (at, g) in (c.wrapping_mul(each)..).zip(g) {
            let byte = invariant!(tape.get(at / 8).copied());
            *g = if byte >> (at % 8) & 1 == 1 { *g } else { slope * *g };
        }
    }
}

/// The backward pass of a PReLU in a graph. The gradient of the operand needs the sign of each element, that of the slopes the elements
/// themselves.
pub(crate) const fn backward(x: Shape, tile: u32, learns: bool) -> BackwardFacts {
    if !learns {
        return BackwardFacts::relu(x, tile, false);
    }
    let slopes = x.channels as u64;
    BackwardFacts {
        saved: Saved::Operands,
        saved_for_parameters: Saved::Operands,
        scratch: [0, slopes, slopes],
        gathered: gathered_len(x, tile, 1),
        ..BackwardFacts::NOTHING
    }
}
