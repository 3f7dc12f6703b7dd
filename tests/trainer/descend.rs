//! Steps without a gradient: parameters go down where a product arises, with the same bits.
use super::workers::Order;
use shatterscope::kernel::Isa;
use shatterscope::layer::{Conv, Image, Window};
use shatterscope::math::Math;
use shatterscope::train::{
    Buffers, Decay, Init, Layer, Mode, Optimiser, Options, Place, Powers, Settings, Start, Trainer, cross_entropy, plan,
};

/// Numbers that look random, of both signs, as a function of where they stand.
fn value(at: usize) -> f32 {
    let mixed = (at as u32).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

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

/// Losses of examples one after the other, and parameters and state after each; by gradients in a buffer, or with none.
fn learn<const R: usize, const T: usize>(layers: &[Layer], settings: Settings, batch: u32, buffered: bool) -> Vec<u32> {
    let plan = plan(layers, batch, T as u32).unwrap();
    let zeros = |len: u64| vec![0.0; len as usize];
    let [mut activations, mut gradients, mut scratch, mut gathered] =
        [plan.activations_len, plan.gradients_len, plan.scratch_len, plan.gathered_len].map(zeros);
    let (mut places, mut tape) = (vec![Place::default(); plan.places_len as usize], vec![0; plan.tape_len as usize]);
    let buffers = Buffers {
        places: &mut places,
        activations: &mut activations,
        tape: &mut tape,
        gradients: &mut gradients,
        statistics: &mut [],
        scratch: &mut scratch,
        gathered: &mut gathered,
    };
    let options = Options { batch, isa: Isa::detect(), seed: 1 };
    let mut trainer = Trainer::<_, R, T>::new(layers, &Order::InTurn, options, buffers).unwrap();
    let mut parameters = zeros(plan.parameters_len);
    Init { start: Start::He, seed: 3, run: 0 }.fill(layers, &mut parameters, &mut []).unwrap();
    let mut state = zeros(settings.optimiser.state_len(plan.parameters_len));
    let (mut powers, mut seen) = (Powers::new(), Vec::new());
    for step in 0..4 {
        let (x, tile_len) = trainer.begin(batch).unwrap();
        for (i, tile) in x.chunks_exact_mut(tile_len).enumerate() {
            for unit in 0..plan.inputs as usize {
                for lane in 0..T {
                    let point = (i * T + lane).min(batch as usize - 1) + step * batch as usize;
                    // Zeros of both signs among them.
                    let x = value(point * 1000 + unit);
                    tile[unit * T + lane] = if x.abs() < 0.2 { 0.0 * x } else { x };
                }
            }
        }
        trainer.forward(&parameters, &mut [], Mode::Training { step: step as u32 }).unwrap();
        let classes = plan.outputs as usize;
        let labels: Vec<u32> = (0..batch).map(|p| (p * 7 + step as u32) % classes as u32).collect();
        let (z, g, tile_len) = trainer.outputs_and_gradient();
        let from = z.len() / labels.len().div_ceil(T);
        for (i, labels) in labels.chunks(T).enumerate() {
            let g = &mut g[i * tile_len..i * tile_len + classes * T];
            g.copy_from_slice(&z[i * from..i * from + classes * T]);
            cross_entropy(g, (classes, T), labels, batch, &mut vec![0.0; labels.len()], Math::Libm).unwrap();
        }
        let rule = settings.step(0.1, &mut powers).unwrap();
        if buffered {
            let mut gradient = zeros(plan.parameters_len);
            trainer.backward(&parameters, &mut gradient).unwrap();
            rule.apply(&mut parameters, &gradient, &mut state).unwrap();
        } else {
            trainer.descend(&mut parameters, &mut state, &rule).unwrap();
        }
        let (g, _) = trainer.input_gradient();
        let after = g.iter().take(plan.inputs as usize).chain(&parameters).chain(&state);
        seen.extend(after.map(|x| x.to_bits()));
    }
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
    let of = |optimiser, decay| Settings { optimiser, decay, math: Math::Libm };
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
