//! Prepares, runs between two marks, and says what came out.
use crate::data::{WIDTH, fill};
use crate::kernel::Kernels;
use core::hint::black_box;
use shatterscope::contract::Digest;
use shatterscope::kernel::Along;
use shatterscope::random::Normal;

/// What all kernels share: no more than a Cortex-M0 with 16 KiB has.
pub type Memory = [f32; 2700];

/// Begins and ends a counted region.
pub trait Marks {
    fn begin();
    fn end();
}

/// Says a line: kernel, who computes, shape, elements, digest.
pub type Say = fn(&str, &str, &str, usize, Digest);

/// Rows of the weight gradient: a quarter of the matrix, as the memory is.
const ROWS: usize = WIDTH / 4;
const DRAWN: usize = 1000;
const NORMALS: usize = 250;
const SUMMED: usize = 1000;
const POINTS: usize = 256;

/// The dense kernels.
pub fn dense<H: Kernels, M: Marks>(memory: &mut Memory, say: Say) {
    for transposed in [false, true] {
        let (x, y) = two(memory, WIDTH, WIDTH);
        fill(1, x);
        y.fill(0.0);
        if transposed {
            marked::<M, ()>(|| H::grad_input(black_box(x), black_box(y)));
            say("dense input gradient", H::NAME, "100x100 by 1", WIDTH * WIDTH, Digest::of(y));
        } else {
            marked::<M, ()>(|| H::dense_forward(black_box(x), black_box(y)));
            say("dense forward", H::NAME, "100x100 by 1", WIDTH * WIDTH, Digest::of(y));
        }
    }
    let (vectors, weights) = two(memory, WIDTH + ROWS, WIDTH * ROWS);
    let (x, g) = two(vectors, WIDTH, ROWS);
    fill(1, x);
    fill(2, g);
    weights.fill(0.0);
    marked::<M, ()>(|| H::grad_weight(black_box(x), black_box(g), black_box(weights)));
    say("dense weight gradient", H::NAME, "25x100 by 1", WIDTH * ROWS, Digest::of(weights));
    let (x, y) = two(memory, 4 * WIDTH, 4 * WIDTH);
    fill(1, x);
    y.fill(0.0);
    marked::<M, ()>(|| {
        H::dense_forward_packed(black_box(x.as_chunks().0), black_box(y.as_chunks_mut().0));
    });
    say("dense forward packed", H::NAME, "100x100 by 4", 4 * WIDTH * WIDTH, Digest::of(y));
}

/// Everything else.
pub fn others<H: Kernels, M: Marks>(memory: &mut Memory, say: Say) {
    let (x, g) = two(memory, 4 * WIDTH, 4 * WIDTH);
    let mut tape = [0; WIDTH / 2];
    fill(1, x);
    fill(2, g);
    marked::<M, ()>(|| H::relu_forward(black_box(x), black_box(&mut tape)));
    say("relu forward", H::NAME, "100 by 4", 4 * WIDTH, Digest::of(x));
    marked::<M, ()>(|| H::relu_backward(black_box(g), black_box(&tape)));
    say("relu backward", H::NAME, "100 by 4", 4 * WIDTH, Digest::of(g));
    for (name, normal, along, len) in [
        ("draw along a row", Normal::IrwinHall, Along::Row, DRAWN),
        ("draw along a column", Normal::IrwinHall, Along::Column, DRAWN),
        ("draw as241", Normal::As241, Along::Row, NORMALS),
    ] {
        let (out, _) = two(memory, len, 0);
        marked::<M, ()>(|| H::draw(black_box(normal), black_box(along), black_box(out)));
        say(name, H::NAME, if len == DRAWN { "1000" } else { "250" }, len, Digest::of(out));
    }
    let (x, _) = two(memory, SUMMED, 0);
    fill(1, x);
    let sum = marked::<M, f32>(|| H::red16(black_box(x)));
    say("red16", H::NAME, "1000", SUMMED, Digest::of(&[sum]));
    let (z, rest) = two(memory, POINTS, 2 * POINTS);
    let (y, g) = two(rest, POINTS, POINTS);
    fill(1, z);
    fill(2, g);
    marked::<M, ()>(|| H::batch_norm(black_box(z), black_box(y), black_box(g)));
    say("batch norm both ways", H::NAME, "256", POINTS, Digest::of_runs([Digest::of(y), Digest::of(g)]));
}

#[inline(always)]
fn marked<M: Marks, Y>(work: impl FnOnce() -> Y) -> Y {
    M::begin();
    let result = black_box(work());
    M::end();
    result
}

fn two(memory: &mut [f32], first: usize, second: usize) -> (&mut [f32], &mut [f32]) {
    let (a, rest) = memory.split_at_mut(first);
    (a, &mut rest[..second])
}
