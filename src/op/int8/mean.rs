use super::{Bounds, Buffer, Error, Scale, at, long_enough};

/// The mean of int8 elements along axes that lie beside each other: `[outer][count][inner]` becomes `[outer][inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedMean {
    /// Entries of the axes before.
    pub outer: u32,
    /// Entries of the axes that are reduced. Rows and columns are height times width.
    pub count: u32,
    /// Entries of the axes behind.
    pub inner: u32,
    /// The zero point of the input.
    pub input_zero: i32,
    /// The factor of the sum. It has the division by the count in it.
    pub scale: Scale,
    /// Zero point and bounds of the output.
    pub output: Bounds,
}

/// `y[o][i] = zero_out + D((sum over k of x[o][k][i]) - count zero_in, scale)` within the bounds.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn quantised_mean(mean: &QuantisedMean, x: &[i8], y: &mut [i8]) -> Result<(), Error> {
    let (outer, count, inner) = (mean.outer as usize, mean.count as usize, mean.inner as usize);
    let out = outer.checked_mul(inner);
    long_enough(Buffer::Inputs, x.len(), out.and_then(|out| out.checked_mul(count)))?;
    long_enough(Buffer::Outputs, y.len(), out)?;
    let zeros = (mean.count as i32).wrapping_mul(mean.input_zero);
    for o in 0..outer {
        for i in 0..inner {
            let mut sum = 0i32;
            for k in 0..count {
                sum = sum.wrapping_add(i32::from(invariant!(x.get(at(at(o, count, k), inner, i)).copied())));
            }
            if let Some(y) = y.get_mut(at(o, inner, i)) {
                *y = mean.output.of(mean.scale.apply(sum.wrapping_sub(zeros)));
            }
        }
    }
    Ok(())
}
