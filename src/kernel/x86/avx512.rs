//! Sixteen lanes.
use crate::kernel::lanes::Job;
use core::arch::x86_64::{
    __m512, _CMP_GT_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_loadu_ps, _mm512_maskz_mov_ps, _mm512_mul_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

/// The proof that this processor has AVX-512, its foundation and what came with Skylake.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Avx512(());

cpufeatures::new!(features, "avx512f", "avx512bw", "avx512dq", "avx512vl");

impl Avx512 {
    /// The proof, where it holds.
    pub fn found() -> Option<Self> {
        features::get().then_some(Self(()))
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
    _mm512_mul_ps
);

/// Does a job with these instructions.
pub(in crate::kernel) fn run<J: Job>(lanes: Avx512, job: J) -> J::Output {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn inner<J: Job>(lanes: Avx512, job: J) -> J::Output {
        job.on(lanes)
    }
    // SAFETY: `lanes` is the proof that the processor has them.
    unsafe { inner(lanes, job) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn positive(x: __m512) -> u32 {
    u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_setzero_ps()))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn keep(x: __m512, bits: u32) -> __m512 {
    _mm512_maskz_mov_ps(bits as u16, x)
}
