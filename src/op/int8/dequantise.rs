use super::{Buffer, Error, long_enough};

/// `y[i] = scale (x[i] - zero)`: one product of f32, the difference being exact.
///
/// # Shapes
/// `x` and `y` `[n]`, n being the length of `x`.
///
/// # Errors
/// [`Error::TooShort`] where `y` is shorter than `x`; what is longer is left alone.
pub fn dequantise(scale: f32, zero: i32, x: &[i8], y: &mut [f32]) -> Result<(), Error> {
    long_enough(Buffer::Outputs, y.len(), Some(x.len()))?;
    for (y, x) in y.iter_mut().zip(x) {
        *y = scale * i32::from(*x).wrapping_sub(zero) as f32;
    }
    Ok(())
}
