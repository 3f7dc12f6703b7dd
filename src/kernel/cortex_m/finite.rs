//! Whether values are finite: twice the bits of infinity and NaN, and only theirs, carry when 2^24 is added.
use crate::math;
use core::arch::naked_asm;

/// [`math::all_finite`].
pub fn all_finite(values: &[f32]) -> bool {
    let (eights, rest) = values.as_chunks::<8>();
    // SAFETY: so many times eight elements stand there.
    let bad = if eights.is_empty() { 0 } else { unsafe { carries(eights.as_ptr().cast(), eights.len()) } };
    bad == 0 && math::all_finite(rest, ())
}

/// The text for each element: counts the carry.
macro_rules! count {
    ($($x:literal)+) => { concat!($("adds r12, r3, r", $x, ", lsl #1\n", "adc r2, r2, #0\n",)+) };
}

/// How many of `eights` times eight elements are not finite, mod 2^32; at least one eight.
#[unsafe(naked)]
unsafe extern "C" fn carries(values: *const f32, eights: usize) -> u32 {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "mov r2, #0",
        "mov r3, #0x01000000",
        "1:",
        "ldm r0!, {{r4-r11}}",
        count!(4 5 6 7 8 9 10 11),
        "subs r1, #1",
        "bne 1b",
        "mov r0, r2",
        "pop {{r4-r11, pc}}",
    )
}
