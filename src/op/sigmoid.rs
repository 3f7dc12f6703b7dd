use super::{Elements, Saved};
use crate::math::{Math, magnitude, negate};

/// `e = exp(-|x|)`, `y = x >= 0 ? 1 / (1 + e) : e / (1 + e)`, `grad_input = g * (y * (1 - y))`.
///
/// # Numerics
/// The exponential of a number that is not positive cannot overflow. y is 0 below -103.97 and 1 from 16.64 on.
pub(super) const ELEMENTS: Elements = Elements { number: 0.0, second: 0.0, value, slope, of: Saved::Value };

fn value(_: [f32; 2], x: &mut [f32]) {
    for x in x {
        let e = Math::Libm.exp(negate(magnitude(*x)));
        *x = if *x >= 0.0 { 1.0 } else { e } / (1.0 + e);
    }
}

fn slope(_: [f32; 2], y: &[f32], g: &mut [f32]) {
    for (g, y) in g.iter_mut().zip(y) {
        *g *= y * (1.0 - y);
    }
}
