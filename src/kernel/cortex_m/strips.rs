//! What loops over strips of inputs have in common: x in r0, grad_output in r1, the matrix in r2, outputs in r3, inputs in r4, steps
//! of the matrix in r5 and of a unit in r6.

/// The text of a strip's inputs, from s0 on.
macro_rules! inputs {
    ($($x:literal)+) => { concat!($("vldr s", $x, ", [r0]\n", "add r0, r6\n",)+) };
}

/// The text of strips of `$count` inputs, as many as there are: one output by `$row`, its gradient in s16.
macro_rules! strips {
    ($count:literal, $inputs:expr, $row:expr) => {
        concat!(
            "subs r4, #",
            $count,
            "\n",
            "blt 3f\n",
            "1:\n",
            $inputs,
            "mov r7, r2\n",
            "mov r8, r1\n",
            "mov r9, r3\n",
            "2:\n",
            "vldr s16, [r8]\n",
            "add r8, r6\n",
            "subs r9, #1\n",
            $row,
            "bne 2b\n",
            "add r2, #4*",
            $count,
            "\n",
            "subs r4, #",
            $count,
            "\n",
            "bge 1b\n",
            "3:\n",
            "adds r4, #",
            $count,
            "\n",
        )
    };
}
pub(super) use {inputs, strips};
