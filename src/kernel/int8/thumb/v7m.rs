//! Thumb-2 without the DSP extension (Cortex-M3): long products, and a shift within an addition.
use super::halves::{Pair, Walk};
use core::arch::naked_asm;

/// The text that requantises sums by the multiplier in r2 and the shift to the right in r3, at least 1, adds the zero point in r5 and saturates.
/// Clobbers r6. Doubled, a sum of less than 2^30 in size has the rounding of the definition in the upper half of a product.
macro_rules! requantise {
    ($($s:literal)+) => {
        concat!(
            $(
                "lsl r", $s, ", r", $s, ", #1\n",
                "smull r6, r", $s, ", r", $s, ", r2\n",
                "lsls r6, r6, #1\n",
                "adc r", $s, ", r", $s, ", #0\n",
                "add r", $s, ", r", $s, ", r", $s, ", asr #31\n",
                "asrs r", $s, ", r", $s, ", r3\n",
                "adc r", $s, ", r", $s, ", r5\n",
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

/// The text that adds a word with two products in each half to the sums.
macro_rules! add_halves {
    ($word:literal to $both:literal $high:literal) => {
        concat!("add r", $both, ", r", $word, "\n add r", $high, ", r", $high, ", r", $word, ", lsr #16\n")
    };
}
pub(super) use add_halves;

/// The text that requantises sums in r8 to r11 slowly, so many from `$first` bytes on, by the record at r1; `$walk` bytes below what is pushed
/// here stands the walk. Clobbers r0 to r3, r12 and lr.
macro_rules! slowly {
    ($first:literal, $count:literal, $($s:literal)+) => {
        concat!(
            "push {{r8-r11}}
             add r0, sp, #", $first, "
             mov r2, #", $count, "
             ldr r3, [sp, #16]
             ldr r3, [r3, #36]
             blx r3
             pop {{r8-r11}}\n",
            $("add r", $s, ", r", $s, ", r5\n",)+
        )
    };
}

/// Kernels that go through the channels with halves of so many positions. Of the walk: 0 patches, 4 end of patches, 8 weights, 12 weights of a
/// channel, 16 record, 20 y, 24 stride, 28 zero, 32 end of records, 36 slow, 40 start of both, 44 start of the high halves, 48 offset.
///
/// r0 patches, r1 weights, r2 and r3 weights, r4 to r7 words of patches, r8 and r10 both sums, r9 and r11 the high ones, r12 offset, lr end.
macro_rules! positions {
    ($($name:ident: $body:expr, $apart:expr, $requantise:expr, $stores:expr, $slow:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(walk: &mut Walk) {
            naked_asm!(
                "push {{r0, r4-r11, lr}}
                 1:
                 ldr r7, [sp]
                 ldrd r12, lr, [r7, #40]
                 ldrd r2, r3, [r7, #12]
                 ldr r3, [r3]
                 ldr r1, [r7, #8]
                 add r8, r12, r3
                 add r8, r8, r3, lsl #16
                 add r9, lr, r3
                 mov r10, r8
                 mov r11, r9
                 ldr r12, [r7, #48]
                 ldrd r0, lr, [r7]
                 add r2, r1
                 str r2, [r7, #8]
                 2:",
                $body,
                $body,
                "cmp r0, lr
                 bne 2b
                 ldr r7, [sp]",
                $apart,
                "ldrd r1, r4, [r7, #16]
                 ldr r5, [r7, #28]
                 ldrd r2, r3, [r1, #4]
                 rsbs r3, r3, #0
                 ble 5f",
                $requantise,
                "4:
                 ldrd r1, r4, [r7, #16]
                 ldr r6, [r7, #24]
                 ldr r2, [r7, #32]
                 add r1, #12",
                $stores,
                "strd r1, r4, [r7, #16]
                 cmp r1, r2
                 bne 1b
                 pop {{r0, r4-r11, pc}}
                 5:",
                $slow,
                "b 4b",
            )
        }
    )+};
}

positions! {
    four_positions:
        concat!(
            "ldm r0!, {{r4-r7}}
             ldrsb r2, [r1], #1
             ldrsb r3, [r1], #1
             mla r4, r4, r2, r12
             mla r5, r5, r2, r12
             mla r4, r6, r3, r4
             mla r5, r7, r3, r5\n",
            add_halves!(4 to 8 9), add_halves!(5 to 10 11),
        ),
        "sub r8, r8, r9, lsl #16\n sub r10, r10, r11, lsl #16",
        requantise!(8 9 10 11),
        concat!(
            saturate!(8 9 10 11),
            "strb r9, [r4, r6]
             strb r10, [r4, r6, lsl #1]
             add r6, r6, r6, lsl #1
             strb r11, [r4, r6]
             strb r8, [r4], #1\n",
        ),
        slowly!(0, 4, 8 9 10 11);
    two_positions:
        concat!(
            "ldm r0!, {{r4, r5}}
             ldrsb r2, [r1], #1
             ldrsb r3, [r1], #1
             mla r4, r4, r2, r12
             mla r4, r5, r3, r4\n",
            add_halves!(4 to 8 9),
        ),
        "sub r8, r8, r9, lsl #16",
        requantise!(8 9),
        concat!(saturate!(8 9), "strb r9, [r4, r6]\n strb r8, [r4], #1\n"),
        slowly!(0, 2, 8 9);
}

/// The text of a channel's output: its record is at r1, r4 is where it is stored; the slow way stands at a label and returns to another one.
macro_rules! channel {
    ($s:literal, $slow:literal, $back:literal) => {
        concat!(
            "ldrd r2, r3, [r1, #4]\n rsbs r3, r3, #0\n ble ",
            $slow,
            "f\n",
            requantise!($s),
            $back,
            ":\n",
            saturate!($s),
            "strb r",
            $s,
            ", [r4], #1\n add r1, #12\n",
        )
    };
}

/// The text to which [`channel`] jumps.
macro_rules! slow_channel {
    ($s:literal, $first:literal, $slow:literal, $back:literal) => {
        concat!($slow, ":\n mov r7, r1\n", slowly!($first, 1, $s), "mov r1, r7\n b ", $back, "b\n")
    };
}

/// Kernels of one position that go through so many channels at a time. Of the walk, 0 is the input and 4 its length; the others are as above.
///
/// r0 input, r1 element, r2 its weight, r3 to r6 weights, r8 to r11 sums, lr end of the input.
macro_rules! channels {
    ($($name:ident: $start:expr, $column:expr, $next:literal, $outputs:expr, $slow:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(walk: &mut Walk) {
            naked_asm!(
                "push {{r0, r4-r11, lr}}
                 1:
                 ldr r7, [sp]
                 ldrd r0, lr, [r7]
                 ldr r12, [r7, #16]
                 ldr r3, [r7, #8]",
                $start,
                "ands r2, lr, #3
                 add lr, r0
                 beq 3f
                 add r12, r0, r2
                 2:",
                $column,
                "cmp r0, r12
                 bne 2b
                 cmp r0, lr
                 beq 4f
                 3:",
                $column, $column, $column, $column,
                "cmp r0, lr
                 bne 3b
                 4:
                 ldr r7, [sp]",
                concat!("str r", $next, ", [r7, #8]"),
                "ldrd r1, r4, [r7, #16]
                 ldr r5, [r7, #28]",
                $outputs,
                "ldr r7, [sp]
                 strd r1, r4, [r7, #16]
                 ldr r2, [r7, #32]
                 cmp r1, r2
                 bne 1b
                 pop {{r0, r4-r11, pc}}",
                $slow,
            )
        }
    )+};
}

/// The text of the products of a column.
macro_rules! column {
    ($($s:literal += $w:literal)+) => {
        concat!(
            "ldrsb r1, [r0], #1\n",
            $("ldrsb r2, [r", $w, "], #1\n mla r", $s, ", r1, r2, r", $s, "\n",)+
        )
    };
}

channels! {
    four_channels:
        "add r4, r3, lr
         add r5, r4, lr
         add r6, r5, lr
         ldr r8, [r12]
         ldr r9, [r12, #12]
         ldr r10, [r12, #24]
         ldr r11, [r12, #36]",
        column!(8 += 3 9 += 4 10 += 5 11 += 6),
        6,
        concat!(channel!(8, 22, 32), channel!(9, 23, 33), channel!(10, 24, 34), channel!(11, 25, 35)),
        concat!(slow_channel!(8, 0, 22, 32), slow_channel!(9, 4, 23, 33), slow_channel!(10, 8, 24, 34), slow_channel!(11, 12, 25, 35));
    one_channel:
        "ldr r8, [r12]",
        column!(8 += 3),
        3,
        channel!(8, 22, 32),
        slow_channel!(8, 0, 22, 32);
}

/// Rows of two positions, to words with the first one's byte below and the second one's above.
#[unsafe(naked)]
pub unsafe extern "C" fn pack(rows: &Pair) {
    naked_asm!(
        "push {{r4-r8, lr}}
         ldm r0, {{r0-r6}}
         1:
         add r12, r0, r5
         lsls r7, r5, #31
         beq 3f
         2:
         ldrsb r7, [r0], #1
         ldrsb r8, [r1], #1
         add r7, r7, r8, lsl #16
         str r7, [r2]
         add r2, r3
         cmp r0, r12
         beq 4f
         3:
         ldrsb r7, [r0], #1
         ldrsb r8, [r1], #1
         add r7, r7, r8, lsl #16
         str r7, [r2]
         add r2, r3
         b 2b
         4:
         add r0, r6
         add r1, r6
         subs r4, #1
         bne 1b
         pop {{r4-r8, pc}}",
    )
}
