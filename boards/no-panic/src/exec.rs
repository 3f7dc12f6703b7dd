//! Passes through graphs, forward and backward.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::Error;
use shatterscope::exec::Isa;
use shatterscope::exec::{Batch, Buffers, Executor, Mode, Options, Outputs};
use shatterscope::graph::{Graph, NodeWords};
use shatterscope::plan::{Memory, Plan, Storage, Verified, Want, place};
use shatterscope::train::{Optimiser, Powers, Settings};
use shatterscope::workers::Serial;

pub fn everything() {
    let words: [NodeWords; 3] = black_box([[0; 12]; 3]);
    let _ = black_box(planned(slice(&words)));
}

/// Any graph with any slots.
fn planned(words: &[NodeWords]) -> Result<(), Error> {
    let graph = Graph::from_words(words)?;
    let want: Want = black_box(Want::ParameterGradient);
    black_box((want.slots(), want.backward(), want.parameters(), want.inputs()));
    let (mut slots, mut storages) = ([0; 9], [Storage::EMPTY; 9]);
    let memory: Memory = black_box(place(&graph, want, buffer(&mut storages), buffer(&mut slots))?);
    black_box(memory);
    let (placed, memory) = Plan::with_placed_slots(&graph, want, buffer(&mut storages), buffer(&mut slots))?;
    let verified: Verified = black_box(placed.verified());
    black_box(memory);
    let slots = slice(&slots);
    let plan = if black_box(true) {
        Plan::new(&graph, want, slots)?
    } else {
        Plan::from_verified(&graph, want, slots, &verified)?
    };
    let (batch, tile) = black_box((9, 4));
    black_box((plan.want(), plan.slots().len(), plan.graph().len(), plan.value_slot(black_box(1))));
    black_box((plan.values_len(batch, tile), plan.tape_len(batch, tile), plan.tape_tile_len(tile)));
    black_box((plan.gathered_len(tile), plan.statistics_len()));
    let _ = black_box(run::<1, 1>(&plan));
    let _ = black_box(run::<4, 4>(&plan));
    let _ = black_box(run::<5, 16>(&plan));
    Ok(())
}

fn run<const R: usize, const T: usize>(plan: &Plan) -> Result<(), Error> {
    let [mut values, mut statistics, mut scratch, mut gathered] = [[0.0; 8]; 4];
    let [mut parameters, mut gradient, mut state] = [[0.0; 8]; 3];
    let mut tape = [0; 8];
    let buffers = Buffers {
        values: buffer(&mut values),
        tape: buffer(&mut tape),
        statistics: buffer(&mut statistics),
        scratch: buffer(&mut scratch),
        gathered: buffer(&mut gathered),
    };
    let options: Options = black_box(Options::new(9).with_isa(Isa::detect()));
    let mut executor = Executor::<Serial, R, T>::new(plan, &Serial, options, buffers)?;
    let outputs = passed(executor.begin_at(black_box(3), black_box(2))?, slice(&parameters))?;
    let mut backward = outputs.backward(slice(&parameters), buffer(&mut gradient))?;
    while backward.step(u64::MAX)? {
        black_box((backward.node(), backward.done(), backward.has_changed()));
    }
    let gradients = backward.run()?;
    for input in plan.graph().inputs() {
        black_box(gradients.input(input));
    }
    let outputs = passed(executor.begin(black_box(5))?, slice(&parameters))?;
    let mut update = |at: usize, weights: &mut [f32], gradient: &[f32]| {
        black_box((at, weights, gradient));
    };
    black_box(outputs.backward_with(buffer(&mut parameters), &mut update)?.run()?.input(black_box(0)));
    let settings = Settings::new(Optimiser::Sgd);
    let rule = black_box(settings).step(black_box(0.1), &mut Powers::new())?;
    let outputs = passed(executor.begin(black_box(5))?, slice(&parameters))?;
    outputs.descend(buffer(&mut parameters), buffer(&mut state), &rule)?.run()?;
    Ok(())
}

/// Inputs in, outputs out, and where the gradients of the outputs are to be.
#[inline(never)]
fn passed<'e, 'a, const R: usize, const T: usize>(
    mut batch: Batch<'e, 'a, Serial, R, T>,
    parameters: &[f32],
) -> Result<Outputs<'e, 'a, Serial, R, T>, Error> {
    if let Some((inputs, each)) = batch.input(black_box(0)) {
        inputs.fill(black_box(each as f32));
    }
    let [mut training, running] = [[0.0; 8]; 2];
    let mode = match black_box(0) {
        0 => Mode::Training { seed: black_box(1), step: black_box(2), running: buffer(&mut training) },
        1 => Mode::Probing,
        _ => Mode::Inference { running: slice(&running) },
    };
    let mut forward = batch.forward(parameters, mode)?;
    black_box(forward.run_to(black_box(1))?);
    while forward.step(u64::MAX)? {
        black_box((forward.value(), forward.node()));
    }
    let mut outputs = forward.run()?;
    black_box(outputs.output(black_box(1)));
    if let Some((outputs, gradient, each)) = outputs.output_and_gradient(black_box(1)) {
        gradient.fill(black_box((outputs.len() + each) as f32));
    }
    Ok(outputs)
}
