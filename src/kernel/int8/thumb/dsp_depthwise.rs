//! Depthwise sums of four channels with the DSP extension. Weights and strips have two words for each tap or column: channels 0 and 2, then
//! channels 1 and 3.
use super::dsp::{extension, requantise, saturate};
use core::arch::naked_asm;

/// What a kernel goes through.
#[repr(C)]
pub struct Positions {
    /// Bytes from a row of the strip to the next.
    pub pitch: usize,
    pub weights: *const u32,
    /// Four biases, then multiplier and shift to the right of each channel.
    pub constants: *const u32,
    pub y: *mut i8,
    /// Bytes from a position's outputs to the next one's.
    pub stride: usize,
    /// The zero point of the output.
    pub zero: i32,
    pub x: *const u32,
    /// Bytes in the strip from what is computed at once to the next.
    pub step: usize,
    /// Where x ends.
    pub end: *const u32,
    /// Taps.
    pub columns: usize,
    pub rows: usize,
    /// Bytes from the last tap of a row, and behind it, to the first of the next.
    pub skip: usize,
}

/// The text of four products, of weights in r2 and r3 by a column in r12 and lr.
macro_rules! products {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "smlabb r",
            $a,
            ", r2, r12, r",
            $a,
            "\n",
            "smlabb r",
            $b,
            ", r3, lr, r",
            $b,
            "\n",
            "smlatt r",
            $c,
            ", r2, r12, r",
            $c,
            "\n",
            "smlatt r",
            $d,
            ", r3, lr, r",
            $d,
            "\n",
        )
    };
}

/// The text of a row of three taps at two positions.
macro_rules! row {
    ($(($first:literal, $second:literal))+) => {
        concat!(
            $(
                "ldrd r2, r3, [r1], #8\n",
                "ldrd r12, lr, [r0, #", $first, "]\n",
                products!(4 5 6 7),
                "ldrd r12, lr, [r0, #", $second, "]\n",
                products!(8 9 10 11),
            )+
        )
    };
}

/// The text that moves x to the next row of the strip.
macro_rules! down {
    () => {
        "ldr r2, [sp, #4]\nadd r0, r2\n"
    };
}

/// Three by three taps at two positions, so many columns apart.
macro_rules! two_positions {
    ($($name:ident: $row:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(walk: &Positions) {
            naked_asm!(
                extension!(),
                "push {{r4-r11, lr}}",
                "ldm r0, {{r1-r9}}",
                "push {{r1-r9}}",
                "sub sp, #4",
                // Stack: 4 pitch, 8 weights, 12 constants, 16 y, 20 stride, 24 zero, 28 x, 32 step, 36 end.
                "mov r0, r7",
                "1:",
                "ldrd r1, r2, [sp, #8]",
                "ldm r2, {{r4-r7}}",
                "mov r8, r4",
                "mov r9, r5",
                "mov r10, r6",
                "mov r11, r7",
                $row, down!(), $row, down!(), $row,
                "ldr r1, [sp, #12]",
                "ldr r0, [sp, #24]",
                "add r1, #16",
                "ldrd r2, r3, [r1], #8", requantise!(4 8 with 0), "ldrd r2, r3, [r1], #8", requantise!(5 9 with 0),
                "ldrd r2, r3, [r1], #8", requantise!(6 10 with 0), "ldrd r2, r3, [r1], #8", requantise!(7 11 with 0),
                saturate!(4 5 6 7 8 9 10 11),
                "ldrd r1, r2, [sp, #16]",
                "bfi r4, r5, #8, #8", "bfi r8, r9, #8, #8",
                "bfi r4, r6, #16, #8", "bfi r8, r10, #16, #8",
                "bfi r4, r7, #24, #8", "bfi r8, r11, #24, #8",
                "str r4, [r1]",
                "str r8, [r1, r2]",
                "add r1, r1, r2, lsl #1",
                "ldrd r0, r2, [sp, #28]",
                "ldr r3, [sp, #36]",
                "add r0, r2",
                "str r1, [sp, #16]",
                "str r0, [sp, #28]",
                "cmp r0, r3",
                "bne 1b",
                "add sp, #40",
                "pop {{r4-r11, pc}}",
            )
        }
    )+};
}

two_positions! {
    two_positions_by_one: row!((0, 8)(8, 16)(16, 24));
    two_positions_by_two: row!((0, 16)(8, 24)(16, 32));
}

/// Any taps, a position at a time.
#[unsafe(naked)]
pub unsafe extern "C" fn one_position(walk: &Positions) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r0!, {{r1-r9}}",
        "ldm r0, {{r10-r12}}",
        "push {{r1-r12}}",
        "sub sp, #4",
        // Stack: 4 pitch, 8 weights, 12 constants, 16 y, 20 stride, 24 zero, 28 x, 32 step, 36 end, 40 columns, 44 rows, 48 skip.
        "1:",
        "ldrd r1, r2, [sp, #8]",
        "ldr r0, [sp, #28]",
        "ldr r9, [sp, #44]",
        "ldrd r11, r8, [sp, #36]",
        "ldr r10, [sp, #48]",
        "mov r11, r8",
        "ldm r2, {{r4-r7}}",
        "2:",
        "ldrd r2, r3, [r1], #8",
        "ldrd r12, lr, [r0], #8",
        products!(4 5 6 7),
        "subs r8, #1",
        "bne 2b",
        "add r0, r10",
        "mov r8, r11",
        "subs r9, #1",
        "bne 2b",
        "ldr r1, [sp, #12]",
        "ldr r0, [sp, #24]",
        "add r1, #16",
        "ldrd r2, r3, [r1], #8",
        requantise!(4 with 0),
        "ldrd r2, r3, [r1], #8",
        requantise!(5 with 0),
        "ldrd r2, r3, [r1], #8",
        requantise!(6 with 0),
        "ldrd r2, r3, [r1], #8",
        requantise!(7 with 0),
        saturate!(4 5 6 7),
        "ldrd r1, r2, [sp, #16]",
        "bfi r4, r5, #8, #8",
        "bfi r4, r6, #16, #8",
        "bfi r4, r7, #24, #8",
        "str r4, [r1]",
        "add r1, r2",
        "ldrd r0, r2, [sp, #28]",
        "ldr r3, [sp, #36]",
        "add r0, r2",
        "str r1, [sp, #16]",
        "str r0, [sp, #28]",
        "cmp r0, r3",
        "bne 1b",
        "add sp, #52",
        "pop {{r4-r11, pc}}",
    )
}

/// Expands four bytes of each column, `step` bytes apart, to two words.
///
/// # Safety
/// There are so many columns at x, and room for their words.
pub unsafe fn columns(x: *const i8, to: *mut u32, count: usize, step: usize) {
    if count > 0 {
        // SAFETY: what is asked of the caller; there is one at least.
        unsafe { expand(x, to, count, step) }
    }
}

#[unsafe(naked)]
unsafe extern "C" fn expand(x: *const i8, to: *mut u32, count: usize, step: usize) {
    naked_asm!(
        extension!(),
        "push {{r4-r6, lr}}",
        "adds r2, #1",
        "lsrs r2, r2, #1",
        "bcc 2f",
        "1:",
        "ldr r12, [r0]",
        "add r0, r3",
        "sxtb16 r4, r12",
        "sxtb16 r5, r12, ror #8",
        "strd r4, r5, [r1], #8",
        "2:",
        "ldr r12, [r0]",
        "add r0, r3",
        "sxtb16 r4, r12",
        "sxtb16 r5, r12, ror #8",
        "strd r4, r5, [r1], #8",
        "subs r2, #1",
        "bne 1b",
        "pop {{r4-r6, pc}}",
    )
}

/// Sums of terms that are looked up, four bytes at a time: the terms are doubled.
#[repr(C)]
pub struct Sums {
    /// Groups of four elements.
    pub groups: usize,
    pub multiplier: i32,
    /// To the right, at least 1.
    pub shift: u32,
    /// The zero point of the output.
    pub zero: i32,
    pub tables: *const u32,
}

/// The text of an element: bytes of r4 and r5 rotated to the right by so many bits.
macro_rules! element {
    ($rotation:expr, $at:literal) => {
        concat!(
            "uxtb r6, r4",
            $rotation,
            "\n",
            "uxtb r7, r5",
            $rotation,
            "\n",
            "ldr r6, [r10, r6, lsl #2]\n",
            "ldr r7, [r11, r7, lsl #2]\n",
            "add r6, r7\n",
            "smmulr r6, r6, r8\n",
            "add r6, r6, r6, asr #31\n",
            "asrs r6, r6, r9\n",
            "adc r6, r6, r12\n",
            "ssat r6, #8, r6\n",
            "strb r6, [r2, #",
            $at,
            "]\n",
        )
    };
}

/// See [`Sums`].
#[unsafe(naked)]
pub unsafe extern "C" fn sums(a: *const i8, b: *const i8, y: *mut i8, sums: &Sums) {
    naked_asm!(
        extension!(),
        "push {{r4-r11, lr}}",
        "ldm r3, {{r3, r8, r9, r12, lr}}",
        "mov r10, lr",
        "add r11, r10, #1024",
        "1:",
        "ldr r4, [r0], #4",
        "ldr r5, [r1], #4",
        element!("", 0),
        element!(", ror #8", 1),
        element!(", ror #16", 2),
        element!(", ror #24", 3),
        "add r2, #4",
        "subs r3, #1",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}
