//! Plans for steps alone: the same parameters in less memory, and no gradient that was not requested.
use super::machine::{How, Mode, Planned, Room, Task, bits, forward, run, seed, seeded};
use super::networks::{self, List, image};
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Options};
use shatterscope::graph::{Image, Window};
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{Decay, Optimiser, Powers, Settings};
use shatterscope::{Buffer, Error, NonFinite, Pass};
use shatterscope_layers::Layer;

const SGD: Settings = Settings::new(Optimiser::Sgd);
const DECAYED: Settings = SGD.with_decay(Decay::L2(0.0));
/// That of [`How::update`].
const RATE: f32 = 0.015625;

fn options(points: usize) -> Options {
    Options::new(points as u32).with_isa(Isa::detect())
}

fn for_steps(layers: &[Layer]) -> Planned {
    Planned::new(layers, Want::ParameterGradient).unwrap()
}

/// Parameters after a step, in buffers of NaN that are no longer than planned.
fn stepped<const R: usize, const T: usize>(task: &Task, points: usize, settings: Settings) -> Result<Vec<u32>, Error> {
    let planned = Planned::new(&task.layers, Want::ParameterGradient)?;
    let plan = planned.plan();
    // A room for one point in tiles of one has the scratch of plain descent, which other rules find too short.
    let more = if settings == SGD || (points, T) != (1, 1) { 0 } else { plan.scratch_len - plan.descent_scratch[0] };
    let mut room = Room::new::<T>(&plan, points, more as usize, 1);
    let mut executor = Executor::<_, R, T>::new(&plan, &Order::InTurn, options(points), room.buffers())?;
    let (mut parameters, mut running) = (task.parameters.clone(), task.running.clone());
    let mut outputs = forward(&mut executor, task, (0, points), &parameters, &mut running)?;
    if plan.parameters_len > 0 {
        seed(&mut outputs, planned.output(), (0, points), &task.seeds);
    } else {
        assert!(outputs.output_and_gradient(planned.output()).is_none(), "a gradient that nothing needs");
    }
    let rule = settings.step(RATE, &mut Powers::new())?;
    let gradients = outputs.descend(&mut parameters, &mut [], &rule)?.run()?;
    assert!(gradients.input(0).is_none());
    room.check();
    Ok(bits(&parameters))
}

#[test]
fn parameters_get_the_same_bits() {
    for (name, layers) in networks::all() {
        for points in [1, 6] {
            let task = Task::new(&layers, points, Mode::Training { step: 2 });
            let how = How { isa: Isa::Portable, cuts: &[points], scratch: 0, gathered: 1, update: true };
            let expected = run::<4, 4>(&task, &Order::InTurn, how).unwrap().gradient;
            for settings in [SGD, DECAYED] {
                let check = |ours: Result<Vec<u32>, Error>| assert_eq!(ours.as_ref(), Ok(&expected), "{name} {points}");
                check(stepped::<1, 1>(&task, points, settings));
                check(stepped::<4, 1>(&task, points, settings));
                check(stepped::<4, 4>(&task, points, settings));
            }
        }
    }
}

#[test]
fn what_is_not_finite_reaches_no_parameter() {
    for (name, layers) in networks::all() {
        let bottom = layers.iter().position(|layer| layer.parameters().unwrap().0 > 0);
        let mut task = Task::new(&layers, 6, Mode::Probing);
        let (Some(bottom), false) = (bottom, matches!(layers.last(), Some(Layer::MaxPool { .. }))) else { continue };
        *task.seeds.last_mut().unwrap() = f32::NAN;
        match stepped::<4, 4>(&task, 6, SGD) {
            Err(Error::NonFinite(NonFinite { pass: Pass::Backward, layer })) => {
                assert!(layer as usize > bottom, "{name}: layer {layer}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // One layer with parameters alone, whatever it is, and under what does not look.
    let vector = || List::new(Image::vector(3)).dense(4, true);
    let first = || List::new(Image::vector(3));
    let alone = [vector().layers, vector().relu().layers, vector().crelu().dropout(0.5).layers];
    for layers in alone.into_iter().chain([first().norm().layers, first().prelu(0.5).relu().layers]) {
        for value in [f32::NAN, f32::INFINITY] {
            let mut task = Task::new(&layers, 6, Mode::Probing);
            task.seeds.fill(value);
            // A ReLU could stop it.
            task.parameters.fill(1.0);
            task.inputs.fill(1.0);
            let told = Error::NonFinite(NonFinite { pass: Pass::Backward, layer: 1 });
            assert_eq!(stepped::<4, 4>(&task, 6, SGD), Err(told), "{layers:?}");
        }
    }
    // The gradient with respect to the inputs would overflow; it was not requested, and is not computed.
    let mut task = Task::new(&List::new(Image::vector(3)).dense(4, false).layers, 6, Mode::Probing);
    task.inputs.fill(1e-30);
    task.parameters.fill(1e30);
    task.seeds.fill(1e10);
    let how = How { isa: Isa::Portable, cuts: &[6], scratch: 0, gathered: 1, update: true };
    assert!(run::<4, 4>(&task, &Order::InTurn, how).is_err());
    assert!(stepped::<4, 4>(&task, 6, SGD).is_ok());
}

/// What was kept before the first parameters has no gradient that could overflow.
#[test]
fn a_join_looks_at_no_gradient_that_nothing_needs() {
    for (layers, looks) in [
        (List::new(Image::vector(3)).fork().dense(3, false).join(2.0, 0.5).layers, false),
        (List::new(Image::vector(3)).fork().relu().norm().join(2.0, 0.5).layers, false),
        (List::new(image(1, 2, 2)).fork().conv(1, Window::half_padded(1, 2), false).join(2.0, 0.5).layers, true),
        (List::new(Image::vector(3)).dense(3, false).fork().relu().join(2.0, 0.5).layers, true),
        (List::new(Image::vector(3)).fork().dense(3, false).join(0.5, 2.0).layers, true),
    ] {
        let mut task = Task::new(&layers, 6, Mode::Probing);
        task.inputs.iter_mut().for_each(|x| *x *= 1e-30);
        task.seeds.fill(3e38);
        let join = layers.iter().position(|layer| matches!(layer, Layer::Join { .. })).unwrap();
        let told = Error::NonFinite(NonFinite { pass: Pass::Backward, layer: join as u32 + 1 });
        let how = How { isa: Isa::Portable, cuts: &[6], scratch: 0, gathered: 1, update: true };
        assert_eq!(run::<4, 4>(&task, &Order::InTurn, how).err(), Some(told), "{layers:?}");
        assert_eq!(stepped::<4, 4>(&task, 6, SGD).err(), looks.then_some(told), "{layers:?}");
    }
}

#[test]
fn lengths_by_hand() {
    let layers = List::new(Image::vector(64)).dense(32, true).relu().dense(32, true).relu().dense(10, true).layers;
    let planned = for_steps(&layers);
    let plan = planned.plan();
    // In the backward pass of the last layer: what went into all three (64, 32, 32), the gradient of the outputs, and the gradient of what
    // went into the last.
    assert_eq!(plan.units, 64 + 32 + 32 + 10 + 32);
    // Weights of an output of the first layer and its bias; the whole layer. Plain descent on one point stores no gradient.
    assert_eq!((plan.scratch_len, plan.scratch_best), (65, 64 * 32 + 32));
    assert_eq!(plan.descent_scratch, [0, 0]);
    // Two points have a sum, and gradients of inputs are of no plan for steps alone.
    assert_eq!(scratch::<1>(&plan, 1), 0);
    assert_eq!(scratch::<1>(&plan, 2), 65);
    assert_eq!(scratch::<4>(&plan, 1), 65);
    let whole = Planned::new(&layers, Want::Gradients).unwrap();
    assert_eq!(scratch::<1>(&whole.plan(), 1), 65);
    let units = |list: List| for_steps(&list.layers).memory.units;
    // What the norm saves, its value and its gradient, and the gradient of the outputs: nothing of the layers before it.
    assert_eq!(units(List::new(Image::vector(9)).relu().norm().dense(4, false)), 3 * 9 + 4);
    // What went into the layer, the outputs and their gradient.
    assert_eq!(units(List::new(Image::vector(9)).relu().dense(4, false)), 9 + 2 * 4);
    // The image and what the ReLU makes of it; the sum takes the place of the second, the outputs and their gradient that of the first.
    let joined = List::new(image(2, 3, 3)).fork().relu().join(1.0, 1.0).conv(1, Window::half_padded(3, 1), true);
    assert_eq!(units(joined), 2 * 18);
    // Nothing to learn, no backward pass.
    assert_eq!(units(List::new(Image::vector(5)).relu()), 5);
}

/// The scratch that an executor asks for.
fn scratch<const T: usize>(plan: &Plan, batch: usize) -> u64 {
    let mut room = Room::new::<T>(plan, batch, 0, 1);
    let none = Buffers { scratch: &mut [], ..room.buffers() };
    match Executor::<_, 1, T>::new(plan, &Order::InTurn, options(batch), none) {
        Ok(_) => 0,
        Err(Error::TooShort { buffer: Buffer::Scratch, need, have: 0 }) => need,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn scratch_for_plain_descent_is_refused_to_others() {
    let layers = List::new(Image::vector(6)).dense(5, true).layers;
    let planned = for_steps(&layers);
    let plan = planned.plan();
    let task = Task::new(&layers, 1, Mode::Probing);
    let mut parameters = task.parameters.clone();
    let mut room = Room::new::<1>(&plan, 1, 0, 1);
    let mut executor = Executor::<_, 1, 1>::new(&plan, &Order::InTurn, options(1), room.buffers()).unwrap();
    let ends = (planned.output(), 1);
    let short = Some(Error::TooShort { buffer: Buffer::Scratch, need: 7, have: 0 });
    let rule = DECAYED.step(RATE, &mut Powers::new()).unwrap();
    assert_eq!(seeded(&mut executor, &task, ends, &mut []).descend(&mut parameters, &mut [], &rule).err(), short);
    assert_eq!(
        seeded(&mut executor, &task, ends, &mut [])
            .backward_with(&mut parameters, &mut |_, _, _| panic!("updated"))
            .err(),
        short
    );
    assert_eq!(parameters, task.parameters);
    let rule = SGD.step(RATE, &mut Powers::new()).unwrap();
    assert!(
        seeded(&mut executor, &task, ends, &mut []).descend(&mut parameters, &mut [], &rule).unwrap().run().is_ok()
    );
    assert_ne!(parameters, task.parameters);
}

/// Besides its values, a descent example by example stores next to nothing but the parameters.
#[test]
fn a_descent_by_one_needs_little_more_than_its_parameters() {
    for widths in [&[64, 20, 10][..], &[64, 32, 32, 10], &[100, 100, 10], &[784, 128, 64, 10]] {
        let mut list = List::new(Image::vector(widths[0]));
        for (i, &width) in widths[1..].iter().enumerate() {
            list = if i > 0 { list.relu() } else { list };
            list = list.dense(width, true);
        }
        let planned = for_steps(&list.layers);
        let plan = planned.plan();
        // The values of all layers; what is left are gradients.
        let values = widths.iter().map(|&width| u64::from(width)).sum::<u64>();
        let gradients = plan.values_len(1, 1).unwrap().saturating_sub(values);
        let floats = plan.parameters_len + gradients + plan.statistics_len() + plan.gathered_len(1);
        let [least, best] = plan.descent_scratch;
        let bytes = 4 * (floats + best.max(least)) + plan.tape_len(1, 1).unwrap();
        let each = bytes as f64 / plan.parameters_len as f64;
        assert!(each <= 4.2, "{widths:?}: {each} bytes a parameter");
    }
}
