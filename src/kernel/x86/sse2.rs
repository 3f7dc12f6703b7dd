//! Four lanes: what every x86-64 has.
use core::arch::x86_64::{
    __m128, _mm_add_ps, _mm_and_ps, _mm_and_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_cmpgt_ps, _mm_loadu_ps,
    _mm_movemask_ps, _mm_mul_ps, _mm_set_epi32, _mm_set1_epi32, _mm_set1_ps, _mm_setzero_ps, _mm_storeu_ps,
};

/// The proof that this is x86-64.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Sse2;

crate::kernel::lanes::lanes!(Sse2, 4, 2, __m128, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_mul_ps);

#[inline]
#[target_feature(enable = "sse2")]
fn positive(x: __m128) -> u32 {
    _mm_movemask_ps(_mm_cmpgt_ps(x, _mm_setzero_ps())) as u32
}

#[inline]
#[target_feature(enable = "sse2")]
fn keep(x: __m128, bits: u32) -> __m128 {
    let each = _mm_set_epi32(8, 4, 2, 1);
    let set = _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32(bits as i32), each), each);
    _mm_and_ps(x, _mm_castsi128_ps(set))
}
