//! Prepares, runs between two marks, and says what came out.
use crate::data::{WIDTH, fill};
use crate::kernel::{Kernels, ROWS as ONE};
use core::hint::black_box;
use shatterscope::contract::Digest;
use shatterscope::kernel::{Along, Isa};
use shatterscope::math::Math;
use shatterscope::network::Serial;
use shatterscope::random::Normal;
use shatterscope::train::{
    Buffers, Decay, Layer, Mode, Optimiser, Options, Place, Powers, Settings, Trainer, cross_entropy, plan_for_steps,
};

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
    let (vectors, weights) = two(memory, WIDTH + ROWS, WIDTH * ROWS);
    let (x, g) = two(vectors, WIDTH, ROWS);
    fill(3, weights);
    marked::<M, ()>(|| H::descend(black_box(x), black_box(g), black_box(weights)));
    say("dense descent", H::NAME, "25x100 by 1", WIDTH * ROWS, Digest::of(weights));
    let (x, y) = two(memory, 4 * WIDTH, 4 * WIDTH);
    fill(1, x);
    y.fill(0.0);
    marked::<M, ()>(|| {
        H::dense_forward_packed(black_box(x.as_chunks().0), black_box(y.as_chunks_mut().0));
    });
    say("dense forward packed", H::NAME, "100x100 by 4", 4 * WIDTH * WIDTH, Digest::of(y));
}

/// The layers of the network that takes a step.
const LAYERS: [Layer; 3] = [
    Layer::Dense { inputs: 64, outputs: 20, bias: true },
    Layer::Relu { units: 20 },
    Layer::Dense { inputs: 20, outputs: 10, bias: true },
];

/// A step of plain descent on one example, all of it: forward, loss, backward, weights.
fn step<H: Kernels, M: Marks>(memory: &mut Memory) -> Option<Digest> {
    let settings = Settings { optimiser: Optimiser::Sgd, decay: Decay::None, math: Math::Libm };
    let plan = plan_for_steps(&LAYERS, 1, 1, &settings).ok()?;
    let (parameters, rest) = two(memory, plan.parameters_len as usize, plan.activations_len as usize + 300);
    let (activations, rest) = rest.split_at_mut(plan.activations_len as usize);
    let (gradients, scratch) = two(rest, plan.gradients_len as usize, plan.scratch_len as usize);
    let (mut places, mut tape) = ([Place::default(); LAYERS.len()], [0; 4]);
    let options = Options { batch: 1, isa: H::isa().unwrap_or(Isa::Portable), seed: 1 };
    let buffers = Buffers {
        places: &mut places,
        activations,
        tape: &mut tape,
        gradients,
        statistics: &mut [],
        scratch,
        gathered: &mut [],
    };
    fill(4, parameters);
    parameters.iter_mut().for_each(|w| *w *= 0.2);
    let mut trainer = Trainer::<_, ONE, 1>::for_steps(&LAYERS, &Serial, options, buffers).ok()?;
    fill(1, trainer.begin(1).ok()?.0);
    let rule = settings.step(0.05, &mut Powers::new()).ok()?;
    marked::<M, Option<()>>(|| {
        trainer.forward(parameters, &mut [], Mode::Training { step: 0 }).ok()?;
        let (z, g, _) = trainer.outputs_and_gradient();
        let (z, g) = (z.get(..10)?, g.get_mut(..10)?);
        g.copy_from_slice(z);
        cross_entropy(g, (10, 1), &[3], 1, &mut [0.0], Math::Libm).ok()?;
        trainer.descend(parameters, &mut [], &rule).ok()
    })?;
    Some(Digest::of(parameters))
}

/// Everything else.
pub fn others<H: Kernels, M: Marks>(memory: &mut Memory, say: Say) {
    if let Some(digest) = step::<H, M>(memory) {
        say("SGD step", H::NAME, "64-20-10 by 1", 64 * 20 + 20 * 10, digest);
    }
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
