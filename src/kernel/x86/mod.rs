//! What x86-64 has: three widths of registers, chosen at run time. No FMA: the contract rounds products.
#![allow(unsafe_code)]

mod avx;
mod avx2;
mod avx512;
mod sse2;
mod words;

pub(super) use avx::Avx;
pub(super) use avx512::Avx512;
pub(super) use sse2::Sse2;

/// MXCSR: denormals are zero (bit 6), rounding mode (13, 14), flush to zero (15).
fn control_bits() -> u32 {
    let mut mxcsr = 0u32;
    // SAFETY: stores one register to a local of its size.
    unsafe { core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags)) };
    mxcsr & 0xe040
}

/// Asks for a line of the cache. The address need not be one.
#[inline(always)]
fn prefetch(address: *const f32) {
    // SAFETY: every x86-64 has this hint, which neither reads nor faults.
    unsafe { core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T1 }>(address.cast()) }
}
