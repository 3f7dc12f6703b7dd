//! Steps without a gradient: parameters go down where a product arises, with the same bits.
use super::machine::{Planned, Room, value};
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::exec::{Executor, Mode, Options};
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::Conv;
use shatterscope::math::Math;
use shatterscope::plan::Want;
use shatterscope::train::{Decay, InitialWeights, Initializer, Optimiser, Powers, Settings, cross_entropy};
use shatterscope_layers::Layer;

fn convolutions() -> Vec<Layer> {
    let image = Image { channels: 3, height: 7, width: 6 };
    let first = Conv { input: image, channels: 5, window: Window::half_padded(3, 1) };
    let doubled = Image { channels: 10, ..first.output().unwrap() };
    let second = Conv { input: doubled, channels: 13, window: Window { height: 3, width: 2, stride: 2, padding: 1 } };
    let last = second.output().unwrap().units().unwrap();
    vec![
        Layer::Conv { conv: first, bias: true },
        Layer::Crelu { image: first.output().unwrap() },
        Layer::Conv { conv: second, bias: true },
        Layer::Relu { units: last },
        Layer::Dense { inputs: last, outputs: 4, bias: true },
    ]
}

/// Gradients of the inputs, parameters and state after each step; by gradients in a buffer, or with none.
fn learn<const R: usize, const T: usize>(layers: &[Layer], settings: Settings, batch: u32, buffered: bool) -> Vec<u32> {
    let planned = Planned::new(layers, Want::Gradients).unwrap();
    let (plan, (inputs, classes)) = (planned.plan(), planned.ends());
    let zeros = |len: u64| vec![0.0; len as usize];
    let mut room = Room::new::<T>(&plan, batch as usize, 0, 1);
    let options = Options::new(batch).with_isa(Isa::detect());
    let mut executor = Executor::<_, R, T>::new(&plan, &Order::InTurn, options, room.buffers()).unwrap();
    let mut parameters = zeros(plan.parameters_len);
    InitialWeights { start: Initializer::He, seed: 3, run: 0 }.fill(plan.graph(), &mut parameters, &mut []).unwrap();
    let mut state = zeros(settings.optimiser.state_len(plan.parameters_len));
    let (mut powers, mut seen) = (Powers::new(), Vec::new());
    for step in 0..4 {
        let mut begun = executor.begin(batch).unwrap();
        let (x, tile_len) = begun.input(0).unwrap();
        for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
            for unit in 0..inputs {
                for lane in 0..T {
                    let point = (i * T + lane).min(batch as usize - 1) + step * batch as usize;
                    // Zeros of both signs among them.
                    let x = value(point * 1000 + unit);
                    tile[unit * T + lane] = if x.abs() < 0.2 { 0.0 * x } else { x };
                }
            }
        }
        let mode = Mode::Training { seed: 1, step: step as u32, running: &mut [] };
        let mut outputs = begun.forward(&parameters, mode).unwrap().run().unwrap();
        let labels: Vec<u32> = (0..batch).map(|p| (p * 7 + step as u32) % classes as u32).collect();
        let (z, g, tile_len) = outputs.output_and_gradient(planned.output()).unwrap();
        assert_eq!(tile_len, classes * T);
        for ((z, g), labels) in z.chunks(tile_len).zip(g.chunks_mut(tile_len)).zip(labels.chunks(T)) {
            g.copy_from_slice(z);
            cross_entropy(g, (classes, T), labels, batch, &mut vec![0.0; labels.len()], Math::Libm).unwrap();
        }
        let rule = settings.step(0.1, &mut powers).unwrap();
        let of_inputs = if buffered {
            let mut gradient = zeros(plan.parameters_len);
            let gradients = outputs.backward(&parameters, &mut gradient).unwrap().run().unwrap();
            let of_inputs = gradients.input(0).unwrap().0[..inputs].to_vec();
            rule.apply(&mut parameters, &gradient, &mut state).unwrap();
            of_inputs
        } else {
            let gradients = outputs.descend(&mut parameters, &mut state, &rule).unwrap().run().unwrap();
            gradients.input(0).unwrap().0[..inputs].to_vec()
        };
        let after = of_inputs.iter().chain(&parameters).chain(&state);
        seen.extend(after.map(|x| x.to_bits()));
    }
    room.check();
    seen
}

#[test]
fn descending_without_a_gradient_is_the_same() {
    let dense = [
        Layer::Dense { inputs: 37, outputs: 18, bias: true },
        Layer::Relu { units: 18 },
        Layer::Dense { inputs: 18, outputs: 7, bias: false },
        Layer::Prelu { image: Image::vector(7), slope: 0.25 },
        Layer::Dense { inputs: 7, outputs: 4, bias: true },
    ];
    let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.99, eps: 1e-8 };
    let of = |optimiser, decay| Settings::new(optimiser).with_decay(decay);
    for settings in [
        of(Optimiser::Sgd, Decay::None),
        of(Optimiser::Sgd, Decay::L2(0.01)),
        of(Optimiser::Momentum { mu: 0.9 }, Decay::None),
        of(adam, Decay::Decoupled(0.01)),
    ] {
        for (layers, name) in [(&dense[..], "dense"), (&convolutions(), "convolutions")] {
            for batch in [1, 5] {
                let expected = learn::<1, 1>(layers, settings, batch, true);
                assert!(learn::<1, 1>(layers, settings, batch, false) == expected, "{name} {settings:?} by {batch}");
                let expected = learn::<4, 4>(layers, settings, batch, true);
                assert!(learn::<4, 4>(layers, settings, batch, false) == expected, "{name} {settings:?} by {batch}");
            }
        }
    }
}
