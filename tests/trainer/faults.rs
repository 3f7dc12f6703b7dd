//! NaN and infinity are named with the layer; nothing after that layer has happened.
use super::machine::{How, Room, Task, load, run, seed, values};
use super::networks::{self, List, image, window};
use super::workers::Order;
use shatterscope::kernel::Isa;
use shatterscope::layer::{Image, Window};
use shatterscope::train::{Buffers, Layer, Mode, Options, Trainer, plan};
use shatterscope::{Buffer, Error, Fault, Pass};

const POINTS: usize = 6;

fn fault(task: &Task) -> Error {
    let how = How { isa: Isa::detect(), cuts: &[POINTS], scratch: 0, gathered: 1, update: false };
    let told = run::<4, 4>(task, &Order::InTurn, how).unwrap_err();
    // Whoever does the parts, and however wide they are.
    assert_eq!(
        run::<5, 16>(task, &Order::Reverse, How { isa: Isa::Portable, ..how }).map(|_| ()).unwrap_err(),
        match told {
            Error::NotFinite { .. } => run::<5, 16>(task, &Order::InTurn, how).unwrap_err(),
            told => told,
        }
    );
    told
}

fn forward(layer: usize) -> Error {
    Error::NonFinite(Fault { pass: Pass::Forward, layer: layer as u32 + 1 })
}

fn backward(layer: usize) -> Error {
    Error::NonFinite(Fault { pass: Pass::Backward, layer: layer as u32 + 1 })
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
            let plan = plan(&layers, POINTS as u32, 4).unwrap();
            let mut room = Room::new(&plan, 0, 1);
            let options = Options { batch: POINTS as u32, isa: Isa::Portable, seed: 0 };
            let mut trainer = Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, room.buffers()).unwrap();
            let tile_len = trainer.begin(1).unwrap().1;
            let index = (tile_len + (units - 1) * 4) as u64;
            assert_eq!(fault(&task), Error::NotFinite { buffer: Buffer::Inputs, layer: 0, index }, "{name}");
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
        (List::new(Image::vector(2)).fork().prelu(0.5).join(1.0, 1.0).layers, 0),
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
        let Error::NonFinite(Fault { pass: Pass::Backward, .. }) = fault(&task) else { panic!("{name}") };
        let plan = plan(&layers, POINTS as u32, 4).unwrap();
        let mut room = Room::new(&plan, 0, 1);
        let options = Options { batch: POINTS as u32, isa: Isa::Portable, seed: 0 };
        let mut trainer = Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, room.buffers()).unwrap();
        load(&mut trainer, (0, POINTS), &task.inputs).unwrap();
        trainer.forward(&task.parameters, &mut task.running, Mode::Probing).unwrap();
        seed(&mut trainer, (0, POINTS), &task.seeds);
        trainer.backward_with(&mut task.parameters, |at, _, _| panic!("{name}: parameter {at}")).unwrap_err();
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
    let plan = plan(&layers, POINTS as u32, 4).unwrap();
    let mut room = Room::new(&plan, 0, 1);
    let options = Options { batch: POINTS as u32, isa: Isa::Portable, seed: 0 };
    let mut trainer = Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, room.buffers()).unwrap();
    load(&mut trainer, (0, POINTS), &task.inputs).unwrap();
    let before = task.parameters.clone();
    trainer.forward(&task.parameters, &mut task.running, task.mode).unwrap();
    seed(&mut trainer, (0, POINTS), &task.seeds);
    let mut touched = Vec::new();
    let told = trainer.backward_with(&mut task.parameters, |at, weights, _| touched.push((at, weights.len())));
    assert_eq!(told, Err(backward(2)));
    assert!(touched.iter().all(|(at, _)| *at >= 44) && !touched.is_empty(), "{touched:?}");
    assert_eq!(task.parameters, before);
    let mut gradient = vec![0.0; before.len()];
    seed(&mut trainer, (0, POINTS), &task.seeds);
    assert_eq!(trainer.backward(&before, &mut gradient), Err(backward(2)));
    assert!(gradient[..44].iter().all(|g| g.to_bits() == 0) && gradient[44] != 0.0);
    // A norm at fault leaves its running statistics alone, those before it have moved.
    let layers = List::new(Image::vector(2)).norm().dense(2, false).norm().layers;
    let mut task = Task::new(&layers, POINTS, Mode::Training { step: 0 });
    task.parameters[4..8].fill(1e25);
    let running = task.running.clone();
    let plan = shatterscope::train::plan(&layers, POINTS as u32, 4).unwrap();
    let mut room = Room::new(&plan, 0, 1);
    let mut trainer = Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, room.buffers()).unwrap();
    load(&mut trainer, (0, POINTS), &task.inputs).unwrap();
    assert_eq!(trainer.forward(&task.parameters, &mut task.running, task.mode), Err(forward(2)));
    assert_eq!(task.running[4..], running[4..]);
    assert!(task.running[..4].iter().zip(&running).all(|(a, b)| a != b));
}

#[test]
fn lengths_are_checked_by_name() {
    let layers = List::new(image(2, 2, 2)).conv(3, window(1, 1, 1, 0), true).norm().dense(2, true).layers;
    let task = Task::new(&layers, POINTS, Mode::Probing);
    let plan = plan(&layers, POINTS as u32, 4).unwrap();
    let options = Options { batch: POINTS as u32, isa: Isa::Portable, seed: 0 };
    let mut exact = Room::new(&plan, 0, 1);
    let mut room = Room::new(&plan, 0, 1);
    let short = |buffer, need: usize| Error::TooShort { buffer, need: need as u64, have: need as u64 - 1 };
    let (parameters, running) = (task.parameters.len(), task.running.len());
    let mut trainer = Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, room.buffers()).unwrap();
    let none = Error::TooShort { buffer: Buffer::Inputs, need: 1, have: 0 };
    let mut moved = task.clone();
    assert_eq!(trainer.forward(&task.parameters, &mut moved.running, Mode::Training { step: 0 }), Err(none));
    assert_eq!(trainer.backward(&task.parameters, &mut []), Err(none));
    assert_eq!(moved.running, task.running);
    assert_eq!(trainer.begin(0).unwrap_err(), Error::TooShort { buffer: Buffer::Inputs, need: 1, have: 6 });
    assert_eq!(trainer.begin(7).unwrap_err(), Error::TooShort { buffer: Buffer::Inputs, need: 7, have: 6 });
    load(&mut trainer, (0, POINTS), &task.inputs).unwrap();
    let told = trainer.forward(&task.parameters[1..], &mut moved.running, Mode::Probing);
    assert_eq!(told, Err(short(Buffer::Parameters, parameters)));
    let told = trainer.forward(&task.parameters, &mut moved.running[1..], Mode::Probing);
    assert_eq!(told, Err(short(Buffer::Running, running)));
    trainer.forward(&task.parameters, &mut moved.running, Mode::Probing).unwrap();
    seed(&mut trainer, (0, POINTS), &task.seeds);
    assert_eq!(trainer.backward(&task.parameters[1..], &mut []), Err(short(Buffer::Parameters, parameters)));
    let told = trainer.backward_with(&mut moved.parameters[1..], |_, _, _| panic!("updated"));
    assert_eq!(told, Err(short(Buffer::Parameters, parameters)));
    let mut gradient = vec![0.0; parameters - 1];
    assert_eq!(trainer.backward(&task.parameters, &mut gradient), Err(short(Buffer::Gradient, parameters)));
    assert!(gradient.iter().all(|g| *g == 0.0));
    trainer.backward(&task.parameters, &mut []).unwrap();

    let mut too_short = |buffer, cut: fn(Buffers<'_>) -> Buffers<'_>, need: u64| {
        let told =
            Trainer::<_, 4, 4>::new(&layers, &Order::InTurn, options, cut(exactly(&mut exact, &plan))).unwrap_err();
        assert_eq!(told, short(buffer, need as usize));
    };
    too_short(Buffer::Places, |b| Buffers { places: &mut b.places[1..], ..b }, plan.places_len);
    too_short(Buffer::Activations, |b| Buffers { activations: &mut b.activations[1..], ..b }, plan.activations_len);
    too_short(Buffer::Gradient, |b| Buffers { gradients: &mut b.gradients[1..], ..b }, plan.gradients_len);
    too_short(Buffer::Statistics, |b| Buffers { statistics: &mut b.statistics[1..], ..b }, plan.statistics_len);
    too_short(Buffer::Scratch, |b| Buffers { scratch: &mut b.scratch[1..], ..b }, plan.scratch_len);
    too_short(Buffer::Gathered, |b| Buffers { gathered: &mut b.gathered[1..], ..b }, plan.gathered_len);
    let rectified = List::new(Image::vector(3)).relu().layers;
    let plan = shatterscope::train::plan(&rectified, POINTS as u32, 4).unwrap();
    let mut room = Room::new(&plan, 0, 1);
    let mut buffers = exactly(&mut room, &plan);
    buffers.tape = &mut buffers.tape[1..];
    let told = Trainer::<_, 4, 4>::new(&rectified, &Order::InTurn, options, buffers).unwrap_err();
    assert_eq!(told, short(Buffer::Tape, plan.tape_len as usize));
}

fn exactly<'r>(room: &'r mut Room, plan: &shatterscope::train::Plan) -> Buffers<'r> {
    Buffers {
        places: &mut room.places[..plan.places_len as usize],
        activations: &mut room.activations[..plan.activations_len as usize],
        tape: &mut room.tape[..plan.tape_len as usize],
        gradients: &mut room.gradients[..plan.gradients_len as usize],
        statistics: &mut room.statistics[..plan.statistics_len as usize],
        scratch: &mut room.scratch[..plan.scratch_len as usize],
        gathered: &mut room.gathered[..plan.gathered_len as usize],
    }
}
