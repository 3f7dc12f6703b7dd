//! Four points side by side.
use super::{Walk, multiply_add};
use core::arch::naked_asm;

/// The text of one column: sums s0 .. s15, four for a row, weights s16 .. s19, points s20 .. s23.
macro_rules! column {
    () => {
        concat!(
            multiply_add!(0 1 2 3 += 16 * 20 21 22 23 in 24 25 26 27),
            multiply_add!(4 5 6 7 += 17 * 20 21 22 23 in 28 29 30 31),
            multiply_add!(8 9 10 11 += 18 * 20 21 22 23 in 24 25 26 27),
            multiply_add!(12 13 14 15 += 19 * 20 21 22 23 in 28 29 30 31),
        )
    };
}

/// Groups of four rows whose weights stand beside each other: a packed panel, or a transposed matrix where it stands.
#[unsafe(naked)]
pub unsafe extern "C" fn four_by_four(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r9, lr}}",
        "vpush {{s16-s31}}",
        "ldm r3, {{r3-r6}}",
        "1:",
        "vldm r2, {{s0-s15}}",
        "mov r7, r0",
        "mov r8, r1",
        "mov r9, r4",
        "2:",
        "vldm r7, {{s16-s19}}",
        "vldm r8!, {{s20-s23}}",
        "add r7, r6",
        "subs r9, #1",
        column!(),
        "bne 2b",
        "vstm r2!, {{s0-s15}}",
        "add r0, r0, r5, lsl #2",
        "subs r3, #1",
        "bne 1b",
        "vpop {{s16-s31}}",
        "pop {{r4-r9, pc}}",
    )
}

/// Groups of four rows, each of which stands in one run.
#[unsafe(naked)]
pub unsafe extern "C" fn four_rows(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r11, lr}}",
        "vpush {{s16-s31}}",
        "ldm r3, {{r3-r5}}",
        "1:",
        "vldm r2, {{s0-s15}}",
        "mov r6, r0",
        "add r7, r6, r5",
        "add r8, r7, r5",
        "add r9, r8, r5",
        "mov r10, r1",
        "mov r11, r4",
        "2:",
        "vldm r10!, {{s20-s23}}",
        "vldm r6!, {{s16}}",
        "vldm r7!, {{s17}}",
        "vldm r8!, {{s18}}",
        "vldm r9!, {{s19}}",
        "subs r11, #1",
        column!(),
        "bne 2b",
        "vstm r2!, {{s0-s15}}",
        "add r0, r0, r5, lsl #2",
        "subs r3, #1",
        "bne 1b",
        "vpop {{s16-s31}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Rows one by one, four columns at a time where their weights stand in one run.
#[unsafe(naked)]
pub unsafe extern "C" fn one_by_four(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r9, lr}}",
        "vpush {{s16-s23}}",
        "ldm r3, {{r3-r6}}",
        "1:",
        "vldm r2, {{s0-s3}}",
        "mov r7, r0",
        "mov r8, r1",
        "mov r9, r4",
        "cmp r6, #4",
        "bne 4f",
        "subs r9, #4",
        "blt 3f",
        "2:",
        "vldm r7!, {{s4-s7}}",
        "vldm r8!, {{s8-s23}}",
        "subs r9, #4",
        multiply_add!(0 1 2 3 += 4 * 8 9 10 11 in 8 9 10 11),
        multiply_add!(0 1 2 3 += 5 * 12 13 14 15 in 12 13 14 15),
        multiply_add!(0 1 2 3 += 6 * 16 17 18 19 in 16 17 18 19),
        multiply_add!(0 1 2 3 += 7 * 20 21 22 23 in 20 21 22 23),
        "bge 2b",
        "3:",
        "adds r9, #4",
        "beq 5f",
        "4:",
        "vldr s4, [r7]",
        "vldm r8!, {{s8-s11}}",
        "add r7, r6",
        "subs r9, #1",
        multiply_add!(0 1 2 3 += 4 * 8 9 10 11 in 8 9 10 11),
        "bne 4b",
        "5:",
        "vstm r2!, {{s0-s3}}",
        "add r0, r5",
        "subs r3, #1",
        "bne 1b",
        "vpop {{s16-s23}}",
        "pop {{r4-r9, pc}}",
    )
}
