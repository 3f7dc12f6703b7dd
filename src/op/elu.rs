use super::{Elements, Facts, Saved};
use crate::error::{Error, InvalidSpec};
use crate::math::Math;
use crate::shape::Shape;

/// `y = x > 0 ? x : alpha * (exp(x) - 1)`, `grad_input = y > 0 ? g : g * (y + alpha)`.
///
/// # References
/// Clevert et al., "Fast and accurate deep network learning by exponential linear units", ICLR 2016, equation 15.
pub(super) const ELEMENTS: Elements = Elements { number: 1.0, second: 0.0, value, slope, of: Saved::Value };

fn value([alpha, _]: [f32; 2], x: &mut [f32]) {
    for x in x {
        *x = if *x > 0.0 { *x } else { alpha * (Math::Libm.exp(*x) - 1.0) };
    }
}

fn slope([alpha, _]: [f32; 2], y: &[f32], g: &mut [f32]) {
    for (g, y) in g.iter_mut().zip(y) {
        *g = if *y > 0.0 { *g } else { *g * (y + alpha) };
    }
}

/// Below 0, alpha would give one value to two operands.
pub(super) const fn facts(x: Shape, alpha: f32) -> Result<Facts, Error> {
    if 0.0 <= alpha && alpha < f32::INFINITY { Facts::in_place(x) } else { Err(Error::InvalidSpec(InvalidSpec::Scale)) }
}
