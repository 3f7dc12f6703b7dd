//! Weights that go down their gradient at one point: a strip of inputs stays in registers while all outputs go by.
use super::strips::{inputs, strips};
use core::arch::naked_asm;

/// See [`crate::kernel::descend`]; slices that are too short change nothing.
pub fn descend((fan_out, fan_in): (usize, usize), rate: f32, x: &[f32], grad_output: &[f32], weight: &mut [f32]) {
    let all = fan_out.checked_mul(fan_in).is_some_and(|len| len > 0 && len <= weight.len());
    if !all || x.len() < fan_in || grad_output.len() < fan_out {
        return;
    }
    let walk = Walk { fan_out, fan_in, row_step: 4 * fan_in, point_step: 4, rate };
    // SAFETY: x holds an element for each input, grad_output one for each output, and weight one for each pair of them.
    unsafe { descent(x.as_ptr(), grad_output.as_ptr(), weight.as_mut_ptr(), &walk) }
}

/// How the kernel goes through its operands: at least one input and output, steps in bytes.
#[repr(C)]
struct Walk {
    fan_out: usize,
    fan_in: usize,
    /// From an output's weights to those of the next.
    row_step: usize,
    /// From a unit's value to that of the next unit.
    point_step: usize,
    rate: f32,
}

/// The text of `w -= rate * (g * x)`: products with g in s16, with the rate in s17, then differences.
macro_rules! down {
    ($($w:literal)+ by $($x:literal)+ in $($t:literal)+) => {
        concat!(
            $("vmul.f32 s", $t, ", s16, s", $x, "\n",)+
            $("vmul.f32 s", $t, ", s17, s", $t, "\n",)+
            $("vsub.f32 s", $w, ", s", $w, ", s", $t, "\n",)+
        )
    };
}

/// The text of eight weights, for inputs in the registers listed.
macro_rules! eight {
    ($a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal) => {
        concat!(
            "vldm r7, {{s24-s31}}\n",
            down!(24 25 26 27 by $a $b $c $d in 18 19 20 21),
            down!(28 29 30 31 by $e $f $g $h in 18 19 20 21),
            "vstm r7!, {{s24-s31}}\n",
        )
    };
}

/// `weight[i][k] -= rate * (grad_output[i] * x[k])`: strips of sixteen inputs, of four, of one.
#[unsafe(naked)]
unsafe extern "C" fn descent(x: *const f32, grad_output: *const f32, weight: *mut f32, walk: &Walk) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "push {{r4-r10, lr}}",
        "vpush {{s16-s31}}",
        "vldr s17, [r3, #16]",
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
                down!(24 25 26 27 by 0 1 2 3 in 18 19 20 21),
                "vstm r7, {{s24-s27}}\n",
                "add r7, r5\n",
            )
        ),
        strips!(1, inputs!(0), concat!("vldr s24, [r7]\n", down!(24 by 0 in 18), "vstr s24, [r7]\n", "add r7, r5\n",)),
        "vpop {{s16-s31}}",
        "pop {{r4-r10, pc}}",
    )
}
