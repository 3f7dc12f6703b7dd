//! Sums and products of two values.
use crate::sums::scale_of;
use crate::{Error, Profile, Quantisation};
use shatterscope::internals::op::int8::Scale;

/// The factors of an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Of the operands.
    pub scales: [Scale; 2],
    /// Of their sum.
    pub scale: Scale,
}

/// The factors of an addition: `s / (2 max)` of each operand and `2 max / (2^20 s_out)` of the sum, max being the larger scale of the operands.
///
/// # Errors
/// [`Error::Factor`] where the last one is not below 1: the interpreters end there.
pub fn addition(operands: [Quantisation; 2], output: Quantisation) -> Result<Addition, Error> {
    let [x, y] = operands.map(Quantisation::scale);
    let twice = f64::from(2.0 * x.max(y));
    let found = twice / f64::from((1 << 20) as f32 * output.scale());
    if !(found > 0.0 && found < 1.0) {
        return Err(Error::Factor { operator: "ADD", found, expected: "a positive number below 1" });
    }
    Ok(Addition { scales: [x, y].map(|s| scale_of(f64::from(s) / twice)), scale: scale_of(found) })
}

/// The factor of a product: `(s_0 s_1) / s_out`, in binary64 (tflm) or in binary32 (litert-ref).
pub fn product(profile: Profile, operands: [Quantisation; 2], output: Quantisation) -> Scale {
    let [x, y] = operands.map(Quantisation::scale);
    scale_of(match profile {
        Profile::Tflm => f64::from(x) * f64::from(y) / f64::from(output.scale()),
        Profile::LitertRef => f64::from(x * y / output.scale()),
    })
}
