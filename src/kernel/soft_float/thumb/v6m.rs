//! Thumb-1 (Cortex-M0): `portable.rs` with every register assigned by hand; no long product, no count of zeros.
use super::Fixed;
use crate::kernel::soft_float::Sum;
use core::arch::naked_asm;

/// The loop; `$weight` loads the next weight to r1 and may change r2.
///
/// r6 next input, r7 next weight; of the sum r10 significand, r11 exponent, r12 sign; r8 -low, r9 2^23, lr end.
/// In the comments: high, low are a significand and the places below it, d the sum's exponent less the product's.
///
/// The product of significands X, W of 24 bits by products of 32: W = h 2^16 + l, X = m 2^8 + n; then X W = 2^16 X h + 2^8 m l +
/// n l, and with v = m l + (n l >> 8), which fits, X W >> 16 = X h + (v >> 8). The sixteen bits below, the low bytes of v and of
/// n l, are looked at only where the others are halfway between two numbers.
macro_rules! terms {
    ($name:ident, $weight:literal) => {
        /// Adds terms from x to the end, or to the first weight outside of the range, and returns where it stopped.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            sum: *mut Sum,
            w: *const f32,
            x: *const f32,
            fixed: *const Fixed,
        ) -> *const f32 {
            naked_asm!(
                "push {{r4-r7, lr}}",
                "mov r4, r8",
                "mov r5, r9",
                "mov r6, r10",
                "mov r7, r11",
                "push {{r0, r4-r7}}",
                "movs r6, r2",
                "movs r7, r1",
                "ldm r0!, {{r1, r2, r4}}",
                "mov r10, r1",
                "mov r11, r2",
                "mov r12, r4",
                "ldm r3!, {{r1, r2, r4}}",
                "mov lr, r1",
                "rsbs r2, r2, #0",
                "mov r8, r2",
                "push {{r4}}",
                "movs r0, #1",
                "lsls r0, r0, #23",
                "mov r9, r0",
                "2:",
                "ldm r6!, {{r0}}",
                $weight,
                "lsls r2, r1, #1",
                "add r2, r8", // exponent of the weight above low
                "cmp r2, #0",
                "bge 3f",
                "b 70f",
                "3:",
                "lsls r3, r0, #1",
                "beq 60f",
                "lsrs r2, r2, #24",
                "mov r4, r11",
                "subs r4, r4, r2",
                "lsrs r2, r3, #24",
                "subs r4, r4, r2", // r4: d, if the product's significand is two or more
                "lsls r3, r3, #8",
                "lsrs r3, r3, #9",
                "add r3, r9", // X
                "lsls r5, r1, #9",
                "lsrs r5, r5, #25",
                "adds r5, #128", // h
                "muls r5, r3, r5",
                "lsrs r3, r3, #8", // m
                "uxth r2, r1",     // l
                "muls r3, r2, r3",
                "eors r1, r0", // r1: sign of the product
                "uxtb r0, r0", // n
                "muls r0, r2, r0",
                "lsrs r2, r0, #8",
                "adds r3, r3, r2", // v
                "lsrs r2, r3, #8",
                "adds r5, r5, r2", // the upper 32 bits of 48
                "bmi 10f",
                // The significand is below two.
                "adds r4, #1",
                "lsls r2, r5, #26",
                "beq 15f",
                "adds r5, #64",
                "lsrs r5, r5, #7",
                "b 12f",
                "10:",
                "lsls r2, r5, #25",
                "beq 16f",
                "adds r5, #128",
                "lsrs r5, r5, #8",
                // Shift the product right by d: a rotation has the places below in its upper bits.
                "12:",
                "cmp r4, #31",
                "bhi 20f",
                "13:",
                "movs r2, r5",
                "lsrs r5, r4",
                "rors r2, r4",
                "subs r2, r2, r5", // r5 high, r2 low
                "mov r3, r12",
                "eors r3, r1",
                "bmi 30f",
                "add r5, r10",
                "lsrs r3, r5, #24",
                "bne 40f",
                // To the nearest, ties to even.
                "14:",
                "lsls r2, r2, #1",
                "beq 51f",
                "bcc 50f",
                "adds r5, #1",
                "50:",
                "mov r10, r5",
                "60:",
                "cmp r6, lr",
                "bne 2b",
                "61:",
                "pop {{r1, r2}}", // step, sum
                "mov r3, r10",
                "mov r4, r11",
                "mov r5, r12",
                "stm r2!, {{r3-r5}}",
                "movs r0, r6",
                "pop {{r4-r7}}",
                "mov r8, r4",
                "mov r9, r5",
                "mov r10, r6",
                "mov r11, r7",
                "pop {{r4-r7, pc}}",
                "51:",
                "bcc 50b",
                "lsrs r3, r5, #1",
                "bcc 50b",
                "adds r5, #1",
                "b 50b",
                // Signs differ: the sum less the product.
                "30:",
                "rsbs r2, r2, #0",
                "mov r3, r10",
                "sbcs r3, r5",
                "bmi 33f",
                "31:",
                "lsrs r0, r3, #23",
                "beq 34f",
                "32:",
                "lsls r2, r2, #1",
                "beq 53f",
                "bcc 52f",
                "adds r3, #1",
                "52:",
                "mov r10, r3",
                "cmp r6, lr",
                "bne 2b",
                "b 61b",
                "53:",
                "bcc 52b",
                "lsrs r0, r3, #1",
                "bcc 52b",
                "adds r3, #1",
                "b 52b",
                // Below zero, with d = 0 and thus low = 0: the product was more.
                "33:",
                "rsbs r3, r3, #0",
                "mov r12, r1",
                "b 31b",
                // Leading places went. One at most unless low is empty then.
                "34:",
                "mov r4, r11",
                "lsls r2, r2, #1",
                "adcs r3, r3",
                "subs r4, #1",
                "mov r11, r4",
                "lsrs r0, r3, #23",
                "bne 32b",
                "cmp r3, #0",
                "beq 37f",
                "35:",
                "lsrs r0, r3, #16",
                "bne 36f",
                "lsls r3, r3, #8",
                "subs r4, #8",
                "b 35b",
                "38:",
                "subs r4, #1",
                "lsls r3, r3, #1",
                "36:",
                "lsrs r0, r3, #23",
                "beq 38b",
                "mov r11, r4",
                "mov r10, r3",
                "b 60b",
                "37:",
                "mov r10, r3",
                "mov r11, r3",
                "mov r12, r3",
                "b 60b",
                // The sum of significands has a place more.
                "40:",
                "lsls r3, r5, #31",
                "lsrs r5, r5, #1",
                "lsrs r2, r2, #1",
                "orrs r2, r3",
                "mov r3, r11",
                "adds r3, #1",
                "mov r11, r3",
                "b 14b",
                // d below 0 or above 31.
                "20:",
                "cmp r4, #0",
                "bge 60b", // such a product changes no sum
                // The product is above the sum: they change places.
                "mov r0, r11",
                "subs r0, r0, r4",
                "mov r11, r0",
                "rsbs r4, r4, #0",
                "mov r0, r10",
                "mov r10, r5",
                "movs r5, r0",
                "mov r0, r12",
                "mov r12, r1",
                "movs r1, r0",
                "cmp r4, #31",
                "bls 13b",
                "movs r5, #0", // too small to count
                "b 13b",
                // Six or seven bits below the half are zero: the sixteen below decide.
                "15:",
                "lsls r2, r3, #24",
                "bne 17f",
                "lsls r2, r0, #24",
                "bne 17f",
                "lsrs r2, r5, #8", // the last place to the carry
                "movs r2, #63",
                "adcs r5, r2",
                "lsrs r5, r5, #7",
                "b 12b",
                "17:",
                "adds r5, #64",
                "lsrs r5, r5, #7",
                "b 12b",
                "16:",
                "lsls r2, r3, #24",
                "bne 18f",
                "lsls r2, r0, #24",
                "bne 18f",
                "lsrs r2, r5, #9",
                "movs r2, #127",
                "adcs r5, r2",
                "lsrs r5, r5, #8",
                "b 12b",
                "18:",
                "adds r5, #128",
                "lsrs r5, r5, #8",
                "b 12b",
                // A weight that is not in the range.
                "70:",
                "subs r6, #4",
                "b 61b",
            )
        }
    };
}

terms!(adjacent, "ldm r7!, {{r1}}");
terms!(apart, "ldr r1, [r7]\n ldr r2, [sp]\n adds r7, r7, r2");
