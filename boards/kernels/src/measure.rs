//! Prepares, runs between two marks, and says what came out.
use crate::data::{WIDTH, fill};
use crate::kernel::{Kernels, ROWS as ONE};
use core::hint::black_box;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::{Builder, Graph, Node, Shape};
use shatterscope::internals::kernel::Along;
use shatterscope::math::Math;
use shatterscope::plan::{Plan, Storage, Want, place};
use shatterscope::random::Normal;
use shatterscope::train::{Optimiser, Powers, Settings, cross_entropy};
use shatterscope::workers::Serial;

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

const WANT: Want = Want::ParameterGradient;

/// The network that takes a step: 64 inputs, 20 ReLUs, 10 classes.
const NODES: [Node; 4] = {
    let mut nodes = [Node::EMPTY; 4];
    let mut builder = Builder::new(&mut nodes);
    let x = builder.input(Shape::vector(64));
    builder.layer(1);
    let x = builder.dense(x, 20, true);
    builder.layer(2);
    let x = builder.relu(x);
    builder.layer(3);
    let x = builder.dense(x, 10, true);
    match builder.finish(&[x]) {
        Ok(_) => nodes,
        Err(_) => panic!("the nodes do not fit each other"),
    }
};

/// Where its values and gradients are stored.
const SLOTS: [u32; 4 * WANT.slots()] = {
    let (mut slots, mut storages) = ([0; 4 * WANT.slots()], [Storage::EMPTY; 4 * WANT.slots()]);
    match Graph::new(&NODES) {
        Ok(graph) => match place(&graph, WANT, &mut storages, &mut slots) {
            Ok(_) => slots,
            Err(_) => panic!("there is a slot for each"),
        },
        Err(_) => panic!("the nodes are no graph"),
    }
};

/// A step of plain descent on one example, all of it: forward, loss, backward, weights.
fn step<H: Kernels, M: Marks>(memory: &mut Memory) -> Option<Digest> {
    let settings = Settings::new(Optimiser::Sgd);
    let graph = Graph::new(&NODES).ok()?;
    let plan = Plan::new(&graph, WANT, &SLOTS).ok()?;
    let (parameters, rest) = two(memory, plan.parameters_len as usize, plan.units as usize + 300);
    let (values, scratch) = two(rest, plan.values_len(1, 1)? as usize, plan.descent_scratch[0] as usize);
    let mut tape = [0; 4];
    let options = Options::new(1).with_isa(H::isa().unwrap_or(Isa::Portable));
    let buffers = Buffers { values, tape: &mut tape, statistics: &mut [], scratch, gathered: &mut [] };
    fill(4, parameters);
    parameters.iter_mut().for_each(|w| *w *= 0.2);
    let mut executor = Executor::<_, ONE, 1>::new(&plan, &Serial, options, buffers).ok()?;
    let mut batch = executor.begin(1).ok()?;
    fill(1, batch.input(0)?.0);
    let rule = settings.step(0.05, &mut Powers::new()).ok()?;
    marked::<M, Option<()>>(|| {
        let mode = Mode::Training { seed: 1, step: 0, running: &mut [] };
        let mut outputs = batch.forward(parameters, mode).ok()?.run().ok()?;
        let (z, g, _) = outputs.output_and_gradient(3)?;
        let (z, g) = (z.get(..10)?, g.get_mut(..10)?);
        g.copy_from_slice(z);
        cross_entropy(g, (10, 1), &[3], 1, &mut [0.0], Math::Libm).ok()?;
        outputs.descend(parameters, &mut [], &rule).ok()?.run().ok()?;
        Some(())
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
