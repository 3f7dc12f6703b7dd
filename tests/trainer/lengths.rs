//! Plans: their lengths by hand, and what they refuse.
use super::networks::{List, image, window};
use super::workers::Order;
use proptest::prelude::*;
use shatterscope::layer::{Conv, Image, Pool, Shortcut, Window};
use shatterscope::math::Math;
use shatterscope::train::{Buffers, Decay, Init, Layer, Optimiser, Options, Plan, Settings, Start, Trainer};
use shatterscope::train::{plan, plan_for_steps};
use shatterscope::{Error, Refusal};

#[test]
fn lengths_by_hand() {
    // 3x4x5 -> conv 5, 3x3 stride 2 padding 1 -> 5x2x3 -> CReLU 10x2x3 -> max pool 2x2 -> 10x1x2 -> norm -> dense 4.
    let layers = List::new(image(3, 4, 5)).conv(5, Window::half_padded(3, 2), true).crelu().max(window(2, 2, 1, 0));
    let layers = layers.norm().dense(4, true).layers;
    // 9 points are three tiles of 4.
    let expected = Plan {
        places_len: 5,
        parameters_len: (5 * 27 + 5) + 20 + (4 * 20 + 4),
        running_len: 20,
        // The image, the convolution's output as the rectifier doubles it, the pool's, the norm's, four outputs.
        activations_len: (60 + 60 + 20 + 20 + 4) * 12,
        // A bit a unit and point into the rectifier, a byte a maximum.
        tape_tile_len: 30 * 4 / 8 + 20 * 4,
        tape_len: 3 * (15 + 80),
        gradient_len: 60 * 12,
        gradients_len: 2 * 60 * 12,
        statistics_len: 30,
        // 5 outputs x 9 taps of one input are more than 3 x 9 of one output.
        scratch_len: 45 + 1,
        scratch_best: 5 * 27 + 5,
        // [point][4][7][3] and four lanes more, [point][2][3][5].
        gathered_len: (4 * 4 * 7 * 3 + 4) + 4 * 2 * 3 * 5,
        inputs_tile_len: 60 * 4,
        inputs: 60,
        outputs: 4,
        multiply_adds: 6 * 135 + 80,
    };
    assert_eq!(plan(&layers, 9, 4), Ok(expected));
    // With a fork a third gradient buffer, and a region of its own.
    let layers = List::new(Image::vector(3)).fork().dense(3, false).relu().join(1.0, 0.5).layers;
    let expected = Plan {
        places_len: 4,
        parameters_len: 9,
        activations_len: 9 * 6,
        tape_tile_len: 1,
        tape_len: 3,
        gradient_len: 3 * 6,
        gradients_len: 3 * 3 * 6,
        scratch_len: 4,
        scratch_best: 9,
        inputs_tile_len: 3 * 2,
        inputs: 3,
        outputs: 3,
        multiply_adds: 9,
        ..Plan::default()
    };
    assert_eq!(plan(&layers, 5, 2), Ok(expected));
    // What slopes multiplied stays, so they write to a region of their own.
    let expected = Plan {
        places_len: 2,
        parameters_len: 3,
        activations_len: (12 + 12) * 6,
        tape_tile_len: 12 * 2 / 8,
        tape_len: 3 * 3,
        gradient_len: 12 * 6,
        gradients_len: 2 * 12 * 6,
        scratch_len: 3,
        scratch_best: 3,
        // The terms of a tile, and a register more.
        gathered_len: 12 * 2 + 16,
        inputs_tile_len: 12 * 2,
        inputs: 12,
        outputs: 12,
        ..Plan::default()
    };
    assert_eq!(plan(&List::new(image(3, 2, 2)).prelu(0.5).relu().layers, 5, 2), Ok(expected));
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let refused = |layers: &[Layer]| match plan(layers, 4, 4) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let vector = Image::vector;
    let (fork, relu) = (Layer::Fork { image: vector(3) }, Layer::Relu { units: 3 });
    let join = |input, channels, stride| Layer::Join { shortcut: Shortcut { input, channels, stride }, a: 1.0, b: 1.0 };
    let straight = join(vector(3), 3, 1);
    let dense = |inputs, outputs| Layer::Dense { inputs, outputs, bias: false };
    assert!(plan(&[fork, relu, straight, fork, relu, straight], 4, 4).is_ok());
    for layers in [
        &[][..],
        &[fork],
        &[fork, relu],
        &[straight],
        &[relu, straight],
        &[fork, fork, straight, straight],
        &[fork, straight, straight],
        &[dense(3, 4), dense(3, 4)],
        &[dense(3, 4), relu],
        &[dense(0, 4)],
        &[dense(3, 0)],
        &[Layer::Relu { units: 0 }],
        &[fork, dense(3, 4), straight],
        &[fork, join(vector(2), 3, 1)],
        &[fork, relu, Layer::Fork { image: vector(2) }, straight],
    ] {
        assert_eq!(refused(layers), Refusal::Layers, "{layers:?}");
    }
    let input = image(2, 3, 3);
    for window in [window(6, 3, 1, 1), window(3, 3, 0, 1), window(0, 1, 1, 0), window(3, 3, 1, 3), window(2, 1, 1, 1)] {
        assert_eq!(refused(&[Layer::Conv { conv: Conv { input, channels: 2, window }, bias: true }]), Refusal::Window);
        assert_eq!(refused(&[Layer::MaxPool { pool: Pool { input, window } }]), Refusal::Window);
        assert_eq!(refused(&[Layer::AveragePool { pool: Pool { input, window } }]), Refusal::Window);
    }
    assert_eq!(refused(&[fork, join(vector(3), 2, 1)]), Refusal::Window);
    assert_eq!(refused(&[fork, join(vector(3), 3, 0)]), Refusal::Window);
    let pool = |height, width, window| Pool { input: image(1, height, width), window };
    assert_eq!(refused(&[Layer::AveragePool { pool: pool(3, 3, window(2, 2, 1, 1)) }]), Refusal::Pool);
    assert_eq!(refused(&[Layer::AveragePool { pool: pool(4097, 4096, window(4097, 4096, 1, 0)) }]), Refusal::Pool);
    assert_eq!(refused(&[Layer::MaxPool { pool: pool(1, 257, window(1, 257, 1, 0)) }]), Refusal::Pool);
    assert!(plan(&[Layer::MaxPool { pool: pool(16, 16, window(16, 16, 1, 0)) }], 4, 4).is_ok());
    for rate in [1.0, -0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(&[Layer::Dropout { units: 3, rate }]), Refusal::Rate);
    }
    let norm = |eps, momentum| Layer::BatchNorm { image: vector(3), eps, momentum };
    assert!(plan(&[norm(0.0, 1.0)], 4, 4).is_ok());
    for eps in [-1e-9, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(&[norm(eps, 0.1)]), Refusal::Eps);
    }
    for momentum in [-0.1, 1.1, f32::NAN] {
        assert_eq!(refused(&[norm(0.1, momentum)]), Refusal::Scale);
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        assert_eq!(refused(&[Layer::Prelu { image: vector(3), slope: wrong }]), Refusal::Scale);
        for (a, b) in [(wrong, 1.0), (1.0, wrong)] {
            let shortcut = Shortcut { input: vector(3), channels: 3, stride: 1 };
            assert_eq!(refused(&[fork, Layer::Join { shortcut, a, b }]), Refusal::Scale);
        }
    }
    for (batch, tile, refusal) in
        [(0, 4, Refusal::Points), ((1 << 24) + 1, 4, Refusal::Points), (1, 0, Refusal::Tile), (1, 65, Refusal::Tile)]
    {
        assert_eq!(plan(&[relu], batch, tile), Err(Error::Refused(refusal)));
    }
    assert!(plan(&[relu], 1 << 24, 64).is_ok());
}

#[test]
fn sizes_that_no_one_can_count_are_refused() {
    const MOST: u32 = u32::MAX;
    let dense = |inputs, outputs| Layer::Dense { inputs, outputs, bias: true };
    let conv = |input, channels, window| Layer::Conv { conv: Conv { input, channels, window }, bias: true };
    for layers in [
        &[dense(MOST, MOST)][..],
        &[dense(1 << 16, 1 << 16)],
        &[dense(MOST, 1)],
        &[dense(1, MOST), dense(MOST, MOST)],
        &[Layer::Crelu { image: Image::vector(1 << 31) }],
        &[Layer::Fork { image: Image::vector(MOST) }, {
            let shortcut = Shortcut { input: Image::vector(MOST), channels: MOST, stride: 1 };
            Layer::Join { shortcut, a: 1.0, b: 1.0 }
        }],
        &[Layer::Fork { image: image(1 << 16, 1 << 8, 1 << 8) }],
        &[conv(image(MOST, 1, 1), MOST, window(1, 1, 1, 0))],
        &[conv(image(1 << 31, 1, 1), MOST, window(2, 2, 1, 1))],
        &[conv(image(1, 1, 1), MOST, window(MOST, MOST, 1, MOST - 1))],
        &[conv(image(1, 1, 1), 1, window(MOST, MOST, MOST, MOST - 1))],
        &[conv(image(1, 1 << 15, 1 << 15), 1 << 10, window(1, 1, 1, 0))],
    ] {
        assert_eq!(plan(layers, 1, 1), Err(Error::Refused(Refusal::TooLarge)), "{layers:?}");
    }
}

/// One of the extremes, or any number.
fn extreme() -> impl Strategy<Value = u32> {
    const EDGES: [u32; 11] =
        [0, 1, 2, (1 << 8) - 1, 1 << 16, (1 << 24) - 1, 1 << 24, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX];
    prop_oneof![2 => proptest::sample::select(&EDGES[..]), 3 => 1..9u32, 1 => any::<u32>()]
}

/// A layer that fits behind the image more often than not, and what comes out of it.
fn hostile(
    behind: Image,
    (kind, fits, channels): (u8, u8, u32),
    other: Image,
    window: Window,
    (x, y): (f32, f32),
) -> (Layer, Image) {
    let image = if fits > 0 { behind } else { other };
    let units = image.units().unwrap_or(u32::MAX);
    let (pool, shortcut) = (Pool { input: image, window }, Shortcut { input: image, channels, stride: window.stride });
    let conv = Conv { input: image, channels, window };
    let layer = match kind {
        0 => Layer::Dense { inputs: units, outputs: channels, bias: fits > 1 },
        1 => Layer::Conv { conv, bias: fits > 1 },
        2 => Layer::Relu { units },
        3 => Layer::Prelu { image, slope: x },
        4 => Layer::Crelu { image },
        5 => Layer::BatchNorm { image, eps: x, momentum: y },
        6 => Layer::AveragePool { pool },
        7 => Layer::MaxPool { pool },
        8 => Layer::Dropout { units, rate: x },
        9 => Layer::Fork { image },
        _ => Layer::Join { shortcut, a: x, b: y },
    };
    let after = match layer {
        Layer::Dense { .. } => Image::vector(channels),
        Layer::Conv { .. } => conv.output().unwrap_or(image),
        Layer::Crelu { .. } => Image { channels: channels.saturating_mul(2), ..image },
        Layer::AveragePool { .. } | Layer::MaxPool { .. } => pool.output().unwrap_or(image),
        Layer::Join { .. } => shortcut.output().unwrap_or(image),
        _ => image,
    };
    (layer, after)
}

fn images() -> impl Strategy<Value = Image> {
    (extreme(), extreme(), extreme()).prop_map(|(channels, height, width)| Image { channels, height, width })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tests have overflow checks: a sum or product that wraps would be a panic here.
    #[test]
    fn no_list_of_layers_overflows(
        first in images(),
        drawn in proptest::collection::vec((
            (0..11u8, 0..4u8, extreme()), images(), (extreme(), extreme(), extreme(), extreme()), any::<(f32, f32)>(),
        ), 0..8),
        (batch, tile) in (extreme(), 0..66u32),
    ) {
        let mut image = first;
        let layers: Vec<Layer> = drawn.into_iter().map(|(kind, other, (height, width, stride, padding), numbers)| {
            let (layer, after) = hostile(image, kind, other, Window { height, width, stride, padding }, numbers);
            image = after;
            layer
        }).collect();
        let settings = Settings { optimiser: Optimiser::Sgd, decay: Decay::None, math: Math::Libm };
        for (batch, tile) in [(batch, tile), (1 + batch % (1 << 24), 1 + tile % 64)] {
            let _ = plan_for_steps(&layers, batch, tile, &settings);
            if let Ok(plan) = plan(&layers, batch, tile) {
                let parameters: u128 = layers.iter().map(|layer| {
                    let (weights, others) = layer.parameters().unwrap();
                    u128::from(weights) + u128::from(others)
                }).sum();
                prop_assert_eq!(u128::from(plan.parameters_len), parameters);
                prop_assert_eq!(plan.outputs, layers.last().unwrap().output().unwrap());
            }
        }
        for start in [Start::He, Start::Orthogonal, Start::LooksLinear, Start::LooksLinearPairs] {
            let init = Init { start, seed: 1, run: 0 };
            init.scratch_len(&layers);
            let _ = init.fill(&layers, &mut [], &mut []);
        }
        let buffers = Buffers {
            places: &mut [], activations: &mut [], tape: &mut [], gradients: &mut [], statistics: &mut [], scratch: &mut [],
            gathered: &mut [],
        };
        let options = Options { batch, isa: shatterscope::kernel::Isa::Portable, seed: 1 };
        prop_assert!(Trainer::<Order, 4, 4>::new(&layers, &Order::InTurn, options, buffers).is_err());
    }
}
