//! Thumb-2 (Cortex-M3 and up): `portable.rs` with every register assigned by hand.
use super::Fixed;
use crate::kernel::soft_float::Sum;
use core::arch::naked_asm;

/// The loop; `$weight` loads the next weight to r1 and may change r2 and r3.
///
/// r4 next input, r5 next weight, r6 significand, r7 exponent, r8 sign of the sum, r9 low, r10 end. Of an input, r11 keeps
/// the significand with its leading bit in place 31, of a weight, r12 in place 23: only the fractions are replaced.
/// In the comments: high, low are a significand and the places below it, d the sum's exponent less the product's.
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
                "push {{r0, r4-r11, lr}}",
                "mov r4, r2",
                "mov r5, r1",
                "ldm r0, {{r6-r8}}",
                "ldrd r10, r9, [r3]",
                "ldr r0, [r3, #8]",
                "push {{r0}}",
                "mov r11, #0x80000000",
                "mov r12, #0x800000",
                "2:",
                "ldr r0, [r4], #4",
                $weight,
                "rsbs r2, r9, r1, lsl #1", // exponent of the weight above low
                "bmi 70f",
                "lsls lr, r0, #1",
                "beq 60f",
                "bfi r11, r0, #8, #23",
                "bfi r12, r1, #0, #23",
                "eor r0, r0, r1", // r0: sign of the product
                "sub r2, r7, r2, lsr #24",
                "umull r3, r1, r11, r12", // r1 high, r3 low
                "cmp r1, #0x800000",
                "bhs 10f",
                // The product's significand is below two: one place up.
                "adds r3, r3, r3",
                "adc r1, r1, r1",
                "sub r2, r2, lr, lsr #24",
                "adds r2, r2, #1",
                "bmi 20f",
                "lsls r3, r3, #1",
                "beq 11f",
                "adc r1, r1, #0",
                "b 12f",
                "10:",
                "subs r2, r2, lr, lsr #24", // r2: d
                "bmi 20f",
                "lsls r3, r3, #1", // the half to the carry
                "beq 11f",
                "adc r1, r1, #0",
                // The product is not above the sum: shift it right by d.
                "12:",
                "rsb r3, r2, #32",
                "lsl r3, r1, r3",
                "lsr r1, r1, r2",
                "teq r0, r8",
                "bmi 30f",
                "13:",
                "add r1, r6, r1",
                "cmp r1, #0x1000000",
                "bhs 40f",
                // To the nearest, ties to even.
                "14:",
                "cmp r3, #0x80000000",
                "adc r6, r1, #0",
                "it eq",
                "biceq r6, r6, #1",
                "60:",
                "cmp r4, r10",
                "bne 2b",
                "61:",
                "pop {{r1, r2}}", // step, sum
                "mov r0, r4",
                "stm r2, {{r6-r8}}",
                "pop {{r4-r11, pc}}",
                // Signs differ: the sum less the product.
                "30:",
                "rsbs r3, r3, #0",
                "sbcs r1, r6, r1",
                "bmi 33f",
                "31:",
                "lsrs r2, r1, #23",
                "beq 34f",
                "32:",
                "cmp r3, #0x80000000",
                "adc r6, r1, #0",
                "it eq",
                "biceq r6, r6, #1",
                "cmp r4, r10",
                "bne 2b",
                "b 61b",
                // Below zero, with d = 0 and thus low = 0: the product was more.
                "33:",
                "rsb r1, r1, #0",
                "mov r8, r0",
                "b 31b",
                // Leading places went. One at most unless low is empty then.
                "34:",
                "lsls r3, r3, #1",
                "adc r1, r1, r1",
                "sub r7, r7, #1",
                "lsrs r2, r1, #23",
                "bne 32b",
                "cbz r1, 35f",
                "clz r2, r1",
                "subs r2, r2, #8",
                "lsl r6, r1, r2",
                "subs r7, r7, r2",
                "b 60b",
                "35:",
                "movs r6, #0",
                "movs r7, #0",
                "mov r8, #0",
                "b 60b",
                // The sum of significands has a place more.
                "40:",
                "lsrs r1, r1, #1",
                "rrx r3, r3",
                "adds r7, r7, #1",
                "b 14b",
                // A product that is a number, or halfway between two.
                "11:",
                "bcc 12b",
                "adc r1, r1, #0",
                "bic r1, r1, #1",
                "b 12b",
                // The product is above the sum: round it, then shift the sum right by -d.
                "20:",
                "lsls r3, r3, #1",
                "beq 22f",
                "adc r1, r1, #0",
                "21:",
                "sub r7, r7, r2",
                "rsbs r2, r2, #0",
                "rsb r3, r2, #32",
                "lsl r3, r6, r3",
                "lsr r6, r6, r2",
                "teq r0, r8",
                "bpl 13b",
                "mov r8, r0",
                "rsbs r3, r3, #0",
                "sbc r1, r1, r6",
                "b 31b",
                "22:",
                "bcc 21b",
                "adc r1, r1, #0",
                "bic r1, r1, #1",
                "b 21b",
                // A weight that is not in the range.
                "70:",
                "subs r4, r4, #4",
                "b 61b",
            )
        }
    };
}

terms!(adjacent, "ldr r1, [r5], #4");
terms!(apart, "ldr r1, [r5]\n ldr r2, [sp]\n add r5, r2");
