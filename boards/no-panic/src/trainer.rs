//! Networks that learn, and what a wire says of them.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::kernel::Isa;
use shatterscope::layer::{Conv, Image, Pool, Shortcut, Window};
use shatterscope::math::Math;
use shatterscope::network::Serial;
use shatterscope::train::*;
use shatterscope::wire::{LAYER_BYTES, Layers, With, decode_layers, encode_layers, examples_digest, training_tag};

pub fn everything() {
    let image = black_box(Image { channels: 1, height: 4, width: 4 });
    let window = black_box(Window::half_padded(3, 1));
    let pool = Pool { input: image, window };
    let layers = black_box([
        Layer::Conv { conv: Conv { input: image, channels: 2, window }, bias: true },
        Layer::BatchNorm { image, eps: 1e-5, momentum: 0.1 },
        Layer::Crelu { image },
        Layer::Prelu { image, slope: 0.1 },
        Layer::Fork { image },
        Layer::AveragePool { pool },
        Layer::MaxPool { pool },
        Layer::Dropout { units: 4, rate: 0.5 },
        Layer::Relu { units: 4 },
        Layer::Join { shortcut: Shortcut { input: image, channels: 2, stride: 1 }, a: 1.0, b: 1.0 },
        Layer::Dense { inputs: 4, outputs: 2, bias: true },
    ]);
    black_box(examples_digest(slice(&[1.0]).iter().copied(), slice(&[1]).iter().copied()));
    let mut bytes = [0; LAYER_BYTES];
    let bytes = encode_layers(slice(&layers), &mut bytes).unwrap_or_default();
    let settings = Settings { optimiser: Optimiser::Sgd, decay: Decay::None, math: Math::Libm };
    let with = With { batch: 1, settings, start: Start::He, seed: 1, run: 0, step: 0, ram: 0 };
    black_box(training_tag(slice(bytes), &black_box(with)));
    let mut layers = Layers::new();
    if !black_box(decode_layers(slice(bytes), &mut layers)) {
        return;
    }
    learn::<1, 1>(&layers);
    learn::<4, 4>(&layers);
}

fn learn<const R: usize, const T: usize>(layers: &[Layer]) {
    let (batch, mode) = black_box((3, Mode::Training { step: 1 }));
    let _ = black_box(plan(layers, batch, T as u32));
    let (mut parameters, mut running, mut state, mut scratch) = ([0.0; 64], [0.0; 8], [0.0; 128], [0.0; 64]);
    let (parameters, running) = (buffer(&mut parameters), buffer(&mut running));
    let init = black_box(Init { start: Start::Orthogonal, seed: 1, run: 0 });
    black_box(init.scratch_len(layers));
    let _ = black_box(init.fill(layers, parameters, buffer(&mut scratch)));
    let (mut places, mut activations, mut tape) = ([Place::default(); 11], [0.0; 64], [0; 64]);
    let (mut gradients, mut statistics, mut gathered) = ([0.0; 64], [0.0; 64], [0.0; 64]);
    let buffers = Buffers {
        places: buffer(&mut places),
        activations: buffer(&mut activations),
        tape: buffer(&mut tape),
        gradients: buffer(&mut gradients),
        statistics: buffer(&mut statistics),
        scratch: buffer(&mut scratch),
        gathered: buffer(&mut gathered),
    };
    let options = black_box(Options { batch, isa: Isa::detect(), seed: 1 });
    let settings = black_box(Settings { optimiser: Optimiser::Sgd, decay: Decay::None, math: Math::Libm });
    let _ = black_box(plan_for_steps(layers, batch, T as u32, &settings));
    let trainer = match black_box(true) {
        true => Trainer::<_, R, T>::new(layers, &Serial, options, buffers),
        false => Trainer::<_, R, T>::for_steps(layers, &Serial, options, buffers),
    };
    let Ok(mut trainer) = trainer else { return };
    if let Ok((inputs, each)) = trainer.begin(black_box(2)) {
        inputs.fill(black_box(each as f32));
    }
    let _ = black_box(trainer.forward(parameters, running, mode));
    black_box((trainer.outputs(), trainer.plan()));
    let (outputs, gradient, each) = trainer.outputs_and_gradient();
    gradient.fill(black_box((outputs.len() + each) as f32));
    let _ = black_box(trainer.backward(parameters, buffer(&mut [0.0; 64])));
    let _ = black_box(trainer.backward_with(parameters, |at, weights, gradient| {
        black_box((at, weights, gradient));
    }));
    if let Ok(step) = settings.step(black_box(0.1), &mut Powers::new()) {
        let _ = black_box(trainer.descend(parameters, buffer(&mut state), &step));
    }
    black_box(trainer.input_gradient());
}
