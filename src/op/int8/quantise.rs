use super::requantise::clamp;
use super::{Buffer, Error, long_enough};

/// `y[i] = zero + round(x[i] / scale)` within int8: one division of f32, rounded to the nearest integer, half away from zero. NaN gives the zero point.
///
/// # Shapes
/// `x` and `y` `[n]`, n being the length of `x`.
///
/// # Numerics
/// The reference is undefined for NaN and where the quotient is 2^31 or more in size; here infinity and what is too large have the nearest bound.
///
/// # Errors
/// [`Error::TooShort`] where `y` is shorter than `x`; what is longer is left alone.
pub fn quantise(scale: f32, zero: i32, x: &[f32], y: &mut [i8]) -> Result<(), Error> {
    long_enough(Buffer::Outputs, y.len(), Some(x.len()))?;
    for (y, x) in y.iter_mut().zip(x) {
        *y = clamp(nearest(x / scale).saturating_add(zero), i8::MIN, i8::MAX);
    }
    Ok(())
}

/// The nearest integer, half away from zero; the nearest of i32, and 0 for NaN.
fn nearest(q: f32) -> i32 {
    // Cut towards zero. From 2^23 on all numbers are integers; below it both conversions and the difference are exact.
    let cut = q as i32;
    let rest = q - cut as f32;
    if rest >= 0.5 {
        cut.saturating_add(1)
    } else if rest <= -0.5 {
        cut.saturating_sub(1)
    } else {
        cut
    }
}
