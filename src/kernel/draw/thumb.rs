//! Draws on Cortex-M cores, whose few registers the compiler spills: the last rounds of Philox, and the sum.
//!
//! `series.rs` says the same in Rust, with the names that the comments use.
#![allow(unsafe_code)]

use super::series::Rounds;
use crate::random::{MULTIPLIERS, OFFSET};
use core::arch::naked_asm;

/// What a value is made of, for its x: the whole number of Irwin-Hall, and the first word above it.
pub(super) struct Drawn(u64);

impl Drawn {
    #[inline(always)]
    pub fn of(rounds: &Rounds, x: u32) -> Self {
        // SAFETY: it reads what the reference stands for, writes to its own stack only, and keeps to the calling convention.
        Self(unsafe { drawn_on_registers(rounds, x) })
    }

    #[inline(always)]
    pub fn whole(&self) -> i32 {
        self.0 as i32
    }

    #[inline(always)]
    pub fn word(&self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// ARMv7-M and later, which multiply to 64 bits.
#[cfg(thumb = "v7m")]
#[unsafe(naked)]
unsafe extern "C" fn drawn_on_registers(rounds: *const Rounds, x: u32) -> u64 {
    /// A round on the counter [r7, r3, r1, r6].
    macro_rules! round {
        () => {
            "ldm r0!, {{r4, r5}}
             eors r4, r3
             eors r5, r6
             umull r6, r2, r12, r7
             umull r3, r7, lr, r1
             eors r7, r4
             eor r1, r2, r5"
        };
    }
    naked_asm!(
        "push {{r4, r5, r6, r7, lr}}",
        "ldr r12, ={m0}",
        "ldr lr, ={m1}",
        "ldm r0!, {{r2, r3, r4, r6}}", // a, b, c, d
        "umull r1, r7, r12, r1",
        "eors r7, r2",
        "ldr r2, [r0], #4", // one round less
        "eors r1, r4",
        "mov r5, r3",
        "umull r3, r7, lr, r7",
        "eors r7, r5",
        "cmp r2, #0",
        "bne 2f",
        round!(),
        "b 3f",
        "2: adds r0, #8",
        "3:",
        round!(),
        round!(),
        round!(),
        round!(),
        round!(),
        round!(),
        round!(),
        // The upper two bits of each word, the last word's on top.
        "and r4, r3, #0xc0000000",
        "orr r4, r4, r7, lsr #2",
        "and r2, r1, #0xc0000000",
        "orr r4, r2, r4, lsr #2",
        "and r2, r6, #0xc0000000",
        "orr r4, r2, r4, lsr #2",
        // All fields; then the outer ones, which leaves the inner ones of the difference.
        "ldr r5, ={outer}",
        "adds r0, r7, r3",
        "add r0, r1",
        "add r0, r6",
        "and r2, r7, r5",
        "ands r3, r5",
        "ands r1, r5",
        "ands r6, r5",
        "add r2, r3",
        "add r2, r1",
        "add r2, r6",
        "subs r0, r0, r2",
        "ubfx r0, r0, #10, #12",
        "add r0, r0, r2, lsr #20",
        "ubfx r2, r2, #0, #12",
        "add r0, r2",
        "lsrs r4, r4, #24",
        "add r0, r4, r0, lsl #8",
        "ldr r2, ={offset}",
        "rsb r0, r2, r0, lsl #1",
        "mov r1, r7",
        "pop {{r4, r5, r6, r7, pc}}",
        ".ltorg",
        m0 = const MULTIPLIERS[0],
        m1 = const MULTIPLIERS[1],
        outer = const super::series::OUTER,
        offset = const OFFSET,
    )
}

/// ARMv6-M, which multiplies to 32 bits, and on eight registers.
#[cfg(thumb = "v6m")]
#[unsafe(naked)]
unsafe extern "C" fn drawn_on_registers(rounds: *const Rounds, x: u32) -> u64 {
    /// The products of the halves of x by those of a factor: the high half in x, the low half in `low`; r2, r3, r6 are lost.
    macro_rules! halves {
        ($x:literal, $low:literal, $lower:literal, $upper:literal, $($carried:literal)*) => {
            concat!(
                "uxth r2, ", $x, "\n lsrs ", $x, ", #16\n ldr r3, =", $lower, "\n mov ", $low, ", r2\n",
                "muls ", $low, ", r3\n muls r3, ", $x, "\n ldr r6, =", $upper, "\n muls ", $x, ", r6\n muls r6, r2\n",
                "adds r6, r3\n", $($carried,)* "lsls r3, r6, #16\n lsrs r6, #16\n",
                "adds ", $low, ", r3\n adcs ", $x, ", r6"
            )
        };
    }
    /// By the first factor, the sum of whose halves is small enough for no carry between the middle products.
    macro_rules! first {
        ($x:literal, $low:literal) => {
            halves!($x, $low, "{m0_lower}", "{m0_upper}",)
        };
    }
    /// By the second, where there may be one.
    macro_rules! second {
        ($x:literal, $low:literal) => {
            halves!($x, $low, "{m1_lower}", "{m1_upper}", "bcc 9f\n add " $x ", lr\n 9:\n")
        };
    }
    /// A round on the counter [c0, r12, c2, c3], which is [c2, r12, c0, free] then.
    macro_rules! round {
        ($c0:literal, $c2:literal, $c3:literal, $free:literal) => {
            concat!(
                first!($c0, $free),
                "\n eors ",
                $c0,
                ", ",
                $c3,
                "\n",
                second!($c2, $c3),
                "\n mov r3, r12\n eors ",
                $c2,
                ", r3\n mov r12, ",
                $c3,
                "\n",
                "ldmia r0!, {{r2, r3}}\n eors ",
                $c2,
                ", r2\n eors ",
                $c0,
                ", r3"
            )
        };
    }
    naked_asm!(
        "push {{r4, r5, r6, r7, lr}}",
        "ldr r2, =0x10000",
        "mov lr, r2",
        first!("r1", "r4"),
        "ldmia r0!, {{r2, r3, r5, r7}}", // a, b, c, d
        "eors r1, r2",
        "eors r5, r4",
        "mov r12, r3",
        second!("r1", "r4"),
        "mov r3, r12",
        "eors r1, r3",
        "mov r12, r4",
        "ldmia r0!, {{r2}}", // one round less
        "cmp r2, #0",
        "bne 2f",
        round!("r1", "r5", "r7", "r4"),
        "b 3f",
        "2:",
        "adds r0, #8",
        "mov r2, r1",
        "mov r1, r5",
        "mov r5, r2",
        "mov r4, r7",
        "3:",
        round!("r5", "r1", "r4", "r7"),
        round!("r1", "r5", "r7", "r4"),
        round!("r5", "r1", "r4", "r7"),
        round!("r1", "r5", "r7", "r4"),
        round!("r5", "r1", "r4", "r7"),
        round!("r1", "r5", "r7", "r4"),
        round!("r5", "r1", "r4", "r7"),
        "mov r2, r12", // [r1, r2, r5, r7]
        // The upper two bits of each word, the first word's below.
        "lsrs r3, r7, #30",
        "lsls r3, #2",
        "lsrs r4, r5, #30",
        "adds r3, r4",
        "lsls r3, #2",
        "lsrs r4, r2, #30",
        "adds r3, r4",
        "lsls r3, #2",
        "lsrs r4, r1, #30",
        "adds r3, r4",
        // All fields; then the outer ones, which leaves the inner ones of the difference.
        "adds r4, r1, r2",
        "adds r4, r5",
        "adds r4, r7",
        "mov r0, r1",
        "ldr r6, ={outer}",
        "ands r1, r6",
        "ands r2, r6",
        "ands r5, r6",
        "ands r7, r6",
        "adds r1, r2",
        "adds r1, r5",
        "adds r1, r7",
        "subs r4, r1",
        "lsls r4, #10",
        "lsrs r4, #20",
        "lsrs r2, r1, #20",
        "adds r4, r2",
        "lsls r1, #20",
        "lsrs r1, #20",
        "adds r4, r1",
        "lsls r4, #8",
        "adds r4, r3",
        "lsls r4, #1",
        "ldr r6, ={offset}",
        "subs r4, r6",
        "mov r1, r0",
        "mov r0, r4",
        "pop {{r4, r5, r6, r7, pc}}",
        ".ltorg",
        m0_lower = const MULTIPLIERS[0] & 0xffff,
        m0_upper = const MULTIPLIERS[0] >> 16,
        m1_lower = const MULTIPLIERS[1] & 0xffff,
        m1_upper = const MULTIPLIERS[1] >> 16,
        outer = const super::series::OUTER,
        offset = const OFFSET,
    )
}
