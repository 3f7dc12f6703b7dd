use super::Isa;
#[cfg(registers = "cortex_m")]
use super::cortex_m;
use crate::math;

/// Whether no value is NaN or infinite, by the instructions given.
#[inline]
pub fn all_finite(isa: Isa, values: &[f32]) -> bool {
    #[cfg(registers = "cortex_m")]
    if isa == Isa::Vfp {
        return cortex_m::all_finite(values);
    }
    isa.compiled(math::all_finite, values, ())
}
