//! The floating-point mode of a thread: one that flushes subnormals to zero or rounds otherwise gives other bits, without a fault.
use crate::{Failure, Result};
use shatterscope::self_test::float_mode_is_default;

/// Whether the calling thread rounds and flushes as the contract asks.
///
/// # Errors
/// A thread that does not.
pub fn check() -> Result<()> {
    if float_mode_is_default() { Ok(()) } else { Err(failure()) }
}

pub(crate) fn failure() -> Failure {
    Failure::failed(
        "a thread does not compute as the contract asks: it flushes subnormal numbers to zero or does not round to nearest; \
         reset the floating-point mode (MXCSR on x86-64, FPCR on AArch64) that the program or a library set on it",
    )
}
