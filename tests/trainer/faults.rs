//! NaN and infinity are named with the layer; nothing after that layer has happened.
use super::machine::{How, Mode, Planned, Room, Task, forward as passed, run, seeded, values};
use super::networks::{self, List, image, window};
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::exec::{self, Buffers, Executor, Options};
use shatterscope::graph::{Image, Window};
use shatterscope::plan::{Plan, Want};
use shatterscope::{Buffer, Error, NonFinite, Pass};
use shatterscope_layers::Layer;

const POINTS: usize = 6;
const OPTIONS: Options = Options::new(POINTS as u32).with_isa(Isa::Portable);

fn planned(layers: &[Layer]) -> Planned {
    Planned::new(layers, Want::Gradients).unwrap()
}

fn fault(task: &Task) -> Error {
    let how = How { isa: Isa::detect(), cuts: &[POINTS], scratch: 0, gathered: 1, update: false };
    let told = run::<4, 4>(task, &Order::InTurn, how).unwrap_err();
    // Whoever does the parts, and however wide they are.
    assert_eq!(
        run::<5, 16>(task, &Order::Reverse, How { isa: Isa::Portable, ..how }).map(|_| ()).unwrap_err(),
        match told {
            Error::InvalidValue { .. } => run::<5, 16>(task, &Order::InTurn, how).unwrap_err(),
            told => told,
        }
    );
    told
}

fn forward(layer: usize) -> Error {
    Error::NonFinite(NonFinite { pass: Pass::Forward, layer: layer as u32 + 1 })
}

fn backward(layer: usize) -> Error {
    Error::NonFinite(NonFinite { pass: Pass::Backward, layer: layer as u32 + 1 })
}

#[test]
fn parameters_that_are_not_finite_are_found_in_their_layer() {
    for (name, layers) in networks::all() {
        let mut at = 0;
        for (i, layer) in layers.iter().enumerate() {
            let (weights, others) = layer.parameters().unwrap();
            for (index, there) in [(at, weights > 0), (at + weights as usize, others > 0)] {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    if there {
                        let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
                        task.parameters[index] = value;
                        assert_eq!(fault(&task), forward(i), "{name}, layer {i}");
                    }
                }
            }
            at += (weights + others) as usize;
        }
    }
}

#[test]
fn statistics_that_are_not_finite_are_found_in_their_norm() {
    let layers = List::new(image(2, 2, 2)).conv(3, window(1, 1, 1, 0), true).norm().relu().layers;
    let mut task = Task::new(&layers, POINTS, Mode::Inference);
    for (index, value) in [(0, f32::NAN), (2, f32::INFINITY), (3, f32::NAN), (4, f32::INFINITY), (5, -1.0)] {
        let running = task.running.clone();
        task.running[index] = value;
        assert_eq!(fault(&task), forward(1), "{index}");
        task.running = running;
    }
    // Squares overflow, and the inverse of their root is zero: all would be finite.
    let mut task = Task::new(&layers[1..2], POINTS, Mode::Probing);
    task.inputs.iter_mut().for_each(|x| *x *= 1e30);
    assert_eq!(fault(&task), forward(0));
    // The sum does.
    task.inputs.fill(3e38);
    assert_eq!(fault(&task), forward(0));
}

#[test]
fn inputs_that_are_not_finite_are_named() {
    for (name, layers) in networks::all() {
        for value in [f32::NAN, f32::INFINITY] {
            let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
            let units = task.inputs.len() / POINTS;
            // The last unit of the point before the last: of tiles of four, the first point of the second.
            task.inputs[(POINTS - 1) * units - 1] = value;
            let planned = planned(&layers);
            let plan = planned.plan();
            let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
            let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, room.buffers()).unwrap();
            let tile_len = executor.begin(1).unwrap().input(0).unwrap().1;
            let index = (tile_len + (units - 1) * 4) as u64;
            assert_eq!(fault(&task), Error::InvalidValue { buffer: Buffer::Inputs, layer: 0, index }, "{name}");
        }
    }
}

/// Slopes as their layers begin, not as the task has them.
fn set_slopes(task: &mut Task) {
    let mut at = 0;
    for layer in &task.layers {
        let (weights, others) = layer.parameters().unwrap();
        if let Layer::Prelu { slope, .. } = *layer {
            task.parameters[at..at + weights as usize].fill(slope);
        }
        at += (weights + others) as usize;
    }
}

/// Where no value is negative, nothing else would show it.
#[test]
fn a_slope_that_is_not_finite_is_found_before_it_is_used() {
    let layers = List::new(image(2, 2, 2)).relu().prelu(0.5).layers;
    let mut task = Task::new(&layers, POINTS, Mode::Inference);
    task.inputs.iter_mut().for_each(|x| *x = x.abs() + 1.0);
    task.parameters[1] = f32::NAN;
    assert_eq!(fault(&task), forward(1));
}

#[test]
fn what_overflows_is_named() {
    let vector = || List::new(Image::vector(3));
    let tall = [1e30, 1e30, 3e38];
    for (layers, scale, at) in [
        (vector().prelu(-1e20).layers, tall[0], 0),
        (vector().dense(3, false).prelu(1e20).relu().layers, tall[1], 1),
        (vector().dropout(0.5).relu().layers, tall[2], 0),
        (vector().fork().relu().join(1e30, 0.0).layers, tall[0], 2),
        (List::new(image(1, 2, 2)).average(window(2, 2, 1, 0)).relu().layers, tall[2], 0),
        (vector().dense(40, true).layers, tall[2], 0),
        (List::new(image(3, 3, 3)).conv(2, Window::half_padded(3, 1), true).layers, tall[2], 0),
    ] {
        let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
        task.parameters.iter_mut().for_each(|w| *w *= 9.0);
        task.inputs.iter_mut().for_each(|x| *x = x.abs() * scale + scale / 2.0);
        if at == 0 && matches!(layers[0], Layer::Prelu { .. }) {
            task.inputs.iter_mut().for_each(|x| *x = -*x);
        }
        if let Layer::AveragePool { .. }
        | Layer::Dropout { .. }
        | Layer::Dense { outputs: 40, .. }
        | Layer::Conv { .. } = layers[0]
        {
            task.inputs.fill(scale);
        }
        if matches!(layers[0], Layer::Dense { outputs: 3, .. }) {
            task.parameters.fill(-0.25);
        }
        set_slopes(&mut task);
        assert_eq!(fault(&task), forward(at), "{layers:?}");
    }
}

#[test]
fn gradients_that_overflow_are_named() {
    for (name, layers) in networks::all() {
        let first = layers.iter().rposition(|layer| matches!(layer, Layer::Dense { .. } | Layer::Conv { .. }));
        let Some(last) = first else { continue };
        // What comes back into the last weights is finite; they are too large.
        if layers[last + 1..].iter().any(|layer| matches!(layer, Layer::BatchNorm { .. } | Layer::MaxPool { .. })) {
            continue;
        }
        let mut task = Task::new(&layers, POINTS, Mode::Probing);
        task.seeds.fill(1e30);
        let at: u64 = layers[..last].iter().map(|layer| layer.parameters().map_or(0, |(w, b)| w + b)).sum();
        let weights = layers[last].parameters().unwrap().0;
        task.parameters[at as usize..(at + weights) as usize].fill(1e12);
        let told = fault(&task);
        assert_eq!(told, backward(last), "{name}");
    }
    for (layers, at) in [
        (List::new(Image::vector(2)).prelu(1e20).layers, 0),
        (List::new(Image::vector(2)).dropout(0.5).layers, 0),
        (List::new(image(1, 1, 5)).average(window(1, 1, 1, 0)).layers, 9),
        // A sum is named by the layer that added last: the first of the branch, or the join where there is none.
        (List::new(Image::vector(2)).fork().prelu(0.5).join(1.0, 1.0).layers, 1),
        (List::new(Image::vector(2)).fork().relu().join(1.0, 1.0).layers, 1),
        (List::new(Image::vector(2)).relu().fork().dropout(0.0).relu().join(0.75, 0.75).layers, 2),
        (List::new(image(2, 2, 2)).fork().crelu().conv(3, window(1, 1, 2, 0), false).join(1.0, 1e-9).layers, 9),
        (List::new(image(1, 2, 2)).fork().max(window(1, 1, 2, 0)).join(1.0, 1.0).layers, 1),
        (List::new(Image::vector(2)).fork().join(1.0, 1.0).layers, 1),
        // A join looks at what it hands to both of its operands, through a shortcut or not.
        (List::new(Image::vector(2)).fork().relu().join(2.0, 0.5).layers, 2),
        (List::new(Image::vector(2)).fork().relu().join(0.5, 2.0).layers, 2),
        (List::new(image(1, 2, 2)).fork().max(window(1, 1, 2, 0)).join(2.0, 0.5).layers, 2),
        (List::new(image(1, 2, 2)).fork().max(window(1, 1, 2, 0)).join(0.5, 2.0).layers, 2),
        (List::new(image(1, 1, 3)).max(window(1, 2, 1, 0)).layers, 0),
        (List::new(image(1, 1, 3)).average(window(1, 2, 1, 0)).layers, 9),
    ] {
        let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
        task.inputs
            .iter_mut()
            .for_each(|x| *x = if matches!(layers[0], Layer::Prelu { .. }) { -1e-10 } else { x.abs() });
        if let Layer::MaxPool { .. } = layers[0] {
            // The middle is what both see.
            task.inputs.chunks_mut(3).for_each(|x| x[1] = 2.0);
        }
        task.seeds.fill(3e38);
        set_slopes(&mut task);
        if at == 9 {
            let how = How { isa: Isa::Portable, cuts: &[POINTS], scratch: 0, gathered: 1, update: false };
            run::<4, 4>(&task, &Order::InTurn, how).unwrap();
        } else {
            assert_eq!(fault(&task), backward(at), "{layers:?}");
        }
    }
}

#[test]
fn seeds_that_are_not_finite_do_not_reach_a_parameter() {
    for (name, layers) in networks::all() {
        let mut task = Task::new(&layers, POINTS, Mode::Probing);
        if task.parameters.is_empty() || matches!(layers.last(), Some(Layer::MaxPool { .. })) {
            continue;
        }
        *task.seeds.last_mut().unwrap() = f32::NAN;
        let Error::NonFinite(NonFinite { pass: Pass::Backward, .. }) = fault(&task) else { panic!("{name}") };
        let planned = planned(&layers);
        let plan = planned.plan();
        let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
        let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, room.buffers()).unwrap();
        let outputs = seeded(&mut executor, &task, (planned.output(), POINTS), &mut []);
        let mut parameters = task.parameters.clone();
        let mut update = |at: usize, _: &mut [f32], _: &[f32]| panic!("{name}: parameter {at}");
        let backward = outputs.backward_with(&mut parameters, &mut update);
        assert!(backward.unwrap().run().is_err());
    }
}

#[test]
fn layers_before_a_fault_have_not_moved() {
    let layers = List::new(Image::vector(3)).dense(4, true).norm().dense(4, true).dense(2, true).layers;
    let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
    // The second dense layer's weights make gradients overflow; the last one's have been updated then.
    task.parameters[24..40].fill(1e30);
    task.parameters[40..44].fill(0.0);
    task.inputs = values(3 * POINTS, 5);
    task.seeds.fill(1e15);
    let graph = planned(&layers);
    let plan = graph.plan();
    let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
    let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, room.buffers()).unwrap();
    let mut running = task.running.clone();
    let outputs = seeded(&mut executor, &task, (graph.output(), POINTS), &mut running);
    let (mut parameters, mut touched) = (task.parameters.clone(), Vec::new());
    let mut update = |at: usize, weights: &mut [f32], _: &[f32]| touched.push((at, weights.len()));
    let mut way = outputs.backward_with(&mut parameters, &mut update).unwrap();
    let told = loop {
        match way.step(u64::MAX) {
            Ok(more) => assert!(more, "the fault was not found"),
            Err(told) => break told,
        }
    };
    assert_eq!(told, backward(2));
    // The pass has ended with it.
    assert_eq!(way.step(u64::MAX), Err(told));
    assert_eq!(way.run().err(), Some(told));
    assert!(touched.iter().all(|(at, _)| *at >= 44) && !touched.is_empty(), "{touched:?}");
    assert_eq!(parameters, task.parameters);
    let mut gradient = vec![0.0; parameters.len()];
    let outputs = seeded(&mut executor, &task, (graph.output(), POINTS), &mut running);
    assert_eq!(outputs.backward(&parameters, &mut gradient).unwrap().run().err(), Some(backward(2)));
    assert!(gradient[..44].iter().all(|g| g.to_bits() == 0) && gradient[44] != 0.0);
    // After an error in the forward pass all running statistics are as before, those of earlier norms too.
    let layers = List::new(Image::vector(2)).norm().dense(2, false).norm().layers;
    let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
    task.parameters[4..8].fill(1e25);
    let mut running = task.running.clone();
    let graph = planned(&layers);
    let plan = graph.plan();
    let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
    let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, room.buffers()).unwrap();
    let told = passed(&mut executor, &task, (0, POINTS), &task.parameters, &mut running).err();
    assert_eq!(told, Some(forward(2)));
    assert_eq!(task.running, running);
}

#[test]
fn lengths_are_checked_by_name() {
    let layers = List::new(image(2, 2, 2)).conv(3, window(1, 1, 1, 0), true).norm().dense(2, true).layers;
    let task = Task::new(&layers, POINTS, Mode::Probing);
    let graph = planned(&layers);
    let plan = graph.plan();
    let mut exact = Room::new::<4>(&plan, POINTS, 0, 1);
    let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
    let short = |buffer, need: usize| Error::TooShort { buffer, need: need as u64, have: need as u64 - 1 };
    let (parameters, running) = (task.parameters.len(), task.running.len());
    let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, room.buffers()).unwrap();
    let mut moved = task.clone();
    let none = |most| Error::Batch { points: 0, most };
    assert_eq!(executor.begin(0).err(), Some(none(6)));
    assert_eq!(executor.begin(7).err(), Some(Error::Batch { points: 7, most: 6 }));
    let mut told =
        |parameters: &[f32], mode: exec::Mode<'_>| executor.begin(6).unwrap().forward(parameters, mode).err();
    let [first, all] = [1, 0].map(|cut| &task.parameters[cut..]);
    assert_eq!(told(first, exec::Mode::Probing), Some(short(Buffer::Parameters, parameters)));
    let mode = exec::Mode::Training { seed: 0, step: 0, running: &mut moved.running[1..] };
    assert_eq!(told(all, mode), Some(short(Buffer::Running, running)));
    let mode = exec::Mode::Inference { running: &task.running[1..] };
    assert_eq!(told(all, mode), Some(short(Buffer::Running, running)));
    assert_eq!(moved.running, task.running);
    // Whatever is refused can be asked for again.
    let ends = (graph.output(), POINTS);
    assert_eq!(
        seeded(&mut executor, &task, ends, &mut []).backward(&task.parameters[1..], &mut []).err(),
        Some(short(Buffer::Parameters, parameters))
    );
    let told = seeded(&mut executor, &task, ends, &mut [])
        .backward_with(&mut moved.parameters[1..], &mut |_, _, _| panic!("updated"))
        .err();
    assert_eq!(told, Some(short(Buffer::Parameters, parameters)));
    let mut gradient = vec![0.0; parameters - 1];
    let told = seeded(&mut executor, &task, ends, &mut []).backward(&task.parameters, &mut gradient).err();
    assert_eq!(told, Some(short(Buffer::Gradient, parameters)));
    assert!(gradient.iter().all(|g| *g == 0.0));
    assert!(seeded(&mut executor, &task, ends, &mut []).backward(&task.parameters, &mut []).unwrap().run().is_ok());

    let mut too_short = |buffer, cut: fn(Buffers<'_>) -> Buffers<'_>, need: u64| {
        let buffers = cut(exactly(&mut exact, &plan));
        let told = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, buffers).err();
        assert_eq!(told, Some(short(buffer, need as usize)));
    };
    let values_len = plan.values_len(POINTS as u32, 4).unwrap();
    too_short(Buffer::Values, |b| Buffers { values: &mut b.values[1..], ..b }, values_len);
    too_short(Buffer::Statistics, |b| Buffers { statistics: &mut b.statistics[1..], ..b }, plan.statistics_len());
    too_short(Buffer::Scratch, |b| Buffers { scratch: &mut b.scratch[1..], ..b }, plan.scratch_len);
    too_short(Buffer::Gathered, |b| Buffers { gathered: &mut b.gathered[1..], ..b }, plan.gathered_len(4));
    let graph = planned(&List::new(Image::vector(3)).relu().layers);
    let plan = graph.plan();
    let mut room = Room::new::<4>(&plan, POINTS, 0, 1);
    let mut buffers = exactly(&mut room, &plan);
    buffers.tape = &mut buffers.tape[1..];
    let told = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, OPTIONS, buffers).err();
    assert_eq!(told, Some(short(Buffer::Tape, plan.tape_len(POINTS as u32, 4).unwrap() as usize)));
}

fn exactly<'r>(room: &'r mut Room, plan: &Plan) -> Buffers<'r> {
    let points = POINTS as u32;
    Buffers {
        values: &mut room.values[..plan.values_len(points, 4).unwrap() as usize],
        tape: &mut room.tape[..plan.tape_len(points, 4).unwrap() as usize],
        statistics: &mut room.statistics[..plan.statistics_len() as usize],
        scratch: &mut room.scratch[..plan.scratch_len as usize],
        gathered: &mut room.gathered[..plan.gathered_len(4) as usize],
    }
}
