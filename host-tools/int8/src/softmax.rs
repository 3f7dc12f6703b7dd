use crate::sums::scale_of;
use crate::{Error, Quantisation};
use shatterscope::internals::op::int8::{QuantisedSoftmax, Scale};

/// The least integer multiple of an input's step that is not within the range of `bits` integer bits, behind a shift to the left: `floor((2^bits - 1)
/// 2^(31 - bits) / 2^shift)`.
pub(crate) fn radius(bits: u32, shift: i32) -> i32 {
    let most = ((1i64 << bits) - 1) << (31 - bits);
    // Above 63 nothing is left; below 0 the shift is to the right.
    match u32::try_from(shift) {
        Ok(shift) => most.checked_shr(shift).unwrap_or(0) as i32,
        Err(_) => i32::MAX,
    }
}

/// The numbers of a softmax along `channels`: the multiplier and shift of `beta s_in 2^26`, at most 2^31 - 1, and minus the radius of 5 integer bits.
///
/// # Errors
/// [`Error::Fixed`] for an output of another scale than 1/256 or another zero point than -128, [`Error::Factor`] where the factor is not above 1: the
/// interpreters end there.
pub fn softmax(input: Quantisation, beta: f32, output: Quantisation, channels: u32) -> Result<QuantisedSoftmax, Error> {
    output.fixed("SOFTMAX", 1.0 / 256.0, -128)?;
    let found = f64::from(beta) * f64::from(input.scale()) * f64::from(1 << 26);
    if found.is_nan() || found <= 1.0 {
        return Err(Error::Factor { operator: "SOFTMAX", found, expected: "a number above 1" });
    }
    let Scale { multiplier, shift } = scale_of(found.min(f64::from(i32::MAX)));
    Ok(QuantisedSoftmax { channels, multiplier, shift, diff_min: -radius(5, shift) })
}
