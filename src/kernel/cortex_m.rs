//! What only Cortex-M cores with an FPU have.
#![allow(unsafe_code)]

/// FPSCR: rounding mode (bits 22, 23), flush to zero (24), default NaN (25).
pub fn control_bits() -> u32 {
    let fpscr: u32;
    // SAFETY: reads one register, touches neither memory nor flags.
    unsafe { core::arch::asm!("vmrs {}, fpscr", out(reg) fpscr, options(nomem, nostack, preserves_flags)) };
    fpscr & 0x03c0_0000
}
