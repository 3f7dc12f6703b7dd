//! Depthwise sums on Thumb-2 without the DSP extension.
use super::planes::{Plane, Spread};
use super::v7m::{add_halves, requantise, saturate};
use core::arch::naked_asm;

/// Kernels of two positions at a time. Of the plane: 0 multiplier, its upper half first, 8 shift, 12 zero, 16 start of both and of the high halves, 24
/// weights, 28 x, 32 step, 36 end, 40 y, 44 stride, 48 skip, 52 offset, 56 columns, 60 rows, 64 odd.
///
/// r0 columns, r1 weights, r2 to r7 some of each, r8 both sums, r9 the high ones, r10 words of products, r11 x, r12 offset, lr skip.
macro_rules! planes {
    ($($name:ident: $body:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(plane: &mut Plane) {
            naked_asm!(
                "push {{r0, r4-r11, lr}}
                 ldr r11, [r0, #28]
                 ldrd lr, r12, [r0, #48]
                 1:
                 ldr r7, [sp]
                 mov r0, r11
                 ldrd r8, r9, [r7, #16]
                 ldr r1, [r7, #24]",
                $body,
                "sub r8, r8, r9, lsl #16
                 ldr r7, [sp]
                 ldrd r2, r6, [r7]
                 ldrd r3, r5, [r7, #8]
                 orr r2, r6, r2, lsl #16",
                requantise!(8 9),
                saturate!(8 9),
                "ldrd r4, r6, [r7, #40]
                 ldrd r2, r3, [r7, #32]
                 strb r8, [r4]
                 strb r9, [r4, r6]
                 add r4, r4, r6, lsl #1
                 add r11, r2
                 str r4, [r7, #40]
                 cmp r11, r3
                 bne 1b
                 ldr r3, [r7, #64]
                 cbz r3, 6f
                 mov r5, #0
                 subs r4, r6
                 sub r11, r3
                 str r5, [r7, #64]
                 add r2, r11
                 str r4, [r7, #40]
                 str r2, [r7, #36]
                 b 1b
                 6:
                 pop {{r0, r4-r11, pc}}",
            )
        }
    )+};
}

planes! {
    three_by_three: concat!(
        "ldm r0!, {{r2-r4}}
         ldm r1!, {{r5-r7}}
         mla r10, r2, r5, r12
         mla r10, r3, r6, r10\n",
        add_halves!(10 to 8 9),
        "add r0, lr
         mla r10, r4, r7, r12
         ldm r0!, {{r2-r4}}
         ldm r1!, {{r5-r7}}
         mla r10, r2, r5, r10\n",
        add_halves!(10 to 8 9),
        "mla r10, r3, r6, r12
         mla r10, r4, r7, r10\n",
        add_halves!(10 to 8 9),
        "add r0, lr
         ldm r0!, {{r2-r4}}
         ldm r1!, {{r5-r7}}
         mla r10, r2, r5, r12
         mla r10, r3, r6, r10\n",
        add_halves!(10 to 8 9),
        "mla r10, r4, r7, r12\n",
        add_halves!(10 to 8 9),
    );
    any_window: concat!(
        "ldrd r5, r6, [r7, #56]
         2:
         mov r4, r5
         3:
         ldr r2, [r0], #4
         ldr r3, [r1], #4
         subs r4, #1
         mla r10, r2, r3, r12\n",
        add_halves!(10 to 8 9),
        "bne 3b
         add r0, lr
         subs r6, #1
         bne 2b\n",
    );
}

/// See [`Spread`].
#[unsafe(naked)]
pub unsafe extern "C" fn spread(columns: &Spread) {
    naked_asm!(
        "push {{r4-r6, lr}}
         ldm r0, {{r0-r4}}
         lsls r5, r3, #31
         add r3, r2, r3, lsl #2
         beq 3f
         2:
         ldrsb r6, [r0, r1]
         ldrsb r5, [r0]
         add r0, r4
         add r5, r5, r6, lsl #16
         str r5, [r2], #4
         cmp r2, r3
         beq 4f
         3:
         ldrsb r6, [r0, r1]
         ldrsb r5, [r0]
         add r0, r4
         add r5, r5, r6, lsl #16
         str r5, [r2], #4
         b 2b
         4:
         pop {{r4-r6, pc}}",
    )
}

/// Sums of terms that are looked up, a byte at a time.
#[repr(C)]
pub struct Sums {
    pub multiplier: u32,
    /// To the right, at least 1.
    pub shift: u32,
    /// The zero point of the output.
    pub zero: i32,
    pub elements: usize,
    pub tables: *const u32,
}

/// See [`Sums`].
#[unsafe(naked)]
pub unsafe extern "C" fn sums(a: *const i8, b: *const i8, y: *mut i8, sums: &Sums) {
    naked_asm!(
        "push {{r4-r11, lr}}
         mov r7, r2
         ldm r3, {{r2, r3, r5, r9, r10}}
         add r9, r7
         add r11, r10, #1024
         1:
         ldrb r4, [r0], #1
         ldrb r12, [r1], #1
         ldr r8, [r10, r4, lsl #2]
         ldr r12, [r11, r12, lsl #2]
         add r8, r12",
        requantise!(8),
        saturate!(8),
        "strb r8, [r7], #1
         cmp r7, r9
         bne 1b
         pop {{r4-r11, pc}}",
    )
}
