//! Layers as `docs/wire-format.md` has postcard write them: the tag of a training is a hash of that.
use shatterscope::contract::Digest;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::train::{Decay, Initializer, Optimiser, Settings};
use shatterscope::wire::{TrainConfig, training_tag};
use shatterscope_layers::Layer;

const PAGE: &str = include_str!("../../../docs/wire-format.md");

const SMALL: [Layer; 3] = [
    Layer::Dense { inputs: 64, outputs: 16, bias: true },
    Layer::Relu { units: 16 },
    Layer::Dense { inputs: 16, outputs: 10, bias: true },
];

/// The layers of [`SMALL`] as postcard writes them.
const SMALL_BYTES: [u8; 10] = [0, 64, 16, 1, 2, 16, 0, 16, 10, 1];

/// One of each, in the order of their numbers.
fn layers() -> [Layer; 11] {
    let image = Image { channels: 3, height: 8, width: 8 };
    let pool = Pool { input: image, window: Window { height: 2, width: 2, stride: 2, padding: 0 } };
    [
        SMALL[0],
        Layer::Conv { conv: Conv { input: image, channels: 4, window: Window::half_padded(3, 1) }, bias: true },
        SMALL[1],
        Layer::Prelu { image, slope: 0.5 },
        Layer::Crelu { image },
        Layer::BatchNorm { image, eps: 1e-5, momentum: 0.1 },
        Layer::AveragePool { pool },
        Layer::MaxPool { pool },
        Layer::Dropout { units: 8, rate: 0.5 },
        Layer::Fork { image },
        Layer::Join { shortcut: Shortcut { input: image, channels: 4, stride: 2 }, a: 0.5, b: 0.5 },
    ]
}

/// Numbers that were hashed once mean the same for ever.
#[test]
fn the_page_numbers_the_layers() {
    let numbered = layers().map(|layer| {
        let name = format!("{layer:?}");
        let number = postcard::to_slice(&layer, &mut [0; 64]).unwrap()[0];
        format!("{number} {}", name.split([' ', '{']).next().unwrap_or_default())
    });
    let row = PAGE.lines().find(|line| line.starts_with("| `Layer` |"));
    assert_eq!(row, Some(format!("| `Layer` | {} |", numbered.join(", ")).as_str()));
}

/// States in flash that were saved by version 1 of the format belong to the same trainings: there the device hashed the layers that it was sent.
#[test]
fn the_tag_of_a_training_is_a_hash_of_its_layers() {
    let settings = Settings::new(Optimiser::Momentum { mu: 0.5 }).with_decay(Decay::L2(0.25));
    let with = TrainConfig { batch: 1, settings, start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
    let mut buffer = [0; 64];
    let mut digest = Digest::new();
    digest.push_bytes(&SMALL_BYTES);
    digest.push_bytes(postcard::to_slice(&with, &mut buffer).unwrap());
    assert_eq!(training_tag(&SMALL, &with), digest.hash);
    assert_ne!(training_tag(&layers(), &with), digest.hash);
}
