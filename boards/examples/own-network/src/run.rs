//! The run itself, apart from any board: a test runs this very file on the desktop.
use super::network::{GRAPH, PARAMETERS};
use shatterscope::exec::{Buffers, Input, Run, Source};
use shatterscope::plan::{Plan, RunLengths, RunOptions, Storage, place};
use shatterscope::workers::Serial;

pub const POINTS: usize = 4;
/// `[point][unit]`
pub const INPUTS: [f32; POINTS * 2] = [0.1, 0.2, -0.5, 0.9, 0.75, -0.25, -0.4, -0.6];

/// Rows and points of the register tile: 4 x 4 where there is an FPU, 1 x 1 saves memory where there is none.
const ROWS: usize = 4;
const TILE: usize = 4;
const OPTIONS: RunOptions = RunOptions::new(POINTS as u32);

/// The slots of all values, and the lengths of the buffers: a network that cannot be planned is a compiler error.
const SLOTS_LEN: usize = GRAPH.len() * OPTIONS.want().slots();
const SLOTS: [u32; SLOTS_LEN] = {
    let mut slots = [0; SLOTS_LEN];
    match place(&GRAPH, OPTIONS.want(), &mut [Storage::EMPTY; SLOTS_LEN], &mut slots) {
        Ok(_) => slots,
        Err(_) => panic!("the values have no place"),
    }
};
const PLAN: Plan<'static> = match Plan::new(&GRAPH, OPTIONS.want(), &SLOTS) {
    Ok(plan) => plan,
    Err(_) => panic!("the network cannot be planned"),
};
const LENGTHS: RunLengths = match PLAN.run(&OPTIONS, TILE as u32) {
    Ok(lengths) => lengths,
    Err(_) => panic!("the network cannot be run with these options"),
};

/// f(x), and df/dx `[point][unit]`.
pub fn run(inputs: &[f32]) -> Result<([f32; POINTS], [f32; POINTS * 2]), shatterscope::Error> {
    let (mut outputs, mut gradient) = ([0.0; POINTS], [0.0; POINTS * 2]);
    let buffers = Buffers {
        values: &mut [0.0; LENGTHS.values_len as usize],
        tape: &mut [0; LENGTHS.tape_len as usize],
        statistics: &mut [0.0; LENGTHS.statistics_len as usize],
        scratch: &mut [0.0; PLAN.scratch_len as usize],
        gathered: &mut [],
    };
    Run::<_, ROWS, TILE>::new(
        &PLAN,
        Source::Stored(&PARAMETERS),
        &Serial,
        Input::Points(inputs),
        OPTIONS,
        buffers,
        &mut outputs,
        &mut gradient,
    )?
    .run()?;
    Ok((outputs, gradient))
}
