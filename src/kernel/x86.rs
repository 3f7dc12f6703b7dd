//! The tile kernel compiled again for wider registers, chosen at run time. No FMA: the contract rounds products.
#![allow(unsafe_code)]

use super::portable;

cpufeatures::new!(avx, "avx");

pub fn has_avx() -> bool {
    avx::get()
}

pub fn chain_avx<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    #[target_feature(enable = "avx")]
    fn inner<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
        portable::chain::<R, T>(panel, x, y)
    }
    // SAFETY: `super::chain` comes here only where `has_avx()` holds.
    unsafe { inner::<R, T>(panel, x, y) }
}

/// MXCSR: denormals are zero (bit 6), rounding mode (13, 14), flush to zero (15).
pub fn control_bits() -> u32 {
    let mut mxcsr = 0u32;
    // SAFETY: stores one register to a local of its size.
    unsafe { core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack, preserves_flags)) };
    mxcsr & 0xe040
}
