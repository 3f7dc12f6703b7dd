//! Words of 32 bits on x86-64: the same instructions at three widths.

/// [`Words`](crate::kernel::words::Words) by the intrinsics of one width, whose file defines `left` and `right` besides.
macro_rules! words {
    (
        $words:ty, $word:ty, $n:literal, $set1:ident, $load:ident, $add:ident, $and:ident, $xor:ident,
        $or:ident, $product:ident, $left64:ident, $right64:ident, $numbers:ident, $splat:ident,
        $mul:ident, $store:ident
    ) => {
        impl crate::kernel::words::Words for $words {
            const N: usize = $n;
            type Word = $word;

            #[inline(always)]
            fn words(self, x: u32) -> $word {
                // SAFETY: here and below, `self` is the proof that the processor has this instruction.
                unsafe { $set1(x as i32) }
            }

            #[inline(always)]
            fn positions(self) -> $word {
                // SAFETY: as many words as a register has stand behind the pointer, which need not be aligned.
                unsafe { $load(crate::kernel::words::PLACES.as_ptr().cast()) }
            }

            #[inline(always)]
            fn plus(self, x: $word, y: $word) -> $word {
                // SAFETY: as above.
                unsafe { $add(x, y) }
            }

            #[inline(always)]
            fn both(self, x: $word, y: $word) -> $word {
                // SAFETY: as above.
                unsafe { $and(x, y) }
            }

            #[inline(always)]
            fn either(self, x: $word, y: $word) -> $word {
                // SAFETY: as above.
                unsafe { $xor(x, y) }
            }

            #[inline(always)]
            fn left<const BY: i32>(self, x: $word) -> $word {
                // SAFETY: as above.
                unsafe { left::<BY>(x) }
            }

            #[inline(always)]
            fn right<const BY: i32>(self, x: $word) -> $word {
                // SAFETY: as above.
                unsafe { right::<BY>(x) }
            }

            #[inline(always)]
            fn product(self, x: $word, y: $word) -> $word {
                // SAFETY: as above.
                unsafe { $product(x, y) }
            }

            #[inline(always)]
            fn high(self, x: $word) -> $word {
                // SAFETY: as above.
                unsafe { $right64(x, 32) }
            }

            #[inline(always)]
            fn pairs(self, x: $word, y: $word) -> $word {
                // SAFETY: as above.
                unsafe { $or($right64($left64(x, 32), 32), $left64(y, 32)) }
            }

            #[inline(always)]
            fn scaled(self, x: $word, unit: f32, scale: f32, to: &mut [f32]) {
                if let Some(to) = to.first_chunk_mut::<$n>() {
                    // SAFETY: as above; as many elements stand behind the pointer, which need not be aligned.
                    unsafe { $store(to.as_mut_ptr(), $mul($mul($numbers(x), $splat(unit)), $splat(scale))) }
                }
            }
        }
    };
}
pub(super) use words;
