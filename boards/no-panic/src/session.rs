//! Sessions, and networks written by value.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::Error;
use shatterscope::exec::{Buffers, Model, Options, Session, Targets, TrainState, fill_running};
use shatterscope::graph::{Layers, Shape};
use shatterscope::plan::{Plan, RunOptions, Storage, Want};
use shatterscope::train::{InitialWeights, Initializer, Settings};
use shatterscope::workers::Serial;

pub fn everything() {
    let _ = black_box(sessions::<1, 1>());
    let _ = black_box(sessions::<4, 4>());
}

/// Layers of any numbers.
fn layers() -> Layers<9> {
    let layers = Layers::<9>::input_image(black_box(1), black_box(8), black_box(8));
    let layers = layers.freeze(black_box([true, false])).conv(black_box(2), black_box(3)).batch_norm().relu().fork();
    let layers = layers.max_pool(black_box(2)).average_pool(black_box(1)).reshape(black_box(Shape::vector(32)));
    black_box((layers.len(), layers.is_empty(), layers.shape(), layers.nodes::<3>()));
    layers.join_scaled(black_box(1.0), black_box(2.0)).join().elu(black_box(1.0)).dense(black_box(3))
}

fn sessions<const R: usize, const T: usize>() -> Result<(), Error> {
    let layers = layers();
    let graph = layers.graph()?;
    let want: Want = black_box(Want::Gradients);
    let (mut slots, mut storages) = ([0; 27], [Storage::EMPTY; 27]);
    let (plan, _) = Plan::with_placed_slots(&graph, want, buffer(&mut storages), buffer(&mut slots))?;
    black_box(plan.arena_len(black_box(3), black_box(4)));
    let [mut arena, mut memory, mut scratch, mut outputs, mut gradient] = [[0.0; 9]; 5];
    let options: RunOptions = black_box(RunOptions::new(3));
    let lengths = plan.run(&options, black_box(4))?;
    black_box(lengths.arena_len(black_box(7)));
    black_box(Buffers::of_run(&lengths, buffer(&mut arena))?);
    let (settings, init): (Settings, InitialWeights) =
        black_box((Settings::default(), InitialWeights::new(Initializer::He, 1)));
    black_box(TrainState::len(&plan, &settings));
    let mut state = TrainState::new(&plan, settings, init, buffer(&mut memory), buffer(&mut scratch))?;
    let progress = black_box(state.progress());
    black_box((state.steps(), state.parameters_mut()));
    let (inputs, values, labels) = ([0.0; 9], [0.0; 9], [0; 9]);
    let targets = if black_box(true) { Targets::Labels(slice(&labels)) } else { Targets::Values(slice(&values)) };
    let mut session = Session::<_, R, T>::with_tile(&plan, &Serial, black_box(Options::new(3)), buffer(&mut arena))?;
    black_box((session.point_lens(), session.plan().parameters_len));
    black_box(session.train_step(&mut state, black_box(0.1), slice(&inputs), targets)?);
    black_box(session.loss(state.model(), slice(&inputs), targets)?);
    let cotangent = if black_box(true) { Some(slice(&values)) } else { None };
    let model = Model::new(slice(&values)).with_running(slice(&values));
    session.predict(model, slice(&inputs), buffer(&mut outputs))?;
    session.input_gradient(model, slice(&inputs), cotangent, buffer(&mut outputs), buffer(&mut gradient))?;
    black_box(session.parameter_gradient(model, slice(&inputs), targets, buffer(&mut gradient))?);
    let resumed = TrainState::resume(&plan, settings, black_box(1), progress, buffer(&mut memory))?;
    black_box(resumed.steps());
    fill_running(&graph, buffer(&mut outputs));
    Ok(())
}
