use super::broadcast::pairs;
use super::{Bounds, Error, Image, Scale};

/// A sum of two int8 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedAdd {
    /// The shapes of the operands: along each axis the same extent, or one of them 1.
    pub operands: [Image; 2],
    /// The zero points of the operands.
    pub zeros: [i32; 2],
    /// The factors of the operands.
    pub scales: [Scale; 2],
    /// The factor of the sum.
    pub scale: Scale,
    /// Zero point and bounds of the output.
    pub output: Bounds,
}

/// `zero_out + D(D((x - zero_0) 2^20, scale_0) + D((y - zero_1) 2^20, scale_1), scale)` within the bounds.
///
/// # Shapes
/// `x` and `y` the operands, `value` their common shape, `[row][column][channel]`.
///
/// # Errors
/// [`InvalidSpec::Operation`](crate::error::InvalidSpec::Operation) where the shapes do not go together, [`Error::TooShort`] where a slice does not
/// hold its shape; what is longer is left alone.
pub fn quantised_add(add: &QuantisedAdd, x: &[i8], y: &[i8], value: &mut [i8]) -> Result<(), Error> {
    let [of_x, of_y] = add.scales;
    let [zero_x, zero_y] = add.zeros;
    let raised = |x: i8, zero: i32| i32::from(x).wrapping_sub(zero).wrapping_mul(1 << 20);
    pairs(add.operands, x, y, value, |x, y| {
        let sum = of_x.apply(raised(x, zero_x)).wrapping_add(of_y.apply(raised(y, zero_y)));
        add.output.of(add.scale.apply(sum))
    })
}
