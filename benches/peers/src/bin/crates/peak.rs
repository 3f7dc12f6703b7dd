//! The most that multiplications and additions apart can do: in registers, into sums that do not wait on each other. The same
//! number of operations as the dense product, so that times compare. Assembly, for a compiler would take the products out of
//! the loop.
use shatterscope_peers::{Entry, Loop, POINTS, WIDTH};
use std::arch::asm;

/// Multiplications and additions of the dense product.
const OPERATIONS: usize = 2 * WIDTH * WIDTH * POINTS;

/// The steps of a round: which register of sums takes which product. Registers 14 and 15 are factors; all begin as ones.
macro_rules! peak {
    ($name:ident, $feature:literal, $lanes:literal, $kind:literal, $move:literal, $step:ident, $($sum:literal $product:literal),*) => {
        #[target_feature(enable = $feature)]
        fn $name(result: &mut [f32]) {
            let mut ones = [1.0f32; 16];
            // SAFETY: reads and writes at most the sixteen floats of `ones`; all registers that change are named.
            unsafe {
                asm!(
                    concat!($move, " ", $kind, "0, [{ones}]"),
                    concat!($move, " ", $kind, "1, [{ones}]"),
                    concat!($move, " ", $kind, "2, [{ones}]"),
                    concat!($move, " ", $kind, "3, [{ones}]"),
                    concat!($move, " ", $kind, "4, [{ones}]"),
                    concat!($move, " ", $kind, "5, [{ones}]"),
                    concat!($move, " ", $kind, "6, [{ones}]"),
                    concat!($move, " ", $kind, "7, [{ones}]"),
                    concat!($move, " ", $kind, "8, [{ones}]"),
                    concat!($move, " ", $kind, "9, [{ones}]"),
                    concat!($move, " ", $kind, "10, [{ones}]"),
                    concat!($move, " ", $kind, "11, [{ones}]"),
                    concat!($move, " ", $kind, "12, [{ones}]"),
                    concat!($move, " ", $kind, "13, [{ones}]"),
                    concat!($move, " ", $kind, "14, [{ones}]"),
                    concat!($move, " ", $kind, "15, [{ones}]"),
                    "2:",
                    $($step!($kind, $sum, $product),)*
                    "dec {rounds}",
                    "jnz 2b",
                    concat!($move, " [{ones}], ", $kind, "0"),
                    ones = in(reg) &raw mut ones,
                    rounds = inout(reg) OPERATIONS.div_ceil(2 * $lanes * [$($sum),*].len()) => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                    out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                );
            }
            result[0] = ones[0];
        }
    };
}

/// A move first, which processors do by renaming.
macro_rules! two_operands {
    ($kind:literal, $sum:literal, $product:literal) => {
        concat!(
            "movaps ", $kind, $product, ", ", $kind, "14\n", "mulps ", $kind, $product, ", ", $kind, "15\n", "addps ",
            $kind, $sum, ", ", $kind, $product
        )
    };
}

macro_rules! three_operands {
    ($kind:literal, $sum:literal, $product:literal) => {
        concat!(
            "vmulps ", $kind, $product, ", ", $kind, "14, ", $kind, "15\n", "vaddps ", $kind, $sum, ", ", $kind, $sum,
            ", ", $kind, $product
        )
    };
}

peak!(sse2, "sse2", 4, "xmm", "movups", two_operands, "0" "6", "1" "7", "2" "8", "3" "9", "4" "10", "5" "11", "0" "12", "1" "13", "2" "6", "3" "7", "4" "8", "5" "9", "0" "10", "1" "11", "2" "12", "3" "13", "4" "6", "5" "7", "0" "8", "1" "9", "2" "10", "3" "11", "4" "12", "5" "13");
peak!(avx, "avx", 8, "ymm", "vmovups", three_operands, "0" "10", "1" "11", "2" "12", "3" "13", "4" "10", "5" "11", "6" "12", "7" "13", "8" "10", "9" "11", "0" "12", "1" "13", "2" "10", "3" "11", "4" "12", "5" "13", "6" "10", "7" "11", "8" "12", "9" "13");
peak!(avx512, "avx512f", 16, "zmm", "vmovups", three_operands, "0" "10", "1" "11", "2" "12", "3" "13", "4" "10", "5" "11", "6" "12", "7" "13", "8" "10", "9" "11", "0" "12", "1" "13", "2" "10", "3" "11", "4" "12", "5" "13", "6" "10", "7" "11", "8" "12", "9" "13");

/// One for each instruction set of this processor.
pub fn entries() -> Vec<Entry> {
    // SAFETY, each: only where the processor has the instructions.
    let mut entries = vec![Entry::new("peak", "SSE2", Loop::new(1, |y| unsafe { sse2(y) }))];
    if is_x86_feature_detected!("avx") {
        entries.push(Entry::new("peak", "AVX", Loop::new(1, |y| unsafe { avx(y) })));
    }
    if is_x86_feature_detected!("avx512f") {
        entries.push(Entry::new("peak", "AVX-512", Loop::new(1, |y| unsafe { avx512(y) })));
    }
    entries
}
