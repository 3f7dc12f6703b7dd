//! Four lanes, which every AArch64 has.
#![allow(unsafe_code)]
use core::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_u32, vandq_u32, vcgtzq_f32, vdupq_n_f32, vdupq_n_u32, vld1q_f32, vld1q_u32,
    vmulq_f32, vreinterpretq_f32_u32, vreinterpretq_u32_f32, vst1q_f32, vtstq_u32,
};

/// The proof that this is AArch64 with NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon;

super::lanes::lanes!(Neon, 4, 4, float32x4_t, vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, vmulq_f32);

/// The bit of each lane.
static EACH: [u32; 4] = [1, 2, 4, 8];

#[inline]
#[target_feature(enable = "neon")]
fn positive(x: float32x4_t) -> u32 {
    // SAFETY: four elements stand behind the pointer.
    let each = unsafe { vld1q_u32(EACH.as_ptr()) };
    vaddvq_u32(vandq_u32(vcgtzq_f32(x), each))
}

#[inline]
#[target_feature(enable = "neon")]
fn keep(x: float32x4_t, bits: u32) -> float32x4_t {
    // SAFETY: four elements stand behind the pointer.
    let each = unsafe { vld1q_u32(EACH.as_ptr()) };
    vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vtstq_u32(vdupq_n_u32(bits), each)))
}
