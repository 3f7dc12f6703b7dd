//! Eight words: AVX has none of its own.
use crate::kernel::words::WordJob;
use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_loadu_si256, _mm256_mul_epu32,
    _mm256_mul_ps, _mm256_or_si256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_slli_epi64,
    _mm256_srli_epi32, _mm256_srli_epi64, _mm256_storeu_ps, _mm256_xor_si256,
};

/// The proof that this processor has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

cpufeatures::new!(features, "avx2");

impl Avx2 {
    /// The proof, where it holds.
    #[inline(always)]
    pub fn found() -> Option<Self> {
        features::get().then_some(Self(()))
    }
}

/// Does a job with these instructions.
pub(super) fn run<J: WordJob>(words: Avx2, job: J) {
    #[target_feature(enable = "avx2")]
    fn inner<J: WordJob>(words: Avx2, job: J) {
        job.on(words);
    }
    // SAFETY: `words` is the proof that the processor has them.
    unsafe { inner(words, job) }
}

super::words::words!(
    Avx2,
    __m256i,
    8,
    _mm256_set1_epi32,
    _mm256_loadu_si256,
    _mm256_add_epi32,
    _mm256_and_si256,
    _mm256_xor_si256,
    _mm256_or_si256,
    _mm256_mul_epu32,
    _mm256_slli_epi64,
    _mm256_srli_epi64,
    _mm256_cvtepi32_ps,
    _mm256_set1_ps,
    _mm256_mul_ps,
    _mm256_storeu_ps
);

#[inline]
#[target_feature(enable = "avx2")]
fn left<const BY: i32>(x: __m256i) -> __m256i {
    _mm256_slli_epi32::<BY>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
fn right<const BY: i32>(x: __m256i) -> __m256i {
    _mm256_srli_epi32::<BY>(x)
}
