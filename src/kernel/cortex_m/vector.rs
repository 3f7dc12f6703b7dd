//! One point: the sums beside each other are those of rows.
use super::{Walk, multiply_add};
use core::arch::naked_asm;

/// The text of eight columns of two rows: sums `$a` and `$b`, points s8 .. s15, weights s16 .. s23 and s24 .. s31.
macro_rules! two_rows {
    ($a:literal $b:literal) => {
        two_rows!(@ $a $b: 16 24 8, 17 25 9, 18 26 10, 19 27 11, 20 28 12, 21 29 13, 22 30 14, 23 31 15)
    };
    (@ $a:literal $b:literal: $($v:literal $w:literal $x:literal),+) => {
        concat!($(
            "vmul.f32 s", $v, ", s", $v, ", s", $x, "\n",
            "vmul.f32 s", $w, ", s", $w, ", s", $x, "\n",
            "vadd.f32 s", $a, ", s", $a, ", s", $v, "\n",
            "vadd.f32 s", $b, ", s", $b, ", s", $w, "\n",
        )+)
    };
}

/// Groups of four rows, each of which stands in one run; eight columns at a time.
#[unsafe(naked)]
pub unsafe extern "C" fn four_rows(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r11, lr}}",
        "vpush {{s16-s31}}",
        "ldm r3, {{r3-r5}}",
        "1:",
        "vldm r2, {{s0-s3}}",
        "mov r6, r0",
        "add r7, r6, r5",
        "add r8, r7, r5",
        "add r9, r8, r5",
        "mov r10, r1",
        "subs r11, r4, #8",
        "blt 3f",
        "2:",
        "vldm r10!, {{s8-s15}}",
        "vldm r6!, {{s16-s23}}",
        "vldm r7!, {{s24-s31}}",
        two_rows!(0 1),
        "vldm r8!, {{s16-s23}}",
        "vldm r9!, {{s24-s31}}",
        "subs r11, #8",
        two_rows!(2 3),
        "bge 2b",
        "3:",
        "adds r11, #8",
        "beq 5f",
        "4:",
        "vldm r6!, {{s16}}",
        "vldm r7!, {{s17}}",
        "vldm r8!, {{s18}}",
        "vldm r9!, {{s19}}",
        "vldm r10!, {{s8}}",
        "subs r11, #1",
        multiply_add!(0 1 2 3 += 8 * 16 17 18 19 in 16 17 18 19),
        "bne 4b",
        "5:",
        "vstm r2!, {{s0-s3}}",
        "add r0, r0, r5, lsl #2",
        "subs r3, #1",
        "bne 1b",
        "vpop {{s16-s31}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Rows one by one, each of which stands in one run; eight columns at a time.
#[unsafe(naked)]
pub unsafe extern "C" fn rows(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r9, lr}}",
        "vpush {{s16-s23}}",
        "ldm r3, {{r3-r5}}",
        "1:",
        "vldr s0, [r2]",
        "mov r6, r0",
        "mov r7, r1",
        "subs r8, r4, #8",
        "blt 3f",
        "2:",
        "vldm r6!, {{s8-s15}}",
        "vldm r7!, {{s16-s23}}",
        "subs r8, #8",
        "vmul.f32 s8, s8, s16",
        "vmul.f32 s9, s9, s17",
        "vadd.f32 s0, s0, s8",
        "vmul.f32 s10, s10, s18",
        "vadd.f32 s0, s0, s9",
        "vmul.f32 s11, s11, s19",
        "vadd.f32 s0, s0, s10",
        "vmul.f32 s12, s12, s20",
        "vadd.f32 s0, s0, s11",
        "vmul.f32 s13, s13, s21",
        "vadd.f32 s0, s0, s12",
        "vmul.f32 s14, s14, s22",
        "vadd.f32 s0, s0, s13",
        "vmul.f32 s15, s15, s23",
        "vadd.f32 s0, s0, s14",
        "vadd.f32 s0, s0, s15",
        "bge 2b",
        "3:",
        "adds r8, #8",
        "beq 5f",
        "4:",
        "vldm r6!, {{s8}}",
        "vldm r7!, {{s16}}",
        "vmul.f32 s8, s8, s16",
        "subs r8, #1",
        "vadd.f32 s0, s0, s8",
        "bne 4b",
        "5:",
        "vstm r2!, {{s0}}",
        "add r0, r5",
        "subs r3, #1",
        "bne 1b",
        "vpop {{s16-s23}}",
        "pop {{r4-r9, pc}}",
    )
}

/// The text of strips of `$count` rows, as many as there are: their sums from s0 on, one point in s24, one column by `$column`.
macro_rules! strips {
    ($count:literal, $last:literal, $column:expr) => {
        concat!(
            "subs r3, #",
            $count,
            "\n",
            "blt 3f\n",
            "1:\n",
            "vldm r2, {{s0-s",
            $last,
            "}}\n",
            "mov r7, r0\n",
            "mov r8, r1\n",
            "mov r9, r4\n",
            "2:\n",
            "vldm r8!, {{s24}}\n",
            "subs r9, #1\n",
            $column,
            "bne 2b\n",
            "vstm r2!, {{s0-s",
            $last,
            "}}\n",
            "add r0, #4*",
            $count,
            "\n",
            "subs r3, #",
            $count,
            "\n",
            "bge 1b\n",
            "3:\n",
            "adds r3, #",
            $count,
            "\n",
        )
    };
}

/// Rows whose weights stand beside each other, a transposed matrix where it stands: strips of sixteen, of four, of one.
#[unsafe(naked)]
pub unsafe extern "C" fn columns(weights: *const f32, x: *const f32, y: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r9, lr}}",
        "vpush {{s16-s24}}",
        "ldm r3, {{r3-r6}}",
        "sub r5, r6, #64",
        strips!(
            16,
            15,
            concat!(
                "vldm r7!, {{s16-s23}}\n",
                multiply_add!(0 1 2 3 4 5 6 7 += 24 * 16 17 18 19 20 21 22 23 in 16 17 18 19 20 21 22 23),
                "vldm r7!, {{s16-s23}}\n",
                multiply_add!(8 9 10 11 12 13 14 15 += 24 * 16 17 18 19 20 21 22 23 in 16 17 18 19 20 21 22 23),
                "add r7, r5\n",
            )
        ),
        strips!(
            4,
            3,
            concat!(
                "vldm r7, {{s16-s19}}\n",
                "add r7, r6\n",
                multiply_add!(0 1 2 3 += 24 * 16 17 18 19 in 16 17 18 19),
            )
        ),
        strips!(1, 0, concat!("vldm r7, {{s16}}\n", "add r7, r6\n", multiply_add!(0 += 24 * 16 in 16))),
        "vpop {{s16-s24}}",
        "pop {{r4-r9, pc}}",
    )
}
