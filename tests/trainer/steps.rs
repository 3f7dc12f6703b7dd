//! Trainers that only do steps: the same parameters in less memory, and no gradient that was not requested.
use super::machine::{How, Room, Task, bits, load, run, seed};
use super::networks::{self, List, image};
use super::workers::Order;
use shatterscope::kernel::Isa;
use shatterscope::layer::{Image, Window};
use shatterscope::math::Math;
use shatterscope::train::{
    Decay, Layer, Mode, Optimiser, Options, Plan, Powers, Settings, Trainer, plan, plan_for_steps,
};
use shatterscope::{Buffer, Error, Fault, Pass};

const SGD: Settings = Settings { optimiser: Optimiser::Sgd, decay: Decay::None, math: Math::Libm };
const DECAYED: Settings = Settings { decay: Decay::L2(0.0), ..SGD };
/// That of [`How::update`].
const RATE: f32 = 0.015625;

fn options(points: usize) -> Options {
    Options { batch: points as u32, isa: Isa::detect(), seed: 7 }
}

/// Parameters after a step, in buffers of NaN that are no longer than planned.
fn stepped<const R: usize, const T: usize>(task: &Task, points: usize, settings: Settings) -> Result<Vec<u32>, Error> {
    let plan = plan_for_steps(&task.layers, points as u32, T as u32, &settings)?;
    let mut room = Room::new(&plan, 0, 1);
    let mut task = task.clone();
    let mut trainer = Trainer::<_, R, T>::for_steps(&task.layers, &Order::InTurn, options(points), room.buffers())?;
    load(&mut trainer, (0, points), &task.inputs)?;
    trainer.forward(&task.parameters, &mut task.running, task.mode)?;
    seed(&mut trainer, (0, points), &task.seeds);
    let rule = settings.step(RATE, &mut Powers::new())?;
    trainer.descend(&mut task.parameters, &mut [], &rule)?;
    assert!(trainer.input_gradient().0.is_empty());
    room.check();
    Ok(bits(&task.parameters))
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
            Err(Error::NonFinite(Fault { pass: Pass::Backward, layer })) => {
                assert!(layer as usize > bottom, "{name}: layer {layer}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // One layer with parameters alone, and under what does not look.
    let vector = || List::new(Image::vector(3)).dense(4, true);
    for layers in [vector().layers, vector().relu().layers, vector().crelu().dropout(0.5).layers] {
        for value in [f32::NAN, f32::INFINITY] {
            let mut task = Task::new(&layers, 6, Mode::Probing);
            task.seeds.fill(value);
            // A rectifier could stop it.
            task.parameters.fill(1.0);
            task.inputs.fill(1.0);
            let told = Error::NonFinite(Fault { pass: Pass::Backward, layer: 1 });
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

#[test]
fn lengths_by_hand() {
    let layers = List::new(Image::vector(64)).dense(32, true).relu().dense(32, true).relu().dense(10, true).layers;
    let whole = plan(&layers, 1, 1).unwrap();
    let kept = Plan { gradient_len: 32, gradients_len: 64, ..whole };
    assert_eq!(plan_for_steps(&layers, 1, 1, &DECAYED), Ok(kept));
    assert_eq!(plan_for_steps(&layers, 1, 1, &SGD), Ok(Plan { scratch_len: 0, scratch_best: 0, ..kept }));
    // Two points have a sum.
    let two = plan_for_steps(&layers, 2, 1, &SGD).unwrap();
    assert_eq!((two.scratch_len, two.scratch_best, two.gradient_len), (65, 64 * 32 + 32, 2 * 32));
    // A norm's own way back needs both ends; layers before it need none, but a join's shortcut its room.
    let layers = List::new(Image::vector(9)).relu().norm().dense(4, false).layers;
    assert_eq!(plan_for_steps(&layers, 1, 1, &SGD).unwrap().gradient_len, 9);
    let layers = List::new(Image::vector(9)).relu().dense(4, false).layers;
    assert_eq!(plan_for_steps(&layers, 1, 1, &SGD).unwrap().gradient_len, 4);
    let layers = List::new(image(2, 3, 3)).fork().relu().join(1.0, 1.0).conv(1, Window::half_padded(3, 1), true).layers;
    assert_eq!(plan_for_steps(&layers, 1, 1, &SGD).unwrap().gradient_len, 18);
    let layers = List::new(Image::vector(5)).relu().layers;
    assert_eq!(plan_for_steps(&layers, 1, 1, &SGD).unwrap().gradient_len, 5);
}

#[test]
fn scratch_for_plain_descent_is_refused_to_others() {
    let layers = List::new(Image::vector(6)).dense(5, true).layers;
    let plan = plan_for_steps(&layers, 1, 1, &SGD).unwrap();
    let mut task = Task::new(&layers, 1, Mode::Probing);
    let mut room = Room::new(&plan, 0, 1);
    let mut trainer = Trainer::<_, 1, 1>::for_steps(&layers, &Order::InTurn, options(1), room.buffers()).unwrap();
    load(&mut trainer, (0, 1), &task.inputs).unwrap();
    trainer.forward(&task.parameters, &mut [], task.mode).unwrap();
    seed(&mut trainer, (0, 1), &task.seeds);
    let short = Err(Error::TooShort { buffer: Buffer::Scratch, need: 7, have: 0 });
    let rule = DECAYED.step(RATE, &mut Powers::new()).unwrap();
    assert_eq!(trainer.descend(&mut task.parameters, &mut [], &rule), short);
    assert_eq!(trainer.backward_with(&mut task.parameters, |_, _, _| panic!("updated")), short);
    let rule = SGD.step(RATE, &mut Powers::new()).unwrap();
    assert_eq!(trainer.descend(&mut task.parameters, &mut [], &rule), Ok(()));
}

/// Besides its activations, a descent example by example keeps next to nothing but the parameters.
#[test]
fn a_descent_by_one_needs_little_more_than_its_parameters() {
    for widths in [&[64, 20, 10][..], &[64, 32, 32, 10], &[100, 100, 10], &[784, 128, 64, 10]] {
        let mut list = List::new(Image::vector(widths[0]));
        for (i, &width) in widths[1..].iter().enumerate() {
            list = if i > 0 { list.relu() } else { list };
            list = list.dense(width, true);
        }
        let plan = plan_for_steps(&list.layers, 1, 1, &SGD).unwrap();
        let floats = plan.parameters_len + plan.gradients_len + plan.statistics_len + plan.gathered_len;
        let bytes = 4 * (floats + plan.scratch_best.max(plan.scratch_len)) + plan.tape_len;
        let each = bytes as f64 / plan.parameters_len as f64;
        assert!(each <= 4.2, "{widths:?}: {each} bytes a parameter");
    }
}
