//! The ReLU on whole numbers: x > 0 where its bits, less one, are below those of infinity.
use crate::op;
use core::arch::naked_asm;

/// Elements to a byte of tape.
const STEP: usize = 8;

/// [`op::relu_forward`], bit for bit.
pub fn relu_forward(x: &mut [f32], tape: &mut [u8]) {
    let bytes = (x.len() / STEP).min(tape.len());
    let (x, rest) = invariant!(x.split_at_mut_checked(bytes * STEP));
    let (tape, rest_of_tape) = invariant!(tape.split_at_mut_checked(bytes));
    if bytes > 0 {
        // SAFETY: there are so many bytes of tape, and eight elements for each.
        unsafe { forward(x.as_mut_ptr(), tape.as_mut_ptr(), bytes) }
    }
    op::relu_forward(rest, rest_of_tape);
}

/// [`op::relu_backward`], bit for bit.
pub fn relu_backward(g: &mut [f32], tape: &[u8]) {
    let bytes = (g.len() / STEP).min(tape.len());
    let (g, rest) = invariant!(g.split_at_mut_checked(bytes * STEP));
    let (tape, rest_of_tape) = invariant!(tape.split_at_checked(bytes));
    if bytes > 0 {
        // SAFETY: there are so many bytes of tape, and eight elements for each.
        unsafe { backward(g.as_mut_ptr(), tape.as_ptr(), bytes) }
    }
    op::relu_backward(rest, rest_of_tape);
}

/// The text for each element: carry is clear where it is above zero; its bit goes to lr, and the element is kept or cleared.
macro_rules! rectify {
    ($($x:literal)+) => {
        concat!($(
            "sub r12, r", $x, ", #1\n",
            "cmp r12, r3\n",
            "adc lr, lr, lr\n",
            "sbc r12, r12, r12\n",
            "and r", $x, ", r12\n",
        )+)
    };
}

/// Bytes of tape from the last element down; at least one.
#[unsafe(naked)]
unsafe extern "C" fn forward(x: *mut f32, tape: *mut u8, bytes: usize) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "mov r3, #0x7f800000",
        "1:",
        "ldm r0, {{r4-r11}}",
        rectify!(11 10 9 8 7 6 5 4),
        "mvn lr, lr",
        "strb lr, [r1], #1",
        "stm r0!, {{r4-r11}}",
        "subs r2, #1",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}

/// The text for each element: its bit goes to the carry, and it is kept or cleared.
macro_rules! mask {
    ($($g:literal)+) => {
        concat!($("lsrs r3, r3, #1\n", "sbc r12, r12, r12\n", "bic r", $g, ", r12\n",)+)
    };
}

/// Bytes of tape from the first element up; at least one.
#[unsafe(naked)]
unsafe extern "C" fn backward(g: *mut f32, tape: *const u8, bytes: usize) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "1:",
        "ldrb r3, [r1], #1",
        "ldm r0, {{r4-r11}}",
        mask!(4 5 6 7 8 9 10 11),
        "stm r0!, {{r4-r11}}",
        "subs r2, #1",
        "bne 1b",
        "pop {{r4-r11, pc}}",
    )
}
