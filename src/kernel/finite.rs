use super::Isa;
use super::isa::dispatch;
use super::set::InstructionSet;
use crate::math;

/// Whether no value is NaN or infinite, by the instructions given.
#[inline]
pub fn all_finite(isa: Isa, values: &[f32]) -> bool {
    match dispatch!(isa, Set => Set::all_finite(values), otherwise: None) {
        Some(finite) => finite,
        None => isa.compiled(math::all_finite, values, ()),
    }
}
