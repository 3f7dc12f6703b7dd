//! The DSP extension: SMLAD adds two products of halfwords. SXTB16 takes bytes 0 and 2 of a word of weights, and 1 and 3 when it is rotated, so
//! patches stand in that order, expanded to halfwords once for all channels: for four weights a word with elements 0 and 2 of each position,
//! then a word with 1 and 3 of each.
use super::Walk;
use core::arch::naked_asm;

/// The directive with which the assembler knows the extension; targets of Armv7E-M have it.
#[cfg(dsp = "detected")]
macro_rules! extension {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(dsp = "always")]
macro_rules! extension {
    () => {
        ""
    };
}

pub(super) use extension;

/// The text of two products for each position: sums `$s` from weights in a register and a word of each position.
macro_rules! pairs {
    ($($s:literal += $w:literal * $x:literal)+) => {
        concat!($("smlad r", $s, ", r", $w, ", r", $x, ", r", $s, "\n",)+)
    };
}

/// The text that loads four weights to r2 and r3 from `$w` on.
macro_rules! weights {
    ($w:literal) => {
        concat!("ldr r2, [r", $w, "], #4\n", "sxtb16 r3, r2, ror #8\n", "sxtb16 r2, r2\n")
    };
}

/// The text of a loop over groups of four weights, two at a time; from r12 or lr, the groups and one more.
macro_rules! groups {
    ($count:literal, $group:expr) => {
        concat!(
            "lsrs ", $count, ", ", $count, ", #1\n", "bcc 3f\n", "2:\n", $group, "3:\n", $group, "subs ", $count,
            ", #1\n", "bne 2b\n",
        )
    };
}

/// The text that requantises sums by the multiplier in r2 and the shift to the right in r3, at least 1, and adds the zero point in a register.
/// Doubled, a sum of less than 2^30 in size has the rounding of the definition in the upper half of a product.
macro_rules! requantise {
    ($($s:literal)+ with $zero:literal) => {
        concat!(
            $(
                "lsl r", $s, ", r", $s, ", #1\n",
                "smmulr r", $s, ", r", $s, ", r2\n",
                "add r", $s, ", r", $s, ", r", $s, ", asr #31\n",
                "asrs r", $s, ", r", $s, ", r3\n",
                "adc r", $s, ", r", $s, ", r", $zero, "\n",
            )+
        )
    };
}
pub(super) use requantise;

/// The text that saturates to bytes.
macro_rules! saturate {
    ($($s:literal)+) => { concat!($("ssat r", $s, ", #8, r", $s, "\n",)+) };
}
pub(super) use saturate;

/// The text behind a loop for a channel whose shift is not to the right: `slow` requantises so many sums from `$first` on, in r8 to r11, by the
/// record at r1, and its result gets the zero point in r5. Clobbers r1 to r3 and r12.
macro_rules! slowly {
    ($first:literal, $count:literal, $($s:literal)+) => {
        concat!(
            "push {{r0, r8-r11, lr}}\n",
            "add r0, sp, #", $first, "\n",
            "mov r2, #", $count, "\n",
            "ldr r3, [sp, #56]\n",
            "blx r3\n",
            "pop {{r0, r8-r11, lr}}\n",
            $("add r", $s, ", r", $s, ", r5\n",)+
        )
    };
}

/// Four positions, a channel at a time.
///
/// r0 weights, r1 patches, r2 and r3 weights as halfwords, r4 to r7 a word of each position, r8 to r11 sums, r12 count, lr record.
#[unsafe(naked)]
pub unsafe extern "C" fn four_positions(walk: &Walk) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r1-r10}}",
        "push {{r1-r8}}",
        "sub sp, #4",
        "mov r0, r9",
        "mov lr, r10",
        // Stack: 4 patches, 8 groups + 1, 12 back, 16 end of records, 20 y, 24 stride, 28 zero, 32 slow.
        "1:",
        "ldr r8, [lr], #4",
        "ldr r1, [sp, #4]",
        "ldr r12, [sp, #8]",
        "mov r9, r8",
        "mov r10, r8",
        "mov r11, r8",
        groups!(
            "r12",
            concat!(
                weights!(0),
                "ldm r1!, {{r4-r7}}\n",
                pairs!(8 += 2 * 4 9 += 2 * 5 10 += 2 * 6 11 += 2 * 7),
                "ldm r1!, {{r4-r7}}\n",
                pairs!(8 += 3 * 4 9 += 3 * 5 10 += 3 * 6 11 += 3 * 7),
            )
        ),
        "ldrd r2, r3, [lr], #8",
        "ldr r5, [sp, #28]",
        "rsbs r3, r3, #0",
        "ble 5f",
        requantise!(8 9 10 11 with 5),
        "4:",
        "ldrd r4, r6, [sp, #20]",
        "ldrd r2, r3, [sp, #12]",
        saturate!(8 9 10 11),
        "strb r9, [r4, r6]",
        "strb r10, [r4, r6, lsl #1]",
        "add r6, r6, r6, lsl #1",
        "strb r11, [r4, r6]",
        "strb r8, [r4], #1",
        "sub r0, r2",
        "str r4, [sp, #20]",
        "cmp lr, r3",
        "bne 1b",
        "add sp, #36",
        "pop {{r4-r11, pc}}",
        "5:",
        "sub r1, lr, #12",
        slowly!(4, 4, 8 9 10 11),
        "b 4b",
    )
}

/// Two positions, two channels at a time, or the only one twice where `row` is 0.
///
/// r0 and r12 weights, r1 patches, r2 and r3 weights as halfwords, r4 to r7 words of patches, r8 and r9, r10 and r11 sums, lr count.
#[unsafe(naked)]
pub unsafe extern "C" fn two_positions(walk: &Walk) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r0!, {{r1-r10}}",
        "ldm r0, {{r11, r12, lr}}",
        "push {{r1-r8, r10-r12, lr}}",
        "sub sp, #4",
        "mov r0, r9",
        // Stack: 4 patches, 8 groups + 1, 12 back, 16 end of records, 20 y, 24 stride, 28 zero, 32 slow, 36 record, 40 row,
        // 44 from a record to the next, 48 from an output to the next.
        "1:",
        "ldr r4, [sp, #36]",
        "ldrd r12, r5, [sp, #40]",
        "ldrd r1, lr, [sp, #4]",
        "add r12, r0",
        "ldr r8, [r4]",
        "ldr r10, [r4, r5]",
        "mov r9, r8",
        "mov r11, r10",
        groups!(
            "lr",
            concat!(
                weights!(0),
                "ldm r1!, {{r4-r7}}\n",
                pairs!(8 += 2 * 4 9 += 2 * 5 8 += 3 * 6 9 += 3 * 7),
                weights!(12),
                pairs!(10 += 2 * 4 11 += 2 * 5 10 += 3 * 6 11 += 3 * 7),
            )
        ),
        "ldr r0, [sp, #12]",
        "ldr lr, [sp, #36]",
        "sub r0, r12, r0",
        "ldrd r2, r3, [lr, #4]",
        "ldr r5, [sp, #28]",
        "rsbs r3, r3, #0",
        "ble 5f",
        requantise!(8 9 with 5),
        "4:",
        "ldr r4, [sp, #44]",
        "add lr, r4",
        "ldrd r2, r3, [lr, #4]",
        "add lr, #12",
        "rsbs r3, r3, #0",
        "ble 7f",
        requantise!(10 11 with 5),
        "6:",
        "ldrd r4, r6, [sp, #20]",
        "ldr r5, [sp, #48]",
        "ldr r3, [sp, #16]",
        saturate!(8 9 10 11),
        "str lr, [sp, #36]",
        "strb r9, [r4, r6]",
        "strb r8, [r4]",
        "add r4, r5",
        "strb r11, [r4, r6]",
        "strb r10, [r4], #1",
        "str r4, [sp, #20]",
        "cmp lr, r3",
        "bne 1b",
        "add sp, #52",
        "pop {{r4-r11, pc}}",
        "5:",
        "mov r1, lr",
        slowly!(4, 2, 8 9),
        "b 4b",
        "7:",
        "sub r1, lr, #12",
        slowly!(12, 2, 10 11),
        "b 6b",
    )
}

/// The text of four weights of a channel by the patch's words in r3 and r4.
macro_rules! channel {
    ($s:literal from $w:literal) => {
        concat!(
            "ldr r2, [r", $w, "], #4\n",
            "sxtb16 r12, r2, ror #8\n",
            "sxtb16 r2, r2\n",
            pairs!($s += 2 * 3 $s += 12 * 4),
        )
    };
}

/// The text that writes the output of a channel whose record is at lr; `$slow` and `$back` are where [`slowly`] stands and returns to.
macro_rules! finish {
    ($s:literal, $slow:literal, $back:literal) => {
        concat!(
            "ldrd r2, r3, [lr, #4]\n",
            "rsbs r3, r3, #0\n",
            "ble ", $slow, "f\n",
            requantise!($s with 5),
            $back, ":\n",
            saturate!($s),
            "add lr, #12\n",
            "strb r", $s, ", [r4], #1\n",
        )
    };
}

/// The text to which [`finish`] jumps.
macro_rules! slow {
    ($s:literal, $first:literal, $slow:literal, $back:literal) => {
        concat!($slow, ":\n", "mov r1, lr\n", slowly!($first, 1, $s), "b ", $back, "b\n")
    };
}

/// One position, four channels at a time.
///
/// r0, r5 to r7 weights, r1 patch, r3 and r4 words of it, r2 and r12 weights as halfwords, r8 to r11 sums, lr count.
#[unsafe(naked)]
pub unsafe extern "C" fn four_channels(walk: &Walk) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r0!, {{r1-r10}}",
        "ldr r11, [r0]",
        "push {{r1-r8, r10, r11}}",
        "sub sp, #4",
        "mov r0, r9",
        // Stack: 4 patch, 8 groups + 1, 12 back, 16 end of records, 20 y, 28 zero, 32 slow, 36 record, 40 row.
        "1:",
        "ldrd r3, r2, [sp, #36]",
        "ldrd r1, lr, [sp, #4]",
        "add r5, r0, r2",
        "add r6, r5, r2",
        "add r7, r6, r2",
        "ldr r8, [r3]",
        "ldr r9, [r3, #12]",
        "ldr r10, [r3, #24]",
        "ldr r11, [r3, #36]",
        groups!(
            "lr",
            concat!(
                "ldrd r3, r4, [r1], #8\n",
                channel!(8 from 0),
                channel!(9 from 5),
                channel!(10 from 6),
                channel!(11 from 7),
            )
        ),
        "ldr r0, [sp, #12]",
        "ldr lr, [sp, #36]",
        "ldr r4, [sp, #20]",
        "ldr r5, [sp, #28]",
        "sub r0, r7, r0",
        finish!(8, 22, 32),
        finish!(9, 23, 33),
        finish!(10, 24, 34),
        finish!(11, 25, 35),
        "ldr r3, [sp, #16]",
        "str lr, [sp, #36]",
        "str r4, [sp, #20]",
        "cmp lr, r3",
        "bne 1b",
        "add sp, #44",
        "pop {{r4-r11, pc}}",
        slow!(8, 4, 22, 32),
        slow!(9, 8, 23, 33),
        slow!(10, 12, 24, 34),
        slow!(11, 16, 25, 35),
    )
}

/// One position, a channel at a time.
#[unsafe(naked)]
pub unsafe extern "C" fn one_channel(walk: &Walk) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r1-r10}}",
        "push {{r1-r8}}",
        "sub sp, #4",
        "mov r0, r9",
        "mov lr, r10",
        // Stack: as four_positions has it.
        "1:",
        "ldr r8, [lr]",
        "ldrd r1, r5, [sp, #4]",
        groups!("r5", concat!("ldrd r3, r4, [r1], #8\n", channel!(8 from 0))),
        "ldr r4, [sp, #20]",
        "ldr r5, [sp, #28]",
        finish!(8, 22, 32),
        "ldrd r2, r3, [sp, #12]",
        "sub r0, r2",
        "str r4, [sp, #20]",
        "cmp lr, r3",
        "bne 1b",
        "add sp, #36",
        "pop {{r4-r11, pc}}",
        slow!(8, 4, 22, 32),
    )
}

/// Rows of bytes that follow each other in a patch.
#[repr(C)]
pub struct Rows {
    /// At least one.
    pub rows: usize,
    /// Words of a row, at least one.
    pub words: usize,
    /// Bytes from the end of what is read of a row to the next row.
    pub skip: usize,
    /// Bytes from the end of what is written of a row to the next row: 0, or less where rows are no whole words.
    pub back: usize,
}

/// Expands rows of whole words of a position to halfwords; from a word to the next in the patch there are so many bytes. Returns where the
/// next word goes.
macro_rules! expand {
    ($($name:ident by $step:literal)+) => {$(
        #[unsafe(naked)]
        unsafe extern "C" fn $name(x: *const i8, patch: *mut u32, rows: &Rows) -> *mut u32 {
            naked_asm!(
                extension!(),
                "push {{r4-r6, lr}}",
                "ldm r2, {{r4-r6}}",
                "1:",
                "adds r2, r5, #1",
                "lsrs r2, r2, #1",
                "bcc 3f",
                "2:",
                "ldr r3, [r0], #4",
                "sxtb16 r12, r3",
                "sxtb16 r3, r3, ror #8",
                concat!("str r12, [r1], #", $step),
                concat!("str r3, [r1], #", $step),
                "3:",
                "ldr r3, [r0], #4",
                "sxtb16 r12, r3",
                "sxtb16 r3, r3, ror #8",
                concat!("str r12, [r1], #", $step),
                concat!("str r3, [r1], #", $step),
                "subs r2, #1",
                "bne 2b",
                "add r0, r6",
                "subs r4, #1",
                "bne 1b",
                "mov r0, r1",
                "pop {{r4-r6, pc}}",
            )
        }
    )+};
}

expand! { expand_for_one by 4 expand_for_two by 8 expand_for_four by 16 }

/// Expands rows of a position into a patch of so many positions: where the next word of this position goes.
///
/// # Safety
/// There are such rows at x, and room for twice as many words at that step in the patch.
#[inline(always)]
pub unsafe fn expand(positions: usize, x: *const i8, patch: *mut u32, rows: &Rows) -> *mut u32 {
    // SAFETY: what is asked of the caller.
    unsafe {
        match positions {
            1 => expand_for_one(x, patch, rows),
            2 => expand_for_two(x, patch, rows),
            _ => expand_for_four(x, patch, rows),
        }
    }
}

/// Copies rows behind each other, in whole words: what is written too much of a row is overwritten by the next one.
#[unsafe(naked)]
pub unsafe extern "C" fn stage(x: *const i8, to: *mut i8, rows: &Rows) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "ldm r2, {{r4-r7}}",
        "1:",
        "mov r2, r5",
        "2:",
        "ldr r3, [r0], #4",
        "subs r2, #1",
        "str r3, [r1], #4",
        "bne 2b",
        "add r0, r6",
        "add r1, r7",
        "subs r4, #1",
        "bne 1b",
        "pop {{r4-r7, pc}}",
    )
}
