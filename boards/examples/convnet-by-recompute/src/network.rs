//! The network of `shatterscope train --net stack --depth 4 --width 16 --batch-norm` for the digits, and the plan of its run, both computed at
//! compile time.
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Graph, Node, Shape};
use shatterscope::plan::{Plan, RunLengths, RunOptions, Schedule, Statistics, Storage, place};
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope_digits::{CLASSES, SIDE};

/// Number of points in the batch: the first digits.
pub const POINTS: usize = 256;
/// The initial parameters, drawn as `train` draws them by default.
pub const INIT: InitialWeights = InitialWeights { start: Initializer::He, seed: 1, run: 0 };

/// Channels of each convolution.
const WIDTH: u32 = 16;
/// Convolutions, each followed by a batch norm and a ReLU.
const CONVOLUTIONS: usize = 3;
/// The input, three nodes per convolution, and the readout.
const NODES_LEN: usize = 1 + 3 * CONVOLUTIONS + 1;

/// The nodes of the graph.
pub static NODES: [Node; NODES_LEN] = {
    let mut nodes = [Node::EMPTY; NODES_LEN];
    let mut builder = Builder::new(&mut nodes);
    let mut x = builder.input(Shape { channels: 1, height: SIDE as u16, width: SIDE as u16 });
    let mut layer = 1;
    while layer < NODES_LEN as u32 - 1 {
        builder.layer(layer);
        x = builder.conv(x, WIDTH, Window::half_padded(3, 1), false);
        builder.layer(layer + 1);
        x = builder.batch_norm(x, 1e-5, 0.1);
        builder.layer(layer + 2);
        x = builder.relu(x);
        layer += 3;
    }
    builder.layer(layer);
    x = builder.dense(x, CLASSES as u32, true);
    match builder.finish(&[x]) {
        Ok(_) => nodes,
        Err(_) => panic!("the nodes do not fit each other"),
    }
};

/// The graph.
pub const GRAPH: Graph<'static> = match Graph::new(&NODES) {
    Ok(graph) => graph,
    Err(_) => panic!("the nodes do not fit each other"),
};

/// Computes outputs and the gradient of the inputs with all points resident. The statistics of the batch norms are those of the batch, and the
/// gradient goes through them.
pub const WHOLE_BATCH: RunOptions = RunOptions::new(POINTS as u32).with_statistics(Statistics::Full);

/// As [`WHOLE_BATCH`], with `resident` points in memory at a time: each batch norm repeats the passes that its statistics need.
pub const fn recompute(resident: u32) -> RunOptions {
    WHOLE_BATCH.with_schedule(Schedule::Blocks { resident })
}

/// The slots of values, saved operands and gradients.
const SLOTS_LEN: usize = NODES_LEN * WHOLE_BATCH.want().slots();
const SLOTS: [u32; SLOTS_LEN] = {
    let mut slots = [0; SLOTS_LEN];
    match place(&GRAPH, WHOLE_BATCH.want(), &mut [Storage::EMPTY; SLOTS_LEN], &mut slots) {
        Ok(_) => slots,
        Err(_) => panic!("the values cannot be placed"),
    }
};

/// The plan, the same for both schedules.
pub const PLAN: Plan<'static> = match Plan::new(&GRAPH, WHOLE_BATCH.want(), &SLOTS) {
    Ok(plan) => plan,
    Err(_) => panic!("the network cannot be planned"),
};

/// The buffer lengths of a run in tiles of `tile` points.
pub const fn lengths(options: &RunOptions, tile: u32) -> RunLengths {
    match PLAN.run(options, tile) {
        Ok(lengths) => lengths,
        Err(_) => panic!("the network cannot be run with these options"),
    }
}

/// The bytes of all buffers of a run, including parameters and inputs.
pub const fn bytes(lengths: &RunLengths) -> u64 {
    let inputs = (POINTS * SIDE * SIDE) as u64;
    let results = lengths.outputs_len + lengths.gradient_len;
    let work = lengths.values_len + lengths.statistics_len + PLAN.scratch_best;
    4 * (PLAN.parameters_len + inputs + results + work) + lengths.tape_len
}
