//! Sixteen lanes.
use super::prefetch;
use crate::kernel::lanes::Job;
use crate::kernel::set::{InstructionSet, Presence, Tile, tile};
use crate::kernel::words::WordJob;
use core::arch::x86_64::{
    __m512, __m512i, _CMP_GT_OQ, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_mov_ps, _mm512_maskz_mov_ps,
    _mm512_mul_epu32, _mm512_mul_ps, _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_slli_epi64, _mm512_sllv_epi32, _mm512_sqrt_ps, _mm512_srli_epi64,
    _mm512_srlv_epi32, _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_ps, _mm512_unpacklo_ps, _mm512_xor_si512,
};

/// The proof that this processor has AVX-512, its foundation and what came with Skylake.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx512(());

cpufeatures::new!(features, "avx512f", "avx512bw", "avx512dq", "avx512vl");

impl InstructionSet for Avx512 {
    const PRESENCE: Presence = Presence::Detected;
    const TILE: Tile = tile(12, 32);
    const NARROW: Tile = tile(12, 16);
    const WEIGHT_GRADIENT: Tile = tile(8, 32);
    const LANES: usize = 16;
    const NEST_REGISTERS: usize = 24;
    const WORDS: bool = true;

    #[inline(always)]
    fn found() -> Option<Self> {
        features::get().then_some(Self(()))
    }

    #[inline(always)]
    fn run<J: Job>(self, job: J) -> J::Output {
        run(self, job)
    }

    #[inline(always)]
    fn run_words<J: WordJob>(self, job: J) {
        run_words(self, job);
    }
}

crate::kernel::lanes::lanes!(
    Avx512,
    16,
    2,
    __m512,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_sqrt_ps
);

/// Does a job with these instructions.
fn run<J: Job>(lanes: Avx512, job: J) -> J::Output {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn inner<J: Job>(lanes: Avx512, job: J) -> J::Output {
        job.on(lanes)
    }
    // SAFETY: `lanes` is the proof that the processor has them.
    unsafe { inner(lanes, job) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn select(bits: u32, x: __m512, y: __m512) -> __m512 {
    _mm512_mask_mov_ps(y, bits as u16, x)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transpose4x4([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
    // Two of the first, two of the second: the lower ones, the upper ones.
    [
        _mm512_shuffle_ps::<0x44>(ab, cd),
        _mm512_shuffle_ps::<0xee>(ab, cd),
        _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
        _mm512_shuffle_ps::<0xee>(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_blocks([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // Quarters 0 and 2 of two registers, and 1 and 3.
    let (ab, cd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
    let (ab_odd, cd_odd) = (_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d));
    [
        _mm512_shuffle_f32x4::<0x88>(ab, cd),
        _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd),
        _mm512_shuffle_f32x4::<0xdd>(ab, cd),
        _mm512_shuffle_f32x4::<0xdd>(ab_odd, cd_odd),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn gt_zero_mask(x: __m512) -> u32 {
    u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_setzero_ps()))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn mask(x: __m512, bits: u32) -> __m512 {
    _mm512_maskz_mov_ps(bits as u16, x)
}

super::words::words!(
    Avx512,
    __m512i,
    16,
    _mm512_set1_epi32,
    _mm512_loadu_si512,
    _mm512_add_epi32,
    _mm512_and_si512,
    _mm512_xor_si512,
    _mm512_or_si512,
    _mm512_mul_epu32,
    _mm512_slli_epi64,
    _mm512_srli_epi64,
    _mm512_cvtepi32_ps,
    _mm512_set1_ps,
    _mm512_mul_ps,
    _mm512_storeu_ps
);

/// Does a job on words with these instructions.
fn run_words<J: WordJob>(words: Avx512, job: J) {
    // Without avx512dq: where the compiler may, it multiplies 64 bits by 64, which takes three times as long on some.
    #[target_feature(enable = "avx512f")]
    fn inner<J: WordJob>(words: Avx512, job: J) {
        job.on(words);
    }
    // SAFETY: `words` is the proof that the processor has them.
    unsafe { inner(words, job) }
}

/// The intrinsic of this width takes its distance as another type; the compiler finds the constant again.
#[inline]
#[target_feature(enable = "avx512f")]
fn left<const BY: i32>(x: __m512i) -> __m512i {
    _mm512_sllv_epi32(x, _mm512_set1_epi32(BY))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn right<const BY: i32>(x: __m512i) -> __m512i {
    _mm512_srlv_epi32(x, _mm512_set1_epi32(BY))
}
