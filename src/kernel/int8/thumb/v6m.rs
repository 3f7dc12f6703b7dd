//! Thumb-1 (Cortex-M0): eight registers for arithmetic, others only to add and to compare; no long product, no saturation.
use super::halves::{Pair, Walk};
use core::arch::naked_asm;

/// The text that begins a kernel: registers are saved, the walk is at the top of the stack.
macro_rules! enter {
    () => {
        "push {{r4-r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r0, r4-r7}}"
    };
}
pub(super) use enter;

/// The text that ends it.
macro_rules! leave {
    () => {
        "pop {{r0, r4-r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r4-r7, pc}}"
    };
}
pub(super) use leave;

/// The text that requantises a sum of less than 2^30 in size to r0, with the zero point: r4 and r5 halves of the multiplier, r6 shift to the right,
/// r7 zero point. Clobbers r1 and r2.
///
/// With halves a and q of sum and multiplier, the low one of the sum with its sign, `(sum * multiplier + 2^30) >> 31` is
/// `2 a1 q1 + ((a1 q0 + a0 q1 + (a0 q0 >> 16) + 2^14) >> 15)`: the carry of a shift is its rounding.
macro_rules! fast {
    ($sum:literal) => {
        concat!(
            "mov r0, r",
            $sum,
            "
             sxth r1, r0
             subs r0, r0, r1
             asrs r0, r0, #16
             movs r2, r1
             muls r2, r5, r2
             asrs r2, r2, #16
             muls r1, r4, r1
             adds r1, r1, r2
             movs r2, r0
             muls r2, r5, r2
             adds r1, r1, r2
             muls r0, r4, r0
             lsls r0, r0, #1
             asrs r1, r1, #15
             adcs r0, r1
             asrs r1, r0, #31
             adds r0, r0, r1
             asrs r0, r6
             adcs r0, r7\n"
        )
    };
}
pub(super) use fast;

/// The text of an output at r3.
macro_rules! output {
    ($sum:literal, $saturated:literal, $back:literal) => {
        concat!(fast!($sum), "sxtb r1, r0\n cmp r0, r1\n bne ", $saturated, "f\n ", $back, ":\n strb r0, [r3]\n")
    };
}
pub(super) use output;

/// The text to which [`output`] jumps where a byte does not hold it.
macro_rules! saturate {
    ($saturated:literal, $back:literal) => {
        concat!($saturated, ":\n asrs r0, r0, #31\n movs r1, #127\n eors r0, r1\n b ", $back, "b\n")
    };
}
pub(super) use saturate;

/// The text that moves r3 to the next position's output.
macro_rules! next_position {
    () => {
        "ldr r2, [sp]\n ldr r2, [r2, #24]\n adds r3, r3, r2\n"
    };
}

/// The text that takes the sums of two positions from the halves in two registers.
macro_rules! apart {
    ($both:literal, $high:literal) => {
        concat!(
            "mov r4, r",
            $high,
            "\n lsls r4, r4, #16\n mov r5, r",
            $both,
            "\n subs r5, r5, r4\n mov r",
            $both,
            ", r5\n"
        )
    };
}
pub(super) use apart;

/// The text of an output from a number that is requantised, at `sp + $at`.
macro_rules! slow_output {
    ($at:literal, $saturated:literal, $back:literal) => {
        concat!(
            "ldr r0, [sp, #",
            $at,
            "]
             adds r0, r0, r7
             sxtb r1, r0
             cmp r0, r1
             bne ",
            $saturated,
            "f
             ",
            $back,
            ":
             strb r0, [r3]
             adds r3, r3, r6\n"
        )
    };
}

/// Kernels that go through the channels with halves of so many positions. Of the walk: 0 patches, 4 end of patches, 8 weights, 12 weights of a
/// channel, 16 record, 20 y, 24 stride, 28 zero, 32 end of records, 36 slow, 40 start of both, 44 start of the high halves, 48 offset.
///
/// r0 patches, r1 weights, r2 index, r3 weight, r4 to r7 words of patches, r8 and r10 both sums, r9 and r11 the high ones, r12 offset, lr end.
macro_rules! positions {
    ($($name:ident: $body:expr, $apart:expr, $outputs:expr, $saturate:expr, $slow:expr, $slow_saturate:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(walk: &mut Walk) {
            naked_asm!(
                enter!(),
                "1:
                 ldr r7, [sp]
                 ldr r6, [r7, #16]
                 ldr r5, [r6]
                 ldr r4, [r7, #40]
                 lsls r3, r5, #16
                 adds r3, r3, r5
                 adds r3, r3, r4
                 mov r8, r3
                 mov r10, r3
                 ldr r4, [r7, #44]
                 adds r5, r5, r4
                 mov r9, r5
                 mov r11, r5
                 ldr r4, [r7, #48]
                 mov r12, r4
                 ldr r4, [r7, #4]
                 mov lr, r4
                 ldr r0, [r7]
                 ldr r1, [r7, #8]
                 movs r2, #0
                 2:",
                $body,
                $body,
                "cmp r0, lr
                 bne 2b",
                $apart,
                "ldr r2, [sp]
                 ldr r4, [r2, #12]
                 adds r1, r1, r4
                 str r1, [r2, #8]
                 ldr r0, [r2, #16]
                 ldr r4, [r0, #4]
                 ldr r6, [r0, #8]
                 adds r0, #12
                 str r0, [r2, #16]
                 ldr r3, [r2, #20]
                 ldr r7, [r2, #28]
                 rsbs r6, r6, #0
                 bgt 3f
                 b 5f
                 3:
                 uxth r5, r4
                 lsrs r4, r4, #16",
                $outputs,
                "4:
                 ldr r2, [sp]
                 ldr r3, [r2, #20]
                 adds r3, #1
                 str r3, [r2, #20]
                 ldr r0, [r2, #16]
                 ldr r1, [r2, #32]
                 cmp r0, r1
                 beq 6f
                 b 1b",
                $saturate,
                "6:",
                leave!(),
                "5:
                 mov r4, r8
                 mov r5, r9
                 mov r6, r10
                 mov r7, r11
                 push {{r4-r7}}
                 subs r0, #12
                 movs r1, r0
                 ldr r3, [r2, #36]
                 mov r0, sp
                 movs r2, #4
                 blx r3
                 ldr r2, [sp, #16]
                 ldr r3, [r2, #20]
                 ldr r6, [r2, #24]
                 ldr r7, [r2, #28]",
                $slow,
                "add sp, #16
                 b 4b",
                $slow_saturate,
            )
        }
    )+};
}

/// The text that adds a word with a product in each half to the sums.
macro_rules! add_halves {
    ($word:literal to $both:literal $high:literal) => {
        concat!(
            "add r",
            $word,
            ", r12\n add r",
            $both,
            ", r",
            $word,
            "\n lsrs r",
            $word,
            ", r",
            $word,
            ", #16\n add r",
            $high,
            ", r",
            $word,
            "\n"
        )
    };
}
pub(super) use add_halves;

positions! {
    four_positions:
        concat!(
            "ldm r0!, {{r4-r7}}
             ldrsb r3, [r1, r2]
             adds r2, #1
             muls r4, r3, r4
             muls r5, r3, r5
             ldrsb r3, [r1, r2]
             adds r2, #1
             muls r6, r3, r6
             muls r7, r3, r7
             adds r4, r4, r6
             adds r5, r5, r7\n",
            add_halves!(4 to 8 9), add_halves!(5 to 10 11),
        ),
        concat!(apart!(8, 9), apart!(10, 11)),
        concat!(
            output!(8, 62, 72), next_position!(), output!(9, 63, 73), next_position!(), output!(10, 64, 74), next_position!(), output!(11, 65, 75),
        ),
        concat!(saturate!(62, 72), saturate!(63, 73), saturate!(64, 74), saturate!(65, 75)),
        concat!(slow_output!(0, 66, 76), slow_output!(4, 67, 77), slow_output!(8, 68, 78), slow_output!(12, 69, 79)),
        concat!(saturate!(66, 76), saturate!(67, 77), saturate!(68, 78), saturate!(69, 79));
    two_positions:
        concat!(
            "ldm r0!, {{r4, r5}}
             ldrsb r3, [r1, r2]
             adds r2, #1
             muls r4, r3, r4
             ldrsb r3, [r1, r2]
             adds r2, #1
             muls r5, r3, r5
             adds r4, r4, r5\n",
            add_halves!(4 to 8 9),
        ),
        apart!(8, 9),
        concat!(output!(8, 62, 72), next_position!(), output!(9, 63, 73)),
        concat!(saturate!(62, 72), saturate!(63, 73)),
        concat!(slow_output!(0, 66, 76), slow_output!(4, 67, 77)),
        concat!(saturate!(66, 76), saturate!(67, 77));
}

/// The text of the products of a column: r2 index, r5 input, r6 its element.
macro_rules! column {
    ($($sum:literal += $w:literal)+) => {
        concat!(
            "ldrsb r6, [r5, r2]\n",
            $("ldrsb r7, [r", $w, ", r2]\n muls r7, r6, r7\n add r", $sum, ", r7\n",)+
            "adds r2, #1\n",
        )
    };
}

/// The text that saturates r0 to a byte and stores it.
macro_rules! store {
    () => {
        "sxtb r1, r0
         cmp r0, r1
         beq 8f
         asrs r0, r0, #31
         movs r1, #127
         eors r0, r1
         8:
         strb r0, [r3]
         adds r3, #1\n"
    };
}

/// The text of a channel's output from its sum; `slow` stands at a label and returns to another one.
macro_rules! channel {
    ($sum:literal, $slow:literal, $behind:literal) => {
        concat!(
            "ldr r2, [sp]
             ldr r0, [r2, #16]
             ldr r4, [r0, #4]
             ldr r6, [r0, #8]
             adds r0, #12
             str r0, [r2, #16]
             rsbs r6, r6, #0
             bgt 7f
             b ",
            $slow,
            "f
             7:
             uxth r5, r4
             lsrs r4, r4, #16\n",
            fast!($sum),
            store!(),
            $behind,
            ":\n",
        )
    };
}

/// The text to which [`channel`] jumps: r0 is behind the record.
macro_rules! slow_channel {
    ($sum:literal, $slow:literal, $behind:literal) => {
        concat!(
            $slow,
            ":
             mov r1, r",
            $sum,
            "
             push {{r1, r3}}
             subs r0, #12
             movs r1, r0
             ldr r3, [r2, #36]
             movs r2, #1
             mov r0, sp
             blx r3
             pop {{r0, r3}}
             adds r0, r0, r7\n",
            store!(),
            "b ",
            $behind,
            "b\n",
        )
    };
}

/// Kernels of one position that go through so many channels at a time. Of the walk, 0 is the input and 4 its
/// length; the others are as above.
macro_rules! channels {
    ($($name:ident: $start:expr, $column:expr, $next:expr, $outputs:expr, $slow:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(walk: &mut Walk) {
            naked_asm!(
                enter!(),
                "1:
                 ldr r7, [sp]
                 ldr r6, [r7, #16]
                 ldr r2, [r7, #4]
                 mov r12, r2
                 ldr r0, [r7, #8]",
                $start,
                "movs r6, r2
                 ldr r5, [r7]
                 movs r2, #0
                 lsls r6, r6, #30
                 beq 3f
                 lsrs r6, r6, #30
                 mov lr, r6
                 2:",
                $column,
                "cmp r2, lr
                 bne 2b
                 cmp r2, r12
                 beq 4f
                 3:",
                $column,
                $column,
                $column,
                $column,
                "cmp r2, r12
                 bne 3b
                 4:",
                $next,
                "ldr r3, [r7, #20]
                 ldr r7, [r7, #28]",
                $outputs,
                "ldr r2, [sp]
                 str r3, [r2, #20]
                 ldr r0, [r2, #16]
                 ldr r1, [r2, #32]
                 cmp r0, r1
                 beq 6f
                 b 1b
                 6:",
                leave!(),
                $slow,
            )
        }
    )+};
}

channels! {
    four_channels:
        "ldr r3, [r6]
         mov r8, r3
         ldr r3, [r6, #12]
         mov r9, r3
         ldr r3, [r6, #24]
         mov r10, r3
         ldr r3, [r6, #36]
         mov r11, r3
         adds r1, r0, r2
         adds r3, r1, r2
         adds r4, r3, r2",
        column!(8 += 0 9 += 1 10 += 3 11 += 4),
        "ldr r7, [sp]
         adds r4, r4, r2
         str r4, [r7, #8]",
        concat!(channel!(8, 62, 72), channel!(9, 63, 73), channel!(10, 64, 74), channel!(11, 65, 75)),
        concat!(slow_channel!(8, 62, 72), slow_channel!(9, 63, 73), slow_channel!(10, 64, 74), slow_channel!(11, 65, 75));
    one_channel:
        "ldr r3, [r6]
         mov r8, r3",
        column!(8 += 0),
        "ldr r7, [sp]
         adds r0, r0, r2
         str r0, [r7, #8]",
        channel!(8, 62, 72),
        slow_channel!(8, 62, 72);
}

/// Rows of two positions, to words with the first one's byte below and the second one's above.
#[unsafe(naked)]
pub unsafe extern "C" fn pack(rows: &Pair) {
    // 0 first, 4 second, 8 to, 12 step, 16 rows, 20 bytes of a row, 24 from the end of a row to the next.
    naked_asm!(
        "push {{r4-r7, lr}}
         mov r7, r8
         push {{r7}}
         ldr r7, [r0, #16]
         mov r8, r7
         ldr r1, [r0, #4]
         ldr r2, [r0, #8]
         ldr r3, [r0, #12]
         ldr r7, [r0, #24]
         mov r12, r7
         ldr r7, [r0, #20]
         ldr r0, [r0]
         1:
         adds r4, r0, r7
         mov lr, r4
         movs r4, #0
         subs r1, r1, r0
         lsls r5, r7, #31
         beq 3f
         2:
         ldrsb r5, [r0, r4]
         ldrsb r6, [r0, r1]
         adds r0, #1
         lsls r6, r6, #16
         adds r5, r5, r6
         str r5, [r2]
         adds r2, r2, r3
         cmp r0, lr
         beq 4f
         3:
         ldrsb r5, [r0, r4]
         ldrsb r6, [r0, r1]
         adds r0, #1
         lsls r6, r6, #16
         adds r5, r5, r6
         str r5, [r2]
         adds r2, r2, r3
         b 2b
         4:
         adds r1, r1, r0
         add r0, r12
         add r1, r12
         mov r5, r8
         subs r5, #1
         mov r8, r5
         bne 1b
         pop {{r7}}
         mov r8, r7
         pop {{r4-r7, pc}}",
    )
}
