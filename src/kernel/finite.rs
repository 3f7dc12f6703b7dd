use super::Isa;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use super::cortex_m;
use crate::math;

/// Whether no value is NaN or infinite, by the instructions given.
#[inline]
pub fn all_finite(isa: Isa, values: &[f32]) -> bool {
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    if isa == Isa::Vfp {
        return cortex_m::all_finite(values);
    }
    isa.compiled(math::all_finite, values, ())
}
