//! The run itself, apart from any board: a test runs this very file on the desktop.
use super::network::{NETWORK, PARAMETERS};
use shatterscope::network::{Buffers, Executor, Input, Options, Plan, Serial, Stored};

pub const POINTS: usize = 4;
/// `[point][unit]`
pub const INPUTS: [f32; POINTS * 2] = [0.1, 0.2, -0.5, 0.9, 0.75, -0.25, -0.4, -0.6];

/// Rows and points of the register tile: 4 x 4 where there is an FPU, 1 x 1 saves memory where there is none.
const ROWS: usize = 4;
const TILE: usize = 4;
const OPTIONS: Options = Options::new(POINTS as u32);
const PLAN: Plan = match NETWORK.plan(&OPTIONS, TILE as u32) {
    Ok(plan) => plan,
    Err(_) => panic!("found when it is compiled"),
};

/// f(x), and df/dx `[point][unit]`.
pub fn run(inputs: &[f32]) -> Result<([f32; POINTS], [f32; POINTS * 2]), shatterscope::Error> {
    let (mut outputs, mut gradient) = ([0.0; POINTS], [0.0; POINTS * 2]);
    let buffers = Buffers {
        activations: &mut [0.0; PLAN.activations_len as usize],
        tape: &mut [0; PLAN.tape_len as usize],
        statistics: &mut [0.0; PLAN.statistics_len as usize],
        normalised: &mut [0.0; PLAN.normalised_len as usize],
        panel: &mut [0.0; 64],
    };
    let weights = Stored::new(&NETWORK, &PARAMETERS)?;
    let input = Input::Points(inputs);
    Executor::<_, _, ROWS, TILE>::new(
        NETWORK,
        &weights,
        &Serial,
        input,
        OPTIONS,
        buffers,
        &mut outputs,
        &mut gradient,
    )?
    .run()?;
    Ok((outputs, gradient))
}
