//! Terms on the registers of a Cortex-M core, of whose few the compiler keeps too little.
#![allow(unsafe_code)]

#[cfg(thumb = "v6m")]
mod v6m;
#[cfg(thumb = "v7m")]
mod v7m;

use super::{Range, Sum, Terms};
#[cfg(thumb = "v6m")]
use v6m::{adjacent, apart};
#[cfg(thumb = "v7m")]
use v7m::{adjacent, apart};

/// What the loop reads once.
#[repr(C)]
struct Fixed {
    /// Behind the last input.
    end: *const f32,
    /// [`Range::low`].
    low: u32,
    /// Bytes from a weight to the next.
    step: usize,
}

/// See [`super::advance`].
#[inline(always)]
pub(super) fn advance<const T: usize>(sum: &mut Sum, terms: &mut Terms<T>, range: Range) {
    let Some(inputs) = terms.inputs.get(..terms.at_once()) else { return };
    if inputs.is_empty() {
        return;
    }
    let (start, w) = (inputs.as_ptr(), terms.weights.as_ptr());
    let fixed =
        Fixed { end: inputs.as_ptr_range().end, low: range.low, step: terms.step.wrapping_mul(size_of::<f32>()) };
    // SAFETY: there is at least one term, and `Terms` holds as many inputs, one behind the other, and as many weights at
    // their step as it says. The functions read those, change `sum`, and save what registers they must.
    let stop = unsafe { if terms.step == 1 { adjacent(sum, w, start, &fixed) } else { apart(sum, w, start, &fixed) } };
    // Nothing wraps: `stop` is between the first input and the end.
    terms.skip(stop.addr().wrapping_sub(start.addr()) / size_of::<f32>());
}
