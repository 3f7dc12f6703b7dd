use super::broadcast::pairs;
use super::{Bounds, Error, Image, Scale};

/// A product of two int8 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedMultiply {
    /// The shapes of the operands: along each axis the same extent, or one of them 1.
    pub operands: [Image; 2],
    /// The zero points of the operands.
    pub zeros: [i32; 2],
    /// The factor of the product.
    pub scale: Scale,
    /// Zero point and bounds of the output.
    pub output: Bounds,
}

/// `zero_out + D((x - zero_0) (y - zero_1), scale)` within the bounds.
///
/// # Shapes
/// As [`quantised_add`](super::quantised_add).
///
/// # Errors
/// As [`quantised_add`](super::quantised_add).
pub fn quantised_multiply(multiply: &QuantisedMultiply, x: &[i8], y: &[i8], value: &mut [i8]) -> Result<(), Error> {
    let [zero_x, zero_y] = multiply.zeros;
    pairs(multiply.operands, x, y, value, |x, y| {
        let (x, y) = (i32::from(x).wrapping_sub(zero_x), i32::from(y).wrapping_sub(zero_y));
        multiply.output.of(multiply.scale.apply(x.wrapping_mul(y)))
    })
}
