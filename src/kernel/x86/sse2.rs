//! Four lanes: what every x86-64 has.
use super::prefetch;
use crate::kernel::lanes::Job;
use crate::kernel::set::{InstructionSet, Presence, Tile, tile};
use crate::kernel::words::WordJob;
use core::arch::x86_64::{
    __m128, __m128i, _mm_add_epi32, _mm_add_ps, _mm_and_ps, _mm_and_si128, _mm_castsi128_ps, _mm_cmpeq_epi32,
    _mm_cmpgt_ps, _mm_cvtepi32_ps, _mm_div_ps, _mm_loadu_ps, _mm_loadu_si128, _mm_movemask_ps, _mm_mul_epu32,
    _mm_mul_ps, _mm_or_ps, _mm_or_si128, _mm_set_epi32, _mm_set1_epi32, _mm_set1_ps, _mm_setzero_ps, _mm_shuffle_ps,
    _mm_slli_epi32, _mm_slli_epi64, _mm_sqrt_ps, _mm_srli_epi32, _mm_srli_epi64, _mm_storeu_ps, _mm_sub_ps,
    _mm_unpackhi_ps, _mm_unpacklo_ps, _mm_xor_si128,
};

/// The proof that this is x86-64.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Sse2;

impl InstructionSet for Sse2 {
    const PRESENCE: Presence = Presence::Always;
    const TILE: Tile = tile(2, 16);
    const LANES: usize = 4;
    const NEST_REGISTERS: usize = 12;
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

    #[inline(always)]
    fn control_bits() -> u32 {
        super::control_bits()
    }
}

crate::kernel::lanes::lanes!(
    Sse2,
    4,
    4,
    __m128,
    _mm_set1_ps,
    _mm_loadu_ps,
    _mm_storeu_ps,
    _mm_add_ps,
    _mm_sub_ps,
    _mm_mul_ps,
    _mm_div_ps,
    _mm_sqrt_ps
);

#[inline]
#[target_feature(enable = "sse2")]
fn select(bits: u32, x: __m128, y: __m128) -> __m128 {
    _mm_or_ps(mask(x, bits), mask(y, !bits))
}

#[inline]
#[target_feature(enable = "sse2")]
fn transpose4x4([a, b, c, d]: [__m128; 4]) -> [__m128; 4] {
    let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
    // Two of the first, two of the second: the lower ones, the upper ones.
    [
        _mm_shuffle_ps::<0x44>(ab, cd),
        _mm_shuffle_ps::<0xee>(ab, cd),
        _mm_shuffle_ps::<0x44>(ab_high, cd_high),
        _mm_shuffle_ps::<0xee>(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "sse2")]
fn transpose_blocks(rows: [__m128; 4]) -> [__m128; 4] {
    rows
}

#[inline]
#[target_feature(enable = "sse2")]
fn gt_zero_mask(x: __m128) -> u32 {
    _mm_movemask_ps(_mm_cmpgt_ps(x, _mm_setzero_ps())) as u32
}

#[inline]
#[target_feature(enable = "sse2")]
fn mask(x: __m128, bits: u32) -> __m128 {
    let each = _mm_set_epi32(8, 4, 2, 1);
    let set = _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(bits as i32), each), each);
    _mm_and_ps(x, _mm_castsi128_ps(set))
}

super::words::words!(
    Sse2,
    __m128i,
    4,
    _mm_set1_epi32,
    _mm_loadu_si128,
    _mm_add_epi32,
    _mm_and_si128,
    _mm_xor_si128,
    _mm_or_si128,
    _mm_mul_epu32,
    _mm_slli_epi64,
    _mm_srli_epi64,
    _mm_cvtepi32_ps,
    _mm_set1_ps,
    _mm_mul_ps,
    _mm_storeu_ps
);

#[inline]
#[target_feature(enable = "sse2")]
fn left<const BY: i32>(x: __m128i) -> __m128i {
    _mm_slli_epi32::<BY>(x)
}

#[inline]
#[target_feature(enable = "sse2")]
fn right<const BY: i32>(x: __m128i) -> __m128i {
    _mm_srli_epi32::<BY>(x)
}
