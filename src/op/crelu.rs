use super::Facts;
use super::relu;
use crate::error::{Error, InvalidSpec};
use crate::math::negate;
use crate::shape::Shape;

/// Channel c becomes the channels 2c = relu(x) and 2c+1 = relu(-x), unit by unit, in place; one bit a unit and point, x > 0.
///
/// # Shapes
/// `plane` is the number of units of a channel, 1 for vectors. `x` is `[2 * channels * plane][T]` and holds its units in the first
/// half; `tape` as for [`relu_forward`](super::relu_forward), in the order of the units that came in.
///
/// # References
/// Shang et al., "Understanding and improving convolutional neural networks via concatenated rectified linear units",
/// ICML 2016.
#[inline(always)]
pub fn crelu_forward<const T: usize>(plane: usize, x: &mut [[f32; T]], tape: &mut [u8]) {
    let channels = channels(plane, x.len());
    tape.fill(0);
    for (at, values) in invariant!(x.get(..channels * plane)).as_flattened().chunks(8).enumerate() {
        let Some(byte) = tape.get_mut(at) else { break };
        let mut bits = 0;
        for (bit, value) in values.iter().enumerate() {
            bits |= u8::from(*value > 0.0).wrapping_shl(bit as u32);
        }
        *byte = bits;
    }
    // From the last channel down, so that no unit is overwritten before it is read.
    for c in (0..channels).rev() {
        for k in c * plane..(c + 1) * plane {
            let Some(&unit) = x.get(k) else { return };
            if let Some((even, odd)) = pair(x, k + c * plane, plane) {
                *even = unit.map(relu);
                *odd = unit.map(|value| relu(negate(value)));
            }
        }
    }
}

/// `grad_input[c] = bit ? g[2c] : -g[2c+1]`, unit by unit, in place: the result stands in the first half.
///
/// Under mirrored weights both are the same number, at x = 0 too: a looks-linear gradient is constant to the bit.
#[inline(always)]
pub fn crelu_backward<const T: usize>(plane: usize, g: &mut [[f32; T]], tape: &[u8]) {
    // The bits that are left of the byte at hand.
    let (mut bit, mut bits) = (0usize, 0);
    for c in 0..channels(plane, g.len()) {
        for k in c * plane..(c + 1) * plane {
            let Some((&mut even, &mut odd)) = pair(g, k + c * plane, plane) else { return };
            let Some(unit) = g.get_mut(k) else { return };
            for ((unit, even), odd) in unit.iter_mut().zip(even).zip(odd) {
                bits = if bit.is_multiple_of(8) { invariant!(tape.get(bit / 8).copied()) } else { bits >> 1 };
                bit = bit.wrapping_add(1);
                *unit = if bits & 1 == 1 { even } else { negate(odd) };
            }
        }
    }
}

/// Value and tangent in place: the tangent of channel 2c is `bit ? t : +0`, of 2c+1 `bit ? +0 : -t`.
#[inline(always)]
pub fn crelu_tangent<const T: usize>(plane: usize, x: &mut [[f32; T]], t: &mut [[f32; T]]) {
    for c in (0..channels(plane, x.len().min(t.len()))).rev() {
        for k in c * plane..(c + 1) * plane {
            let (Some(&value), Some(&tangent)) = (x.get(k), t.get(k)) else { return };
            if let Some((even, odd)) = pair(x, k + c * plane, plane) {
                *even = value.map(relu);
                *odd = value.map(|value| relu(negate(value)));
            }
            if let Some((even, odd)) = pair(t, k + c * plane, plane) {
                for (((even, odd), value), tangent) in even.iter_mut().zip(odd).zip(value).zip(tangent) {
                    (*even, *odd) = if value > 0.0 { (tangent, 0.0) } else { (0.0, negate(tangent)) };
                }
            }
        }
    }
}

/// Channels that come in, of so many units that go out.
#[inline(always)]
fn channels(plane: usize, units: usize) -> usize {
    // Without a plane there is nothing to divide.
    (units / 2) / plane.max(1)
}

/// Unit `at` and the same one a channel further.
#[inline(always)]
fn pair<const T: usize>(x: &mut [[f32; T]], at: usize, plane: usize) -> Option<(&mut [f32; T], &mut [f32; T])> {
    match x.get_mut(at..=at + plane)? {
        [even, .., odd] => Some((even, odd)),
        _ => None,
    }
}

/// A CReLU of a graph.
pub(crate) const fn facts(x: Shape) -> Result<Facts, Error> {
    match x.channels.checked_mul(2) {
        Some(channels) => Facts::of(Shape { channels, ..x }),
        None => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// The values of [`crelu_forward`] alone, from `x` to `y`.
///
/// # Shapes
/// `x` `[c][plane]`, `y` `[2 c][plane]`, where `plane` counts the points, too.
#[inline(always)]
pub(crate) fn crelu_values(plane: usize, x: &[f32], y: &mut [f32]) {
    // Not a zip of two: where it is not inlined, the compiler forgets that no chunk is empty.
    for (c, y) in y.chunks_exact_mut(plane.saturating_mul(2).max(1)).enumerate() {
        let x = invariant!(x.get(c.saturating_mul(plane)..));
        let Some((even, odd)) = y.split_at_mut_checked(plane) else { return };
        for ((even, odd), x) in even.iter_mut().zip(odd).zip(x) {
            (*even, *odd) = (relu(*x), relu(negate(*x)));
        }
    }
}
