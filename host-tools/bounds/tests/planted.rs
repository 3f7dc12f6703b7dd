//! A load past the end, planted: `cargo xtask memory` wants whoever watches to stop at it.
#![allow(unsafe_code)]
use shatterscope_bounds::values;
use std::arch::x86_64::{__m128, _mm_loadu_ps};
use std::hint::black_box;

#[test]
#[ignore = "wrong on purpose"]
fn a_load_past_the_end() {
    let seven = values(7, 0);
    // SAFETY: none, and that is the point: four lanes from element 4 on end one element past the end.
    black_box::<__m128>(unsafe { _mm_loadu_ps(black_box(seven.as_ptr().add(4))) });
}
