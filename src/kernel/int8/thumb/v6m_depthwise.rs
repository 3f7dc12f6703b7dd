//! Depthwise sums on Thumb-1.
use super::planes::{Plane, Spread};
use super::v6m::{add_halves, apart, enter, fast, leave, output, saturate};
use core::arch::naked_asm;

/// Kernels of two positions at a time. Of the plane: 0 multiplier, its upper half first, 8 shift, 12 zero, 16 start of both and of the high halves, 24
/// weights, 28 x, 32 step, 36 end, 40 y, 44 stride, 48 skip, 52 offset, 56 columns, 60 rows, 64 odd.
///
/// r0 columns, r1 weights, r8 both sums, r9 the high ones, r10 skip, r11 x, r12 offset, lr y.
macro_rules! planes {
    ($($name:ident: $body:expr;)+) => {$(
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name(plane: &mut Plane) {
            naked_asm!(
                enter!(),
                "ldr r4, [r0, #28]
                 mov r11, r4
                 ldr r4, [r0, #48]
                 mov r10, r4
                 ldr r4, [r0, #52]
                 mov r12, r4
                 ldr r4, [r0, #40]
                 mov lr, r4
                 1:
                 ldr r2, [sp]
                 adds r2, #16
                 ldm r2!, {{r3-r5}}
                 mov r8, r3
                 mov r9, r4
                 movs r1, r5
                 mov r0, r11",
                $body,
                apart!(8, 9),
                "ldr r2, [sp]
                 ldm r2!, {{r4-r7}}
                 mov r3, lr",
                output!(8, 62, 72),
                "ldr r2, [sp]
                 ldr r2, [r2, #44]
                 adds r3, r3, r2",
                output!(9, 63, 73),
                "ldr r2, [sp]
                 ldr r1, [r2, #44]
                 adds r3, r3, r1
                 mov lr, r3
                 ldr r1, [r2, #32]
                 add r11, r1
                 ldr r1, [r2, #36]
                 cmp r11, r1
                 beq 5f
                 b 1b",
                saturate!(62, 72),
                saturate!(63, 73),
                "5:
                 ldr r4, [r2, #64]
                 cmp r4, #0
                 beq 6f
                 movs r5, #0
                 str r5, [r2, #64]
                 ldr r5, [r2, #44]
                 subs r3, r3, r5
                 mov lr, r3
                 mov r5, r11
                 subs r5, r5, r4
                 mov r11, r5
                 ldr r1, [r2, #32]
                 adds r5, r5, r1
                 str r5, [r2, #36]
                 b 1b",
                "6:",
                leave!(),
            )
        }
    )+};
}

planes! {
    three_by_three: concat!(
        "ldm r0!, {{r2-r4}}
         ldm r1!, {{r5-r7}}
         muls r2, r5, r2
         muls r3, r6, r3
         muls r4, r7, r4
         adds r2, r2, r3\n",
        add_halves!(2 to 8 9),
        "add r0, r10
         ldm r0!, {{r2, r3}}
         ldm r1!, {{r5, r6}}
         muls r2, r5, r2
         muls r3, r6, r3
         adds r4, r4, r2\n",
        add_halves!(4 to 8 9),
        "ldm r0!, {{r2}}
         ldm r1!, {{r5}}
         muls r2, r5, r2
         adds r2, r2, r3\n",
        add_halves!(2 to 8 9),
        "add r0, r10
         ldm r0!, {{r2-r4}}
         ldm r1!, {{r5-r7}}
         muls r2, r5, r2
         muls r3, r6, r3
         muls r4, r7, r4
         adds r2, r2, r3\n",
        add_halves!(2 to 8 9),
        add_halves!(4 to 8 9),
    );
    any_window: concat!(
        "ldr r2, [sp]
         ldr r7, [r2, #56]
         ldr r3, [r2, #60]
         2:
         movs r4, r7
         3:
         ldm r0!, {{r2}}
         ldm r1!, {{r5}}
         muls r2, r5, r2\n",
        add_halves!(2 to 8 9),
        "subs r4, #1
         bne 3b
         add r0, r10
         subs r3, #1
         bne 2b\n",
    );
}

/// See [`Spread`].
#[unsafe(naked)]
pub unsafe extern "C" fn spread(columns: &Spread) {
    naked_asm!(
        "push {{r4-r7, lr}}
         ldr r1, [r0, #4]
         ldr r2, [r0, #8]
         ldr r3, [r0, #12]
         ldr r7, [r0, #16]
         ldr r0, [r0]
         movs r4, #0
         lsls r5, r3, #31
         lsls r3, r3, #2
         adds r3, r3, r2
         cmp r5, #0
         beq 3f
         2:
         ldrsb r5, [r0, r4]
         ldrsb r6, [r0, r1]
         adds r0, r0, r7
         lsls r6, r6, #16
         adds r5, r5, r6
         stm r2!, {{r5}}
         cmp r2, r3
         beq 4f
         3:
         ldrsb r5, [r0, r4]
         ldrsb r6, [r0, r1]
         adds r0, r0, r7
         lsls r6, r6, #16
         adds r5, r5, r6
         stm r2!, {{r5}}
         b 2b
         4:
         pop {{r4-r7, pc}}",
    )
}

/// Sums of terms that are looked up, a byte at a time.
#[repr(C)]
pub struct Sums {
    /// Halves of the multiplier, the upper one first.
    pub multiplier: [u32; 2],
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
        enter!(),
        "mov r8, r0
         mov r9, r1
         movs r4, #1
         lsls r4, r4, #10
         movs r1, r3
         movs r3, r2
         ldr r2, [r1, #16]
         adds r2, r2, r3
         mov r12, r2
         ldr r2, [r1, #20]
         mov r10, r2
         adds r2, r2, r4
         mov r11, r2
         ldm r1!, {{r4-r7}}
         1:
         mov r0, r8
         ldrb r1, [r0]
         adds r0, #1
         mov r8, r0
         mov r0, r9
         ldrb r2, [r0]
         adds r0, #1
         mov r9, r0
         lsls r1, r1, #2
         lsls r2, r2, #2
         mov r0, r10
         ldr r1, [r0, r1]
         mov r0, r11
         ldr r2, [r0, r2]
         adds r1, r1, r2
         mov lr, r1",
        output!(14, 62, 72),
        "adds r3, #1
         cmp r3, r12
         bne 1b",
        leave!(),
        saturate!(62, 72),
    )
}
