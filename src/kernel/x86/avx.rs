//! Eight lanes.
use super::avx2::{self, Avx2};
use super::{Sse2, prefetch};
use crate::kernel::lanes::Job;
use crate::kernel::set::{InstructionSet, Presence, Tile, tile};
use crate::kernel::words::WordJob;
use core::arch::x86_64::{
    __m256, _CMP_GT_OQ, _CMP_NEQ_UQ, _mm256_add_ps, _mm256_and_ps, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_div_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_or_ps,
    _mm256_set_epi32, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_sqrt_ps,
    _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

/// The proof that this processor has AVX.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx(());

cpufeatures::new!(features, "avx");

impl InstructionSet for Avx {
    const PRESENCE: Presence = Presence::Detected;
    const TILE: Tile = tile(5, 16);
    const NARROW: Tile = tile(5, 8);
    const LANES: usize = 8;
    const NEST_REGISTERS: usize = 12;
    const WORDS: bool = true;

    #[inline(always)]
    fn found() -> Option<Self> {
        features::get().then_some(Self(()))
    }

    #[inline(always)]
    fn run<J: Job>(self, job: J) -> J::Output {
        run(self, job)
    }

    /// AVX has no words of its own: with AVX2, or four at a time.
    #[inline(always)]
    fn run_words<J: WordJob>(self, job: J) {
        match Avx2::found() {
            Some(words) => avx2::run(words, job),
            None => Sse2.run_words(job),
        }
    }
}

crate::kernel::lanes::lanes!(
    Avx,
    8,
    2,
    __m256,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_sqrt_ps
);

/// Does a job with these instructions.
fn run<J: Job>(lanes: Avx, job: J) -> J::Output {
    #[target_feature(enable = "avx")]
    fn inner<J: Job>(lanes: Avx, job: J) -> J::Output {
        job.on(lanes)
    }
    // SAFETY: `lanes` is the proof that the processor has them.
    unsafe { inner(lanes, job) }
}

#[inline]
#[target_feature(enable = "avx")]
fn select(bits: u32, x: __m256, y: __m256) -> __m256 {
    _mm256_or_ps(mask(x, bits), mask(y, !bits))
}

#[inline]
#[target_feature(enable = "avx")]
fn transpose4x4([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    // Two of the first, two of the second: the lower ones, the upper ones.
    [
        _mm256_shuffle_ps::<0x44>(ab, cd),
        _mm256_shuffle_ps::<0xee>(ab, cd),
        _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
        _mm256_shuffle_ps::<0xee>(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "avx")]
fn transpose_blocks(rows: [__m256; 4]) -> [__m256; 4] {
    rows
}

#[inline]
#[target_feature(enable = "avx")]
fn gt_zero_mask(x: __m256) -> u32 {
    _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_setzero_ps())) as u32
}

/// AVX compares no integers: a lane's bit, as a number, is compared with zero.
#[inline]
#[target_feature(enable = "avx")]
fn mask(x: __m256, bits: u32) -> __m256 {
    let each = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    let bits = _mm256_and_ps(_mm256_castsi256_ps(_mm256_set1_epi32(bits as i32)), _mm256_castsi256_ps(each));
    let numbers = _mm256_cvtepi32_ps(_mm256_castps_si256(bits));
    _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_NEQ_UQ>(numbers, _mm256_setzero_ps()))
}
