//! Plans: their lengths by hand, and what they refuse.
use super::machine::{Planned, reason};
use super::networks::{List, image, window};
use super::workers::Order;
use proptest::prelude::*;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Options};
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::plan::{Derivative, Plan, Schedule, Statistics, Storage, Want, place};
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope::{Buffer, Error, InvalidSpec};
use shatterscope_layers::{Layer, to_graph};

const WANTS: [Want; 6] = [
    Want::Output,
    Want::Tangent,
    Want::DetachedGradient,
    Want::InputGradient,
    Want::Gradients,
    Want::ParameterGradient,
];

/// What a plan says of lengths.
#[derive(Debug, Default, PartialEq)]
struct Lengths {
    units: u64,
    parameters: u64,
    running: u64,
    values: u64,
    tape_tile: u64,
    tape: u64,
    statistics: u64,
    scratch: [u64; 2],
    gathered: u64,
    multiply_adds: u64,
}

fn lengths(layers: &[Layer], batch: u32, tile: u32) -> Lengths {
    let planned = Planned::new(layers, Want::Gradients).unwrap();
    let plan = planned.plan();
    Lengths {
        units: plan.units,
        parameters: plan.parameters_len,
        running: plan.running_len,
        values: plan.values_len(batch, tile).unwrap(),
        tape_tile: plan.tape_tile_len(tile),
        tape: plan.tape_len(batch, tile).unwrap(),
        statistics: plan.statistics_len(),
        scratch: [plan.scratch_len, plan.scratch_best],
        gathered: plan.gathered_len(tile),
        multiply_adds: plan.multiply_adds,
    }
}

#[test]
fn lengths_by_hand() {
    // 3x4x5 -> conv 5, 3x3 stride 2 padding 1 -> 5x2x3 -> CReLU 10x2x3 -> max pool 2x2 -> 10x1x2 -> norm -> dense 4.
    let layers = List::new(image(3, 4, 5)).conv(5, Window::half_padded(3, 2), true).crelu().max(window(2, 2, 1, 0));
    let layers = layers.norm().dense(4, true).layers;
    // 9 points are three tiles of 4.
    let expected = Lengths {
        // Most is needed in the backward pass of the convolution: the image, the gradient of the CReLU's output, in which that of the
        // convolution's output has taken its place, and the gradient of the image.
        units: 60 + 60 + 60,
        parameters: (5 * 27 + 5) + 20 + (4 * 20 + 4),
        running: 20,
        values: 180 * 12,
        // A bit for each unit and point into the CReLU, a byte for each maximum.
        tape_tile: 30 * 4 / 8 + 20 * 4,
        tape: 3 * (15 + 80),
        statistics: 30,
        // 5 outputs x 9 taps of one input are more than 3 x 9 of one output.
        scratch: [45 + 1, 5 * 27 + 5],
        // [point][4][7][3] and four lanes more, [point][2][3][5].
        gathered: (4 * 4 * 7 * 3 + 4) + 4 * 2 * 3 * 5,
        multiply_adds: 6 * 135 + 80,
    };
    assert_eq!(lengths(&layers, 9, 4), expected);
    // With a fork, most is needed in the backward pass of the dense layer: its input, the gradient of its output, in the place of that of the
    // sum, the gradient of the input as far as it came through the join, and its own part of that, to be added.
    let layers = List::new(Image::vector(3)).fork().dense(3, false).relu().join(1.0, 0.5).layers;
    let expected = Lengths {
        units: 3 + 3 + 3 + 3,
        parameters: 9,
        values: 12 * 6,
        tape_tile: 1,
        tape: 3,
        scratch: [4, 9],
        multiply_adds: 9,
        ..Lengths::default()
    };
    assert_eq!(lengths(&layers, 5, 2), expected);
    // What slopes multiplied is kept, so they write elsewhere, and the ReLU over that; besides both one gradient: of the outputs first, of
    // the inputs at last, when the outputs are not needed any more.
    let expected = Lengths {
        units: 12 + 12 + 12,
        parameters: 3,
        values: 36 * 6,
        tape_tile: 12 * 2 / 8,
        tape: 3 * 3,
        scratch: [3, 3],
        // The terms of a tile, and a register more.
        gathered: 12 * 2 + 16,
        ..Lengths::default()
    };
    assert_eq!(lengths(&List::new(image(3, 2, 2)).prelu(0.5).relu().layers, 5, 2), expected);
}

/// Plans layers, whatever is wanted of them: where it is refused, it is for all.
fn plan(layers: &[Layer]) -> Result<(), InvalidSpec> {
    let told = WANTS.map(|want| planned(layers, want, |_| ()).map_err(reason));
    assert_eq!(told, [told[0]; WANTS.len()], "{layers:?}");
    told[0]
}

/// `f` of the plan of layers.
fn planned<V>(layers: &[Layer], want: Want, f: impl FnOnce(&Plan) -> V) -> Result<V, Error> {
    let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
    let graph = to_graph(layers, &mut nodes)?;
    let len = graph.len() * want.slots();
    let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
    place(&graph, want, &mut storages, &mut slots)?;
    Ok(f(&Plan::new(&graph, want, &slots)?))
}

/// What an executor without any buffers says.
fn executor<const T: usize>(layers: &[Layer], batch: u32) -> Option<Error> {
    let options = Options::new(batch).with_isa(Isa::Portable);
    let new = |plan: &Plan| {
        Executor::<_, 4, T>::new(plan, &Order::InTurn, options, Buffers::of_outputs(&mut [], &mut [])).err()
    };
    planned(layers, Want::Gradients, new).unwrap()
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let refused = |layers: &[Layer]| plan(layers).unwrap_err();
    let vector = Image::vector;
    let (fork, relu) = (Layer::Fork { image: vector(3) }, Layer::Relu { units: 3 });
    let join = |input, channels, stride| Layer::Join { shortcut: Shortcut { input, channels, stride }, a: 1.0, b: 1.0 };
    let straight = join(vector(3), 3, 1);
    let dense = |inputs, outputs| Layer::Dense { inputs, outputs, bias: false };
    assert_eq!(plan(&[fork, relu, straight, fork, relu, straight]), Ok(()));
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
        assert_eq!(refused(layers), InvalidSpec::Layers, "{layers:?}");
    }
    let input = image(2, 3, 3);
    for window in [window(6, 3, 1, 1), window(3, 3, 0, 1), window(0, 1, 1, 0), window(3, 3, 1, 3), window(2, 1, 1, 1)] {
        assert_eq!(
            refused(&[Layer::Conv { conv: Conv { input, channels: 2, window }, bias: true }]),
            InvalidSpec::Window
        );
        assert_eq!(refused(&[Layer::MaxPool { pool: Pool { input, window } }]), InvalidSpec::Window);
        assert_eq!(refused(&[Layer::AveragePool { pool: Pool { input, window } }]), InvalidSpec::Window);
    }
    assert_eq!(refused(&[fork, join(vector(3), 2, 1)]), InvalidSpec::Window);
    assert_eq!(refused(&[fork, join(vector(3), 3, 0)]), InvalidSpec::Window);
    // The first layer that is refused, whatever follows it.
    let conv = Layer::Conv { conv: Conv { input, channels: 2, window: window(6, 3, 1, 1) }, bias: true };
    assert_eq!(refused(&[conv, relu]), InvalidSpec::Window);
    let pool = |height, width, window| Pool { input: image(1, height, width), window };
    assert_eq!(refused(&[Layer::AveragePool { pool: pool(3, 3, window(2, 2, 1, 1)) }]), InvalidSpec::Pool);
    assert_eq!(refused(&[Layer::AveragePool { pool: pool(4097, 4096, window(4097, 4096, 1, 0)) }]), InvalidSpec::Pool);
    assert_eq!(refused(&[Layer::MaxPool { pool: pool(1, 257, window(1, 257, 1, 0)) }]), InvalidSpec::Pool);
    assert_eq!(plan(&[Layer::MaxPool { pool: pool(16, 16, window(16, 16, 1, 0)) }]), Ok(()));
    for rate in [1.0, -0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(refused(&[Layer::Dropout { units: 3, rate }]), InvalidSpec::Rate);
    }
    let norm = |eps, momentum| Layer::BatchNorm { image: vector(3), eps, momentum };
    assert_eq!(plan(&[norm(0.0, 1.0)]), Ok(()));
    for eps in [0.0, f32::from_bits(1), f32::MAX] {
        assert_eq!(plan(&[norm(eps, 0.5)]), Ok(()));
    }
    for eps in [-1e-9, -f32::from_bits(1), f32::MIN, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(refused(&[norm(eps, 0.1)]), InvalidSpec::Eps);
    }
    for momentum in [-0.1, 1.1, f32::NAN] {
        assert_eq!(refused(&[norm(0.1, momentum)]), InvalidSpec::Scale);
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        assert_eq!(refused(&[Layer::Prelu { image: vector(3), slope: wrong }]), InvalidSpec::Scale);
        for (a, b) in [(wrong, 1.0), (1.0, wrong)] {
            let shortcut = Shortcut { input: vector(3), channels: 3, stride: 1 };
            assert_eq!(refused(&[fork, Layer::Join { shortcut, a, b }]), InvalidSpec::Scale);
        }
    }
    for (told, reason) in [
        (executor::<4>(&[relu], 0), InvalidSpec::Points),
        (executor::<4>(&[relu], (1 << 24) + 1), InvalidSpec::Points),
        (executor::<0>(&[relu], 1), InvalidSpec::Tile),
        (executor::<65>(&[relu], 1), InvalidSpec::Tile),
    ] {
        assert_eq!(told, Some(Error::InvalidSpec(reason)));
    }
    // The value takes the place of the input, and so do their gradients: three units besides three.
    let short = Error::TooShort { buffer: Buffer::Values, need: 6 << 24, have: 0 };
    assert_eq!(executor::<64>(&[relu], 1 << 24), Some(short));
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
        assert_eq!(plan(layers), Err(InvalidSpec::TooLarge), "{layers:?}");
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
        input in images(),
        drawn in proptest::collection::vec((
            (0..11u8, 0..4u8, extreme()), images(), (extreme(), extreme(), extreme(), extreme()), any::<(f32, f32)>(),
        ), 0..8),
        (batch, tile) in (extreme(), 0..66u32),
        (first, count, resident) in (extreme(), extreme(), extreme()),
        (forward, full, blocks) in any::<(bool, bool, bool)>(),
    ) {
        let mut image = input;
        let layers: Vec<Layer> = drawn.into_iter().map(|(kind, other, (height, width, stride, padding), numbers)| {
            let (layer, after) = hostile(image, kind, other, Window { height, width, stride, padding }, numbers);
            image = after;
            layer
        }).collect();
        let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
        let Ok(graph) = to_graph(&layers, &mut nodes) else { return Ok(()) };
        let last = graph.node(graph.len() as u32 - 1).unwrap();
        prop_assert_eq!(last.shape.units(), layers.last().unwrap().facts().unwrap().shape.units());
        for start in [Initializer::He, Initializer::Orthogonal, Initializer::LooksLinear, Initializer::LooksLinearPairs] {
            let init = InitialWeights { start, seed: 1, run: 0 };
            init.scratch_len(&graph);
            let _ = init.fill(&graph, &mut [], &mut []);
        }
        let parameters: u128 = layers.iter().map(|layer| {
            let (weights, others) = layer.parameters().unwrap();
            u128::from(weights) + u128::from(others)
        }).sum();
        let channels: u128 = layers.iter().map(|layer| u128::from(layer.facts().unwrap().running)).sum();
        for want in WANTS {
            let len = graph.len() * want.slots();
            let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
            let memory = match place(&graph, want, &mut storages, &mut slots) {
                Ok(memory) => memory,
                Err(told) => {
                    prop_assert_eq!(told, Error::InvalidSpec(InvalidSpec::TooLarge));
                    continue;
                }
            };
            prop_assert!(memory.units >= memory.bound && memory.units <= u32::MAX.into(), "{:?}", memory);
            let plan = match Plan::new(&graph, want, &slots) {
                Ok(plan) => plan,
                Err(told) => {
                    prop_assert_eq!(told, Error::InvalidSpec(InvalidSpec::TooLarge));
                    // A batch norm keeps three rows of statistics for its gradient.
                    prop_assert!(parameters.max(3 * channels) > u32::MAX.into());
                    continue;
                }
            };
            prop_assert_eq!(plan.units, memory.units);
            prop_assert_eq!(u128::from(plan.parameters_len), parameters);
            prop_assert_eq!(u128::from(plan.running_len), 2 * channels);
            for (batch, tile) in [(batch, tile), (1 + batch % (1 << 24), 1 + tile % 64)] {
                let _ = (plan.values_len(batch, tile), plan.tape_len(batch, tile));
                let _ = (plan.tape_tile_len(tile), plan.gathered_len(tile), plan.statistics_len());
            }
            let points = shatterscope::plan::RunOptions::new(batch).with_slice(first, count).with_derivative(if forward { Derivative::Forward } else { Derivative::Reverse }).with_statistics(if full { Statistics::Full } else { Statistics::Detached }).with_schedule(if blocks { Schedule::Blocks { resident } } else { Schedule::WholeBatch });
            let mut valid = points;
            valid.points = 1 + batch % (1 << 24);
            let valid = valid.with_slice(0, valid.points);
            for (points, tile) in [
                (points, tile),
                (valid, 1 + tile % 64),
            ] {
                let told = plan.run(&points, tile);
                prop_assert!(told.is_err() || points.want() == want);
                if let Ok(lengths) = told {
                    let units = u128::from(plan.units) * if forward { 2 } else { 1 };
                    prop_assert_eq!(u128::from(lengths.values_len), units * u128::from(lengths.resident));
                    let tiles = u128::from(lengths.resident / u64::from(tile));
                    let tape = u128::from(plan.tape_tile_len(tile)) * tiles;
                    prop_assert_eq!(u128::from(lengths.tape_len), if forward { 0 } else { tape });
                }
            }
            let options = Options::new(batch).with_isa(Isa::Portable);
            let buffers = Buffers::of_outputs(&mut [], &mut []);
            prop_assert!(Executor::<Order, 4, 4>::new(&plan, &Order::InTurn, options, buffers).is_err());
        }
    }
}
