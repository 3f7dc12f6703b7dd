//! Gradients of weights: a strip of inputs stays in registers while all outputs go by.
use super::multiply_add;
use super::strips::{inputs, strips};
use core::arch::naked_asm;

/// See [`crate::kernel::weight_gradient`]; slices that are too short change nothing.
pub fn weight_gradient(
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
) {
    let holds = |slice: &[f32], rows: usize, columns| rows.checked_mul(columns).is_some_and(|len| len <= slice.len());
    if fan_out == 0
        || fan_in == 0
        || !holds(x, fan_in, points)
        || !holds(grad_output, fan_out, points)
        || !holds(grad_weight, fan_out, fan_in)
    {
        return;
    }
    // Nothing wraps: slices of f32 are that long.
    let walk = Walk { fan_out, fan_in, row_step: fan_in.wrapping_mul(4), point_step: points.wrapping_mul(4) };
    for (x, grad_output) in x.iter().zip(grad_output).take(points) {
        // SAFETY: from here on both hold an element every `points` for each input and each output, and grad_weight one for each
        // pair of them.
        unsafe { outer(x, grad_output, grad_weight.as_mut_ptr(), &walk) }
    }
}

/// How the kernel goes through its operands: at least one input and output, steps in bytes.
#[repr(C)]
struct Walk {
    fan_out: usize,
    fan_in: usize,
    /// From an output's gradients of weights to those of the next.
    row_step: usize,
    /// From a unit's value at this point to that of the next unit.
    point_step: usize,
}

/// The text of eight gradients of weights, for inputs in the registers listed.
macro_rules! eight {
    ($a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal) => {
        concat!(
            "vldm r7, {{s24-s31}}\n",
            multiply_add!(24 25 26 27 += 16 * $a $b $c $d in 17 18 19 20),
            multiply_add!(28 29 30 31 += 16 * $e $f $g $h in 17 18 19 20),
            "vstm r7!, {{s24-s31}}\n",
        )
    };
}

/// `grad_weight[i][k] += grad_output[i] * x[k]` for one point: strips of sixteen inputs, of four, of one.
#[unsafe(naked)]
unsafe extern "C" fn outer(x: *const f32, grad_output: *const f32, grad_weight: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r10, lr}}",
        "vpush {{s16-s31}}",
        "ldm r3, {{r3-r6}}",
        "sub r10, r5, #64",
        strips!(
            16,
            inputs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
            concat!(eight!(0 1 2 3 4 5 6 7), eight!(8 9 10 11 12 13 14 15), "add r7, r10\n",)
        ),
        strips!(
            4,
            inputs!(0 1 2 3),
            concat!(
                "vldm r7, {{s24-s27}}\n",
                multiply_add!(24 25 26 27 += 16 * 0 1 2 3 in 17 18 19 20),
                "vstm r7, {{s24-s27}}\n",
                "add r7, r5\n",
            )
        ),
        strips!(
            1,
            inputs!(0),
            concat!("vldr s24, [r7]\n", multiply_add!(24 += 16 * 0 in 17), "vstr s24, [r7]\n", "add r7, r5\n",)
        ),
        "vpop {{s16-s31}}",
        "pop {{r4-r10, pc}}",
    )
}
