//! The run, independent of the board: a test runs this file on the desktop.
use super::network::{GRAPH, INIT, PLAN, POINTS};
use shatterscope::Error;
use shatterscope::contract::Digest;
use shatterscope::exec::{Buffers, Input, Run, Source, Step};
use shatterscope::plan::RunOptions;
use shatterscope::workers::Serial;
use shatterscope_digits::{LARGEST, SIDE, digit};

/// The digest of outputs and gradient, as `docs/strict1_training.py example` computes it. It does not depend on the machine, the schedule, the
/// register tile or the instruction set.
pub const DIGEST: &str = include_str!("../digest.txt").trim_ascii();

/// Multiply-adds of a step. A firmware can do other work between two steps.
const BUDGET: u64 = 1 << 21;

/// The buffers of a run. [`lengths`](super::network::lengths) returns the lengths that depend on the schedule.
pub struct Memory<'a> {
    /// `PLAN.parameters_len`
    pub parameters: &'a mut [f32],
    /// `[point][pixel]`
    pub inputs: &'a mut [f32],
    /// Values, tape, statistics and packed weights.
    pub buffers: Buffers<'a>,
    /// `[point][class]`
    pub outputs: &'a mut [f32],
    /// `[point][pixel]`
    pub gradient: &'a mut [f32],
}

/// Draws the parameters, loads the digits, and computes the outputs and the gradient of their sum with respect to the pixels, in steps. Returns
/// the digest of both. `between` is called after each step but the last, with the multiply-adds done so far.
///
/// # Errors
/// As [`Run::new`] and [`Run::step`].
pub fn run<const R: usize, const T: usize>(
    options: RunOptions,
    memory: Memory<'_>,
    mut between: impl FnMut(u64),
) -> Result<Digest, Error> {
    let Memory { parameters, inputs, buffers, outputs, gradient } = memory;
    // This initialisation needs no scratch.
    INIT.fill(&GRAPH, parameters, &mut [])?;
    for (input, digit) in inputs.as_chunks_mut::<{ SIDE * SIDE }>().0.iter_mut().zip((0..POINTS).filter_map(digit)) {
        *input = digit.pixels.map(|pixel| f32::from(pixel) / f32::from(LARGEST));
    }
    let (source, input) = (Source::Stored(parameters), Input::Points(inputs));
    let mut run = Run::<_, R, T>::new(&PLAN, source, &Serial, input, options, buffers, outputs, gradient)?;
    while let Step::Pending(done) = run.step(BUDGET)? {
        between(done);
    }
    Ok(Digest::of_runs([Digest::of(outputs), Digest::of(gradient)]))
}
