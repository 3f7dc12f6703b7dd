//! Four lanes, which every AArch64 has.
#![allow(unsafe_code)]
use super::lanes::Job;
use super::set::{InstructionSet, Presence, Tile, tile};
use super::words::{PLACES, WordJob, Words};
use core::arch::aarch64::{
    float32x4_t, uint32x4_t, vaddq_f32, vaddq_u32, vaddvq_u32, vandq_u32, vbslq_f32, vcgtzq_f32, vcombine_f32,
    vcvtq_f32_s32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, veorq_u32, vget_high_f32, vget_low_f32, vld1q_f32, vld1q_u32,
    vmovn_u64, vmull_u32, vmulq_f32, vreinterpretq_f32_u32, vreinterpretq_s32_u32, vreinterpretq_u32_f32,
    vreinterpretq_u32_u64, vreinterpretq_u64_u32, vshlq_n_u32, vshrq_n_u32, vshrq_n_u64, vsqrtq_f32, vst1q_f32,
    vsubq_f32, vtrn1q_u32, vtstq_u32, vzip1q_f32, vzip2q_f32,
};

/// The proof that this is AArch64 with NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon;

impl InstructionSet for Neon {
    const PRESENCE: Presence = Presence::Always;
    const TILE: Tile = tile(4, 16);
    const LANES: usize = 4;
    const NEST_REGISTERS: usize = 24;
    const WORDS: bool = true;

    #[inline(always)]
    fn found() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<J: Job>(self, job: J) -> J::Output {
        job.on(self)
    }

    #[inline(always)]
    fn run_words<J: WordJob>(self, job: J) {
        job.on(self);
    }
}

super::lanes::lanes!(
    Neon,
    4,
    4,
    float32x4_t,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vsubq_f32,
    vmulq_f32,
    vdivq_f32,
    vsqrtq_f32
);

/// Brings nothing into the cache: stable Rust has no such hint for this core.
#[inline(always)]
fn prefetch(_: *const f32) {}

/// The bit of each lane.
static EACH: [u32; 4] = [1, 2, 4, 8];

#[inline]
#[target_feature(enable = "neon")]
fn select(bits: u32, x: float32x4_t, y: float32x4_t) -> float32x4_t {
    // SAFETY: four elements stand behind the pointer.
    let each = unsafe { vld1q_u32(EACH.as_ptr()) };
    vbslq_f32(vtstq_u32(vdupq_n_u32(bits), each), x, y)
}

#[inline]
#[target_feature(enable = "neon")]
fn transpose4x4([a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
    let (ab, cd) = (vzip1q_f32(a, b), vzip1q_f32(c, d));
    let (ab_high, cd_high) = (vzip2q_f32(a, b), vzip2q_f32(c, d));
    [lower(ab, cd), upper(ab, cd), lower(ab_high, cd_high), upper(ab_high, cd_high)]
}

/// The lower halves of both.
#[inline]
#[target_feature(enable = "neon")]
fn lower(x: float32x4_t, y: float32x4_t) -> float32x4_t {
    vcombine_f32(vget_low_f32(x), vget_low_f32(y))
}

/// The upper halves of both.
#[inline]
#[target_feature(enable = "neon")]
fn upper(x: float32x4_t, y: float32x4_t) -> float32x4_t {
    vcombine_f32(vget_high_f32(x), vget_high_f32(y))
}

#[inline]
#[target_feature(enable = "neon")]
fn transpose_blocks(rows: [float32x4_t; 4]) -> [float32x4_t; 4] {
    rows
}

#[inline]
#[target_feature(enable = "neon")]
fn gt_zero_mask(x: float32x4_t) -> u32 {
    // SAFETY: four elements stand behind the pointer.
    let each = unsafe { vld1q_u32(EACH.as_ptr()) };
    vaddvq_u32(vandq_u32(vcgtzq_f32(x), each))
}

#[inline]
#[target_feature(enable = "neon")]
fn mask(x: float32x4_t, bits: u32) -> float32x4_t {
    // SAFETY: four elements stand behind the pointer.
    let each = unsafe { vld1q_u32(EACH.as_ptr()) };
    vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vtstq_u32(vdupq_n_u32(bits), each)))
}

impl Words for Neon {
    const N: usize = 4;
    type Word = uint32x4_t;

    #[inline(always)]
    fn words(self, x: u32) -> uint32x4_t {
        // SAFETY: here and below, `self` is the proof that the processor has this instruction.
        unsafe { vdupq_n_u32(x) }
    }

    #[inline(always)]
    fn positions(self) -> uint32x4_t {
        // SAFETY: as above; four words stand behind the pointer.
        unsafe { vld1q_u32(PLACES.as_ptr()) }
    }

    #[inline(always)]
    fn plus(self, x: uint32x4_t, y: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vaddq_u32(x, y) }
    }

    #[inline(always)]
    fn both(self, x: uint32x4_t, y: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vandq_u32(x, y) }
    }

    #[inline(always)]
    fn either(self, x: uint32x4_t, y: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { veorq_u32(x, y) }
    }

    #[inline(always)]
    fn left<const BY: i32>(self, x: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vshlq_n_u32::<BY>(x) }
    }

    #[inline(always)]
    fn right<const BY: i32>(self, x: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vshrq_n_u32::<BY>(x) }
    }

    #[inline(always)]
    fn product(self, x: uint32x4_t, y: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe {
            let (x, y) = (vmovn_u64(vreinterpretq_u64_u32(x)), vmovn_u64(vreinterpretq_u64_u32(y)));
            vreinterpretq_u32_u64(vmull_u32(x, y))
        }
    }

    #[inline(always)]
    fn high(self, x: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vreinterpretq_u32_u64(vshrq_n_u64::<32>(vreinterpretq_u64_u32(x))) }
    }

    #[inline(always)]
    fn pairs(self, x: uint32x4_t, y: uint32x4_t) -> uint32x4_t {
        // SAFETY: as above.
        unsafe { vtrn1q_u32(x, y) }
    }

    #[inline(always)]
    fn scaled(self, x: uint32x4_t, unit: f32, scale: f32, to: &mut [f32]) {
        if let Some(to) = to.first_chunk_mut::<4>() {
            // SAFETY: as above; four elements stand behind the pointer.
            unsafe {
                let numbers = vcvtq_f32_s32(vreinterpretq_s32_u32(x));
                vst1q_f32(to.as_mut_ptr(), vmulq_f32(vmulq_f32(numbers, vdupq_n_f32(unit)), vdupq_n_f32(scale)));
            }
        }
    }
}
