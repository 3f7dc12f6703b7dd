//! Four lanes, in WebAssembly that is built with `-C target-feature=+simd128`. Nothing of relaxed SIMD: its results differ between machines.
#![allow(unsafe_code)]
#![allow(unused_unsafe, reason = "what intrinsics are elsewhere, and not in WebAssembly, whose modules are validated")]
use super::lanes::Job;
use super::set::{InstructionSet, Presence, Tile, tile};
use super::words::{PLACES, WordJob, Words};
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_gt, f32x4_mul, f32x4_splat, f32x4_sqrt, f32x4_sub, i32x4_bitmask,
    i32x4_ne, i32x4_shuffle, u32x4, u32x4_add, u32x4_shl, u32x4_shr, u32x4_splat, u64x2_extmul_low_u32x4, u64x2_shr,
    v128, v128_and, v128_bitselect, v128_load, v128_store, v128_xor,
};

/// The proof that the module is built with these instructions.
#[derive(Clone, Copy)]
pub(super) struct Simd128;

impl InstructionSet for Simd128 {
    const PRESENCE: Presence = Presence::Always;
    const TILE: Tile = tile(4, 16);
    const LANES: usize = 4;
    const NEST_REGISTERS: usize = 8;
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
    Simd128,
    4,
    2,
    v128,
    f32x4_splat,
    load,
    store,
    f32x4_add,
    f32x4_sub,
    f32x4_mul,
    f32x4_div,
    f32x4_sqrt
);

#[inline(always)]
unsafe fn load(from: *const f32) -> v128 {
    // SAFETY: the caller has four elements there, which need not be aligned.
    unsafe { v128_load(from.cast()) }
}

#[inline(always)]
unsafe fn store(to: *mut f32, x: v128) {
    // SAFETY: as above.
    unsafe { v128_store(to.cast(), x) }
}

/// Does nothing: WebAssembly has no such hint.
#[inline(always)]
fn prefetch(_: *const f32) {}

/// All ones in the lanes whose bit is set.
#[inline(always)]
fn lanes_of(bits: u32) -> v128 {
    i32x4_ne(v128_and(u32x4_splat(bits), u32x4(1, 2, 4, 8)), u32x4_splat(0))
}

#[inline(always)]
fn select(bits: u32, x: v128, y: v128) -> v128 {
    v128_bitselect(x, y, lanes_of(bits))
}

#[inline(always)]
fn transpose4x4([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
    let (ab_high, cd_high) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i32x4_shuffle::<0, 1, 4, 5>(ab, cd),
        i32x4_shuffle::<2, 3, 6, 7>(ab, cd),
        i32x4_shuffle::<0, 1, 4, 5>(ab_high, cd_high),
        i32x4_shuffle::<2, 3, 6, 7>(ab_high, cd_high),
    ]
}

#[inline(always)]
fn transpose_blocks(rows: [v128; 4]) -> [v128; 4] {
    rows
}

#[inline(always)]
fn gt_zero_mask(x: v128) -> u32 {
    u32::from(i32x4_bitmask(f32x4_gt(x, f32x4_splat(0.0))))
}

#[inline(always)]
fn mask(x: v128, bits: u32) -> v128 {
    v128_and(x, lanes_of(bits))
}

/// Even words side by side in the lower half.
#[inline(always)]
fn even(x: v128) -> v128 {
    i32x4_shuffle::<0, 2, 0, 2>(x, x)
}

impl Words for Simd128 {
    const N: usize = 4;
    type Word = v128;

    #[inline(always)]
    fn words(self, x: u32) -> v128 {
        u32x4_splat(x)
    }

    #[inline(always)]
    fn positions(self) -> v128 {
        // SAFETY: four words stand behind the pointer.
        unsafe { v128_load(PLACES.as_ptr().cast()) }
    }

    #[inline(always)]
    fn plus(self, x: v128, y: v128) -> v128 {
        u32x4_add(x, y)
    }

    #[inline(always)]
    fn both(self, x: v128, y: v128) -> v128 {
        v128_and(x, y)
    }

    #[inline(always)]
    fn either(self, x: v128, y: v128) -> v128 {
        v128_xor(x, y)
    }

    #[inline(always)]
    fn left<const BY: i32>(self, x: v128) -> v128 {
        u32x4_shl(x, BY as u32)
    }

    #[inline(always)]
    fn right<const BY: i32>(self, x: v128) -> v128 {
        u32x4_shr(x, BY as u32)
    }

    #[inline(always)]
    fn product(self, x: v128, y: v128) -> v128 {
        u64x2_extmul_low_u32x4(even(x), even(y))
    }

    #[inline(always)]
    fn high(self, x: v128) -> v128 {
        u64x2_shr(x, 32)
    }

    #[inline(always)]
    fn pairs(self, x: v128, y: v128) -> v128 {
        i32x4_shuffle::<0, 4, 2, 6>(x, y)
    }

    #[inline(always)]
    fn scaled(self, x: v128, unit: f32, scale: f32, to: &mut [f32]) {
        if let Some(to) = to.first_chunk_mut::<4>() {
            let scaled = f32x4_mul(f32x4_mul(f32x4_convert_i32x4(x), f32x4_splat(unit)), f32x4_splat(scale));
            // SAFETY: four elements stand behind the pointer, which need not be aligned.
            unsafe { v128_store(to.as_mut_ptr().cast(), scaled) }
        }
    }
}
