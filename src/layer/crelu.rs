use super::relu;
use crate::math::negate;

/// Unit k becomes the features 2k = relu(x) and 2k+1 = relu(-x), in place; one bit a unit and point, x > 0.
///
/// # Shapes
/// `x` is `[2 * units][T]` and holds its units in the first half; `tape` as for [`relu_forward`](super::relu_forward).
///
/// # References
/// Shang et al., "Understanding and improving convolutional neural networks via concatenated rectified linear units",
/// ICML 2016.
#[inline(always)]
pub fn crelu_forward<const T: usize>(x: &mut [[f32; T]], tape: &mut [u8]) {
    let units = x.len() / 2;
    tape.fill(0);
    for (values, byte) in x.get(..units).unwrap_or_default().as_flattened().chunks(8).zip(tape) {
        for (bit, value) in values.iter().enumerate() {
            *byte |= u8::from(*value > 0.0) << bit;
        }
    }
    // From the last unit down, so that no unit is overwritten before it is read.
    for k in (0..units).rev() {
        let Some(&unit) = x.get(k) else { return };
        if let Some([even, odd]) = x.get_mut(2 * k..).and_then(|x| x.first_chunk_mut()) {
            *even = unit.map(relu);
            *odd = unit.map(|value| relu(negate(value)));
        }
    }
}

/// `grad_input[k] = bit ? g[2k] : -g[2k+1]`, in place: the result stands in the first half.
///
/// Under mirrored weights both are the same number, at x = 0 too: a looks-linear gradient is constant to the bit.
#[inline(always)]
pub fn crelu_backward<const T: usize>(g: &mut [[f32; T]], tape: &[u8]) {
    for k in 0..g.len() / 2 {
        let Some(&[even, odd]) = g.get(2 * k..).and_then(|g| g.first_chunk()) else { return };
        let Some(unit) = g.get_mut(k) else { return };
        for (lane, ((unit, even), odd)) in unit.iter_mut().zip(even).zip(odd).enumerate() {
            let bit = k * T + lane;
            let positive = tape.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
            *unit = if positive { even } else { negate(odd) };
        }
    }
}

/// Value and tangent in place: the tangent of feature 2k is `bit ? t : +0`, of 2k+1 `bit ? +0 : -t`.
#[inline(always)]
pub fn crelu_tangent<const T: usize>(x: &mut [[f32; T]], t: &mut [[f32; T]]) {
    for k in (0..x.len().min(t.len()) / 2).rev() {
        let (Some(&value), Some(&tangent)) = (x.get(k), t.get(k)) else { return };
        if let Some([even, odd]) = x.get_mut(2 * k..).and_then(|x| x.first_chunk_mut()) {
            *even = value.map(relu);
            *odd = value.map(|value| relu(negate(value)));
        }
        if let Some([even, odd]) = t.get_mut(2 * k..).and_then(|t| t.first_chunk_mut()) {
            for (((even, odd), value), tangent) in even.iter_mut().zip(odd).zip(value).zip(tangent) {
                (*even, *odd) = if value > 0.0 { (tangent, 0.0) } else { (0.0, negate(tangent)) };
            }
        }
    }
}
