//! Whole networks against f64 networks, and those against differences inside one linear region.
use super::machine::{How, Mode, Task, run};
use super::networks;
use super::workers::Order;
use crate::common::wide;
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Dropout, Pool};
use shatterscope_layers::Layer;
use shatterscope_reference::{self as reference, Chosen, Gradients, Network, Pass, Plane, Statistics, Windows};

/// Of the largest.
const RELATIVE: f64 = 4e-5;
/// A preactivation this near to 0 may have another sign in f32.
const MARGIN: f64 = 1e-6;
const POINTS: usize = 5;

pub fn plane(image: &Image, window: &Window) -> Plane {
    Plane {
        channels: image.channels as usize,
        size: (image.height as usize, image.width as usize),
        window: (window.height as usize, window.width as usize),
        stride: window.stride as usize,
        padding: window.padding as usize,
    }
}

pub fn convolution(conv: &Conv, weights: &[f64], bias: &[f64]) -> reference::Layer {
    let bias = if bias.is_empty() { vec![0.0; conv.channels as usize] } else { bias.to_vec() };
    reference::Layer::Windows(Windows::convolution(&plane(&conv.input, &conv.window), weights.to_vec(), bias))
}

pub fn average(pool: &Pool) -> reference::Layer {
    reference::Layer::Windows(Windows::average(&plane(&pool.input, &pool.window)))
}

/// The task's layers with these parameters, and how many parameters are ours of each of the oracle's that has
/// gradients.
fn network(task: &Task, parameters: &[f64]) -> (Network, Vec<usize>) {
    let (mut stack, mut owned) = (vec![Vec::new()], Vec::new());
    let mut rest = parameters;
    for (i, layer) in task.layers.iter().enumerate() {
        let (weights, others) = layer.parameters().unwrap();
        let (w, after) = rest.split_at(weights as usize);
        let (b, after) = after.split_at(others as usize);
        rest = after;
        let layer = match *layer {
            Layer::Dense { inputs, outputs, bias } => {
                let bias = if bias { b.to_vec() } else { vec![0.0; outputs as usize] };
                reference::Layer::Dense { weight: w.chunks(inputs as usize).map(<[f64]>::to_vec).collect(), bias }
            }
            Layer::Conv { conv, .. } => convolution(&conv, w, b),
            Layer::Relu { .. } => reference::Layer::Relu,
            Layer::Prelu { image, .. } => reference::Layer::Prelu { plane: image.plane() as usize, slope: w.to_vec() },
            Layer::Crelu { image } => {
                stack.last_mut().unwrap().push(reference::Layer::Crelu);
                in_channels(&image)
            }
            Layer::BatchNorm { image, eps, .. } => reference::Layer::BatchNorm {
                plane: image.plane() as usize,
                eps: eps.into(),
                gamma: Some(w.to_vec()),
                beta: Some(b.to_vec()),
            },
            Layer::AveragePool { pool } => average(&pool),
            Layer::MaxPool { pool } => reference::Layer::MaxPool(Chosen::max(&plane(&pool.input, &pool.window))),
            Layer::Dropout { units, rate } => {
                let Mode::Training { step } = task.mode else { continue };
                let dropout = Dropout::new(task.seed, step, i as u32 + 1, rate).unwrap();
                let scale = 1.0 / (1.0 - f64::from(rate));
                let mask = |p: u32| (0..units).map(|u| if dropout.keeps(p, u) { scale } else { 0.0 }).collect();
                reference::Layer::Mask((0..POINTS as u32).map(mask).collect())
            }
            Layer::Fork { .. } => {
                stack.push(Vec::new());
                continue;
            }
            Layer::Join { shortcut, a, b } => {
                let window = Window { height: 1, width: 1, stride: shortcut.stride, padding: 0 };
                let windows = Windows::shortcut(&plane(&shortcut.input, &window), shortcut.channels as usize);
                let branch = stack.pop().unwrap();
                reference::Layer::Residual { a: a.into(), b: b.into(), shortcut: Some(windows), branch }
            }
        };
        let gradients = matches!(
            layer,
            reference::Layer::Dense { .. }
                | reference::Layer::Windows(_)
                | reference::Layer::Prelu { .. }
                | reference::Layer::BatchNorm { .. }
        );
        owned.extend(gradients.then_some((weights + others) as usize));
        stack.last_mut().unwrap().push(layer);
    }
    (Network { layers: stack.pop().unwrap() }, owned)
}

/// The oracle's ReLU makes neighbours of a pair; ours makes channels. A matrix of zeros and ones puts them in order.
fn in_channels(image: &Image) -> reference::Layer {
    let (units, plane) = (image.units().unwrap() as usize, image.plane() as usize);
    let mut weight = vec![vec![0.0; 2 * units]; 2 * units];
    for unit in 0..units {
        let (channel, place) = (unit / plane, unit % plane);
        for half in 0..2 {
            weight[(2 * channel + half) * plane + place][2 * unit + half] = 1.0;
        }
    }
    reference::Layer::Dense { weight, bias: vec![0.0; 2 * units] }
}

fn rows(x: &[f32]) -> Vec<Vec<f64>> {
    x.chunks(x.len() / POINTS).map(wide).collect()
}

/// Gradients of our parameters, in their order.
fn in_order(owned: &[usize], gradients: &[Gradients]) -> Vec<f64> {
    let mut flat = Vec::new();
    flatten(gradients, &mut flat);
    assert_eq!(flat.len(), owned.len());
    flat.iter().zip(owned).flat_map(|(gradient, owned)| gradient[..*owned].to_vec()).collect()
}

fn flatten(gradients: &[Gradients], out: &mut Vec<Vec<f64>>) {
    for gradient in gradients {
        match gradient {
            Gradients::Dense { weight, bias } => out.push([weight.concat(), bias.clone()].concat()),
            Gradients::Windows { weight, bias } => out.push([&weight[..], bias].concat()),
            Gradients::Prelu(slope) => out.push(slope.clone()),
            Gradients::BatchNorm { gamma, beta } => out.push([&gamma[..], beta].concat()),
            Gradients::Residual(branch) => flatten(branch, out),
            Gradients::None => {}
        }
    }
}

#[track_caller]
pub fn near(ours: &[f64], theirs: &[f64], relative: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() <= relative * largest, "{what} {at}: {ours} against {theirs}");
    }
}

pub fn floats(bits: &[u32]) -> Vec<f64> {
    bits.iter().map(|&bits| f32::from_bits(bits).into()).collect()
}

/// Inputs that are far from every gate.
fn task(name: &str, layers: &[Layer], mode: Mode) -> (Task, Network, Vec<usize>, Pass) {
    for salt in 0..60 {
        let mut task = Task::new(layers, POINTS, mode);
        task.inputs = super::machine::values(task.inputs.len(), 100 + salt);
        let (network, owned) = network(&task, &wide(&task.parameters));
        let pass = network.forward(&rows(&task.inputs));
        if (0..POINTS).all(|p| pass.margin_of(p) > MARGIN) {
            return (task, network, owned, pass);
        }
    }
    panic!("{name}: every salt is near a gate")
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn compare(name: &str, layers: &[Layer], mode: Mode) {
    let (task, network, owned, pass) = task(name, layers, mode);
    let how = How { isa: Isa::detect(), cuts: &[POINTS], scratch: 0, gathered: 1, update: false };
    let ours = run::<4, 4>(&task, &Order::InTurn, how).unwrap();
    let seeds = rows(&task.seeds);
    let (of_inputs, of_parameters) = network.backward(&pass, &seeds, Statistics::Full);
    near(&floats(&ours.outputs), &pass.outputs.concat(), RELATIVE, &format!("{name} {mode:?}, outputs"));
    let (input_gradient, gradient) = (floats(&ours.input_gradient), floats(&ours.gradient));
    near(&input_gradient, &of_inputs.concat(), RELATIVE, &format!("{name} {mode:?}, input gradient"));
    near(&gradient, &in_order(&owned, &of_parameters), RELATIVE, &format!("{name} {mode:?}, gradient"));

    // Along a direction the outputs, weighed by the seeds, rise as our gradients say.
    let h = 1e-7;
    let directions =
        [wide(&super::machine::values(task.inputs.len(), 8)), wide(&super::machine::values(gradient.len(), 9))];
    for (which, (direction, gradient)) in directions.iter().zip([&input_gradient, &gradient]).enumerate() {
        let moved = |h: f64| {
            let along = |x: &[f32]| wide(x).iter().zip(direction).map(|(x, d)| x + h * d).collect::<Vec<_>>();
            let (inputs, parameters) = match which {
                0 => (along(&task.inputs), wide(&task.parameters)),
                _ => (wide(&task.inputs), along(&task.parameters)),
            };
            let units = inputs.len() / POINTS;
            let (network, _) = self::network(&task, &parameters);
            network.forward(&inputs.chunks(units).map(<[f64]>::to_vec).collect::<Vec<_>>())
        };
        let (after, before) = (moved(h), moved(-h));
        assert!(after.gates() == pass.gates() && before.gates() == pass.gates(), "{name}: a gate within {h}");
        let rise = |pass: &Pass| dot(&pass.outputs.concat(), &seeds.concat());
        let slope = (rise(&after) - rise(&before)) / (2.0 * h);
        let size = dot(gradient, gradient).sqrt() * dot(direction, direction).sqrt();
        let ours = dot(gradient, direction);
        assert!((ours - slope).abs() <= 1e-5 * size.max(1e-2), "{name} {mode:?} {which}: {ours} against {slope}");
    }
}

#[test]
fn networks_agree_with_f64_and_with_differences() {
    for (name, layers) in networks::all() {
        for mode in [Mode::Training { step: 4 }, Mode::Probing] {
            compare(name, &layers, mode);
        }
    }
}
