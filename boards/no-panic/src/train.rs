//! How networks that learn begin; losses, optimisers, clipping, learning rates, the order of examples.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::graph::{Builder, Node, Shape};
use shatterscope::graph::{Image, Window};
use shatterscope::math::Math;
use shatterscope::train::*;
use shatterscope::wire::{TrainConfig, training_tag};

pub fn everything() {
    beginnings();
    losses();
    optimisers();
    clips();
    rates();
    let _ = black_box(shuffle(black_box(7), black_box(1), buffer(&mut [0; 8])));
    black_box(partner(black_box(7), black_box(1), black_box(5)));
}

fn beginnings() {
    let mut nodes = [Node::EMPTY; 4];
    let mut builder = Builder::new(buffer(&mut nodes));
    let x = builder.input(black_box(Shape { channels: 2, height: 3, width: 3 }));
    let x = builder.conv(x, black_box(2), black_box(Window::half_padded(3, 1)), true);
    let x = builder.relu(x);
    let x = builder.dense(x, black_box(3), true);
    let Ok(graph) = black_box(builder.finish(slice(&[x]))) else { return };
    let init: InitialWeights = black_box(InitialWeights { start: Initializer::LooksLinearPairs, seed: 1, run: 2 });
    black_box(init.scratch_len(&graph));
    let mut parameters = [0.0; 16];
    let _ = black_box(init.fill(&graph, buffer(&mut parameters), buffer(&mut [0.0; 8])));
    let settings = Settings::new(Optimiser::Sgd);
    let with = TrainConfig { batch: 1, settings, start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
    let images = [Image { channels: 2, height: 3, width: 3 }; 2];
    black_box(training_tag(slice(&images), &black_box(with)));
}

fn losses() {
    let shape: (usize, usize) = black_box((2, 4));
    let math: Math = black_box(Math::Libm);
    let (mut z, mut loss, mut classes) = ([1.0; 8], [0.0; 4], [0; 4]);
    let labels = slice(&[1; 4]);
    let _ = black_box(argmax(slice(&z), shape, buffer(&mut classes)));
    let _ = black_box(correct_count(slice(&z), shape, labels));
    let _ = black_box(cross_entropy(buffer(&mut z), shape, labels, black_box(4), buffer(&mut loss), math));
    let _ = black_box(squared_error(buffer(&mut z), shape, slice(&[1.0; 8]), black_box(4), buffer(&mut loss)));
    let mut mean = black_box(MeanLoss::new());
    mean.add(slice(&loss));
    black_box((mean.points(), mean.mean()));
}

fn optimisers() {
    let (mut weight, mut state) = ([1.0; 4], [0.0; 8]);
    let settings: Settings = black_box(
        Settings::new(Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 })
            .with_decay(Decay::L2(0.1))
            .with_math(Math::Micromath),
    );
    let mut powers = Powers::from_le_bytes(black_box([0; 8]));
    let _ = black_box((settings.check(), settings.optimiser.state_len(black_box(4))));
    if let Ok(step) = black_box(settings.step(black_box(0.1), &mut powers)) {
        let _ = black_box(step.apply(buffer(&mut weight), slice(&[1.0; 4]), buffer(&mut state)));
        let isa = shatterscope::exec::Isa::detect();
        let _ = black_box(step.apply_with(isa, buffer(&mut weight), slice(&[1.0; 4]), buffer(&mut state)));
        let (w, g) = black_box((1.0, 2.0));
        black_box(match step {
            UpdateRule::Sgd(rule) => rule.update(w, g),
            UpdateRule::Momentum(rule) => rule.update(w, g, black_box(&mut 1.0)),
            UpdateRule::Adam(rule) => rule.update(w, g, black_box(&mut [1.0; 2])),
        });
    }
    black_box((powers.to_le_bytes(), Powers::new()));
}

fn clips() {
    let (mut gradient, math) = ([1.0; 4], black_box(Math::Libm));
    let _ = black_box(clip_by_norm(buffer(&mut gradient), black_box(1.0), math));
    let _ = black_box(clip_by_value(buffer(&mut gradient), black_box(1.0)));
    black_box(clip_value(black_box(2.0), black_box(1.0)));
    let mut largest = black_box(Largest::new());
    let _ = black_box(largest.add(slice(&gradient)));
    let mut norm = black_box(largest.norm());
    norm.add(slice(&gradient));
    black_box(norm.value(math));
    if let Ok(Some(clip)) = black_box(norm.clip(black_box(1.0), math)) {
        black_box(clip.element(black_box(2.0)));
        clip.apply(buffer(&mut gradient));
    }
}

fn rates() {
    let mut state = RateState::from_le_bytes(black_box([0; 20]));
    let plateau = Decrease::Plateau {
        factor: black_box(0.1),
        patience: black_box(1),
        threshold: black_box(0.1),
        drops: black_box(1),
    };
    for decrease in [Decrease::steps(slice(&[1; 4]), black_box(0.1)), Ok(plateau)] {
        let Ok(decrease) = black_box(decrease) else { continue };
        let rate = black_box(Rate { base: black_box(0.1), warm_up: black_box(3), decrease });
        let _ = black_box((rate.check(), rate.start(), rate.current(&state)));
        rate.advance(&mut state, black_box(1.0));
    }
    black_box((Rate::constant(black_box(0.1)), state.to_le_bytes()));
}
