//! Lengths are exact: one element short is a named error, one past the end is never touched. Bad input is refused by name.

use crate::common::{Case, How, draw, parameters, run};
use proptest::prelude::*;
use shatterscope::contract::Digest;
use shatterscope::network::{
    Buffers, Dense, Derivative, Executor, Family, Init, Input, Layer, Network, Norm, Options, Plan, Readout, Role,
    Schedule, Seeded, Serial, Spec, Statistics, Stored, Weights,
};
use shatterscope::probe::{Autocorrelation, Ensemble, Grid, Series, autocorrelation, covariance_row};
use shatterscope::{Buffer, Error, Fault, Pass, Refusal};

const PAD: usize = 5;
const MARK: f32 = 12345.678;

/// A run with buffers of the planned length plus padding, and one of them cut by one element.
fn padded(case: &Case, schedule: Schedule, short: Option<Buffer>) -> Result<Vec<f32>, Error> {
    let network = Network::Family(case.spec);
    let options = case.options(schedule);
    let plan = network.plan(&options, 4)?;
    let seeded = case.seeded(0);
    let panel_len = crate::common::dense_layers(network).iter().map(|dense| seeded.panel_len(dense)).max().unwrap();
    assert_eq!(panel_len, plan.panel_len, "the plan knows the source's least panel");
    let len = |buffer: Buffer, len: u64| len as usize + PAD - if short == Some(buffer) { PAD + 1 } else { 0 };
    let floats = |buffer, n| vec![MARK; len(buffer, n)];
    let mut activations = floats(Buffer::Activations, plan.activations_len);
    let mut statistics = floats(Buffer::Statistics, plan.statistics_len);
    let mut normalised = floats(Buffer::Normalised, plan.normalised_len);
    let mut outputs = floats(Buffer::Outputs, plan.outputs_len);
    let mut gradient = floats(Buffer::Gradient, plan.gradient_len);
    let mut tape = vec![0xa5u8; len(Buffer::Tape, plan.tape_len)];
    // The panel is whatever the caller has: only its least length is checked.
    let mut panel = vec![MARK; panel_len as usize - if short == Some(Buffer::Panel) { 1 } else { 0 }];
    Executor::<_, _, 2, 4>::new(
        network,
        &seeded,
        &Serial,
        case.grid.input(),
        options,
        Buffers {
            activations: &mut activations,
            tape: &mut tape,
            statistics: &mut statistics,
            normalised: &mut normalised,
            panel: &mut panel,
        },
        &mut outputs,
        &mut gradient,
    )?
    .run()?;
    for (name, buffer) in [
        ("activations", &activations),
        ("statistics", &statistics),
        ("normalised", &normalised),
        ("outputs", &outputs),
        ("gradient", &gradient),
    ] {
        let past = &buffer[buffer.len() - PAD..];
        assert!(past.iter().all(|x| x.to_bits() == MARK.to_bits()), "{name} past its end: {past:?}");
    }
    assert!(tape[tape.len() - PAD..].iter().all(|&byte| byte == 0xa5), "tape past its end");
    gradient.truncate(plan.gradient_len as usize);
    Ok(gradient)
}

fn any_case() -> impl Strategy<Value = (Case, Schedule)> {
    let family = prop_oneof![
        Just(Family::Feedforward),
        Just(Family::Resnet { alpha: 0.9, beta: 0.5 }),
        Just(Family::Highway { carry: 0.6, transform: 0.8 }),
        Just(Family::Crelu),
    ];
    let norm = prop_oneof![Just(Norm::None), Just(Norm::Centre), Just(Norm::Batch)];
    let init = prop_oneof![Just(Init::He), Just(Init::Glorot), Just(Init::Orthogonal), Just(Init::LooksLinear)];
    let readout = prop_oneof![Just(Readout::Relu), Just(Readout::Linear), Just(Readout::NormRelu)];
    let schedule =
        prop_oneof![Just(Schedule::WholeBatch), (0u32..30).prop_map(|resident| Schedule::Blocks { resident })];
    (family, norm, init, readout, 1u32..6, 1u32..9, 1u32..24, any::<bool>(), any::<bool>(), any::<u64>(), schedule)
        .prop_map(|(family, norm, init, readout, depth, width, points, full, forward, seed, schedule)| {
            let spec =
                Spec { readout, ..Spec::feedforward(depth, width).with_family(family).with_norm(norm).with_init(init) };
            let case = Case {
                statistics: if full { Statistics::Full } else { Statistics::Detached },
                derivative: if forward { Derivative::Forward } else { Derivative::Reverse },
                seed,
                ..Case::new(spec, points)
            };
            (case, schedule)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every spec either is refused by name or runs in exactly its planned buffers, with the bits of any other tile.
    #[test]
    fn lengths_are_exact((case, schedule) in any_case()) {
        match padded(&case, schedule, None) {
            Ok(gradient) => {
                let other = run::<3, 16>(&case, 0, How { schedule, ..How::default() }).unwrap();
                prop_assert_eq!(Digest::of(&gradient), Digest::of(&other.gradient));
                let plan = Network::Family(case.spec).plan(&case.options(schedule), 4).unwrap();
                for (buffer, len) in planned(&plan) {
                    if len > 0 {
                        let error = padded(&case, schedule, Some(buffer)).unwrap_err();
                        prop_assert_eq!(error, Error::TooShort { buffer, need: len, have: len - 1 });
                    }
                }
                let error = padded(&case, schedule, Some(Buffer::Panel)).unwrap_err();
                prop_assert!(matches!(error, Error::TooShort { buffer: Buffer::Panel, .. }), "{error:?}");
            }
            Err(Error::Refused(refusal)) => prop_assert!(matches!(
                refusal,
                Refusal::LooksLinear | Refusal::FullBatchNormRecompute | Refusal::ForwardFullRecompute
            ), "{refusal:?}"),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A family is planned block by block: what comes of it is what its layers come to one by one.
    #[test]
    fn a_family_is_planned_as_its_layers_are((case, schedule) in any_case(), depth in 1u32..40) {
        let network = Network::Family(Spec { depth, ..case.spec });
        let layers: Vec<Layer> = (0..network.len()).map(|i| network.layer(i).unwrap()).collect();
        let options = case.options(schedule);
        if let Ok(plan) = network.plan(&options, 4) {
            let listed = Network::Layers(&layers).plan(&options, 4);
            prop_assert_eq!(listed, Ok(Plan { panel_len: 1, ..plan }));
        }
        let kinds = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut kinds: Vec<String> = Vec::new();
            for i in numbers {
                let kind = match layers[i as usize] {
                    Layer::Dense(dense) => format!("{:?}", Dense { layer: 0, ..dense }),
                    other => format!("{other:?}"),
                };
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            kinds
        };
        prop_assert_eq!(kinds(&mut network.distinct()), kinds(&mut (0..network.len())));
    }
}

/// A device plans before it looks at its line again: a network of 16 million layers takes it no longer than one of ten.
#[test]
fn no_depth_takes_long_to_plan() {
    let start = std::time::Instant::now();
    for norm in [Norm::None, Norm::Centre, Norm::Batch] {
        let network = Network::Family(Spec::feedforward((1 << 24) - 1, 1).with_norm(norm));
        for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident: 4 }] {
            for _ in 0..1000 {
                std::hint::black_box(network.plan(&Options { schedule, ..Options::new(8) }, 4)).unwrap();
            }
        }
        assert!(network.distinct().count() < 20);
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

fn planned(plan: &Plan) -> [(Buffer, u64); 6] {
    [
        (Buffer::Activations, plan.activations_len),
        (Buffer::Tape, plan.tape_len),
        (Buffer::Statistics, plan.statistics_len),
        (Buffer::Normalised, plan.normalised_len),
        (Buffer::Outputs, plan.outputs_len),
        (Buffer::Gradient, plan.gradient_len),
    ]
}

/// The memory counted by hand for the specs that must fit a chip.
#[test]
fn plans_are_what_was_counted() {
    let plain = Network::Family(Spec::feedforward(50, 200));
    let four = Options { schedule: Schedule::Blocks { resident: 4 }, ..Options::new(256) };
    let plan = plain.plan(&four, 1).unwrap();
    assert_eq!(plan.activations_len * 4 + plan.tape_len, 11_400, "2,850 bytes a point");
    assert_eq!(plan.multiply_adds, 2 * 256 * (49 * 40_000 + 400));

    let centred = Network::Family(Spec::feedforward(24, 200).with_norm(Norm::Centre));
    let whole = centred.plan(&Options::new(256), 1).unwrap();
    assert_eq!(whole.activations_len * 4 + whole.tape_len, 563_200);
    assert_eq!(whole.statistics_len, 400, "two scratch rows");
    let recompute = centred.plan(&four, 1).unwrap();
    assert_eq!(recompute.statistics_len * 4, 19_200 + 12_800);
    assert_eq!(recompute.activations_len * 4 + recompute.tape_len, 4 * 2_200);
    let full = Options { statistics: Statistics::Full, ..four };
    assert_eq!(centred.plan(&full, 1).unwrap().statistics_len * 4, 2 * 19_200 + 12_800);
    let tenths_of_billions = |plan: Plan| (plan.multiply_adds + 50_000_000) / 100_000_000;
    assert_eq!(tenths_of_billions(whole), 5, "0.47 G");
    assert_eq!(tenths_of_billions(recompute), 33, "3.3 G");
    assert_eq!(tenths_of_billions(centred.plan(&full, 1).unwrap()), 118, "11.8 G");

    const IN_CONST: Result<Plan, Error> = Network::Family(Spec::feedforward(2, 3)).plan(&Options::new(4), 1);
    assert_eq!(IN_CONST.unwrap().activations_len, 2 * 3 * 4);
}

fn refusal(spec: Spec, points: u32) -> Refusal {
    match Network::Family(spec).plan(&Options::new(points), 1) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let spec = Spec::feedforward(3, 4);
    assert_eq!(refusal(Spec { depth: 0, ..spec }, 4), Refusal::Depth);
    assert_eq!(refusal(Spec { depth: 1 << 24, ..spec }, 4), Refusal::Depth);
    assert_eq!(refusal(Spec { width: 0, ..spec }, 4), Refusal::Width);
    assert_eq!(refusal(spec, 0), Refusal::Points);
    for bad in [f32::NAN, f32::INFINITY] {
        assert_eq!(refusal(Spec { gain: bad, ..spec }, 4), Refusal::Scale);
        assert_eq!(refusal(Spec { bias_std: bad, ..spec }, 4), Refusal::Scale);
        assert_eq!(refusal(Spec { eps: bad, ..spec }, 4), Refusal::Eps);
        assert_eq!(refusal(spec.with_family(Family::Resnet { alpha: bad, beta: 1.0 }), 4), Refusal::Scale);
    }
    assert_eq!(refusal(Spec { bias_std: -1.0, ..spec }, 4), Refusal::Scale);
    assert_eq!(refusal(Spec { eps: -1.0, ..spec }, 4), Refusal::Eps);
    assert_eq!(refusal(spec.with_family(Family::Highway { carry: 1.0, transform: 1.0 }), 4), Refusal::UnitCircle);
    assert_eq!(refusal(spec.with_family(Family::Highway { carry: f32::NAN, transform: 1.0 }), 4), Refusal::UnitCircle);
    assert_eq!(refusal(spec.with_init(Init::LooksLinear), 4), Refusal::LooksLinear);
    let crelu = spec.with_family(Family::Crelu).with_init(Init::LooksLinear);
    assert_eq!(refusal(crelu.with_norm(Norm::Batch), 4), Refusal::LooksLinear);
    for (first, count) in [(0, 0), (3, 2), (u32::MAX, u32::MAX)] {
        let options = Options { first, count, ..Options::new(4) };
        assert_eq!(Network::Family(spec).plan(&options, 1), Err(Error::Refused(Refusal::Slice)));
    }
    let blocks =
        Options { statistics: Statistics::Full, schedule: Schedule::Blocks { resident: 2 }, ..Options::new(4) };
    let batch = Network::Family(spec.with_norm(Norm::Batch));
    assert_eq!(batch.plan(&blocks, 1), Err(Error::Refused(Refusal::FullBatchNormRecompute)));
    let forward = Options { derivative: Derivative::Forward, ..blocks };
    let centre = Network::Family(spec.with_norm(Norm::Centre));
    assert_eq!(centre.plan(&forward, 1), Err(Error::Refused(Refusal::ForwardFullRecompute)));
    assert_eq!(Network::Family(spec).plan(&Options::new(4), 0), Err(Error::Refused(Refusal::Tile)));
    for error in [Error::Refused(Refusal::Depth), Error::NonFinite(Fault { pass: Pass::Backward, layer: 3 })] {
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn layers_that_do_not_follow_are_refused() {
    let dense =
        |layer, fan_in, fan_out| Layer::Dense(Dense { role: Role::Hidden, layer, fan_in, fan_out, bias: false });
    let fork = Layer::Fork { width: 2 };
    let join = Layer::Join { width: 2, a: 1.0, b: 1.0 };
    for layers in [
        &[][..],
        &[dense(1, 1, 2), dense(2, 3, 1)],
        &[dense(1, 1, 2), Layer::Relu { width: 3 }],
        &[dense(1, 1, 2), fork, dense(2, 2, 1)],
        &[dense(1, 1, 2), join, dense(2, 2, 1)],
        &[dense(1, 1, 2), fork, fork, join, join, dense(2, 2, 1)],
        &[dense(1, 1, 0), dense(2, 0, 1)],
    ] {
        assert_eq!(
            Network::Layers(layers).plan(&Options::new(4), 1),
            Err(Error::Refused(Refusal::Layers)),
            "{layers:?}"
        );
    }
    let good = [dense(1, 1, 2), fork, Layer::Relu { width: 2 }, join, dense(2, 2, 1)];
    assert!(Network::Layers(&good).plan(&Options::new(4), 1).is_ok());
}

#[test]
fn numbers_of_a_list_are_held_to_the_ranges_of_a_family() {
    let dense =
        |layer, fan_in, fan_out| Layer::Dense(Dense { role: Role::Hidden, layer, fan_in, fan_out, bias: false });
    let plan = |layers: &[Layer]| Network::Layers(layers).plan(&Options::new(4), 1).map(drop);
    let norm = |eps| plan(&[dense(1, 1, 2), Layer::BatchNorm { width: 2, eps }, dense(2, 2, 1)]);
    let join = |a, b| plan(&[dense(1, 1, 2), Layer::Fork { width: 2 }, Layer::Join { width: 2, a, b }]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(norm(bad), Err(Error::Refused(Refusal::Eps)), "{bad}");
        assert_eq!(join(bad, 1.0), Err(Error::Refused(Refusal::Scale)), "{bad}");
        assert_eq!(join(1.0, bad), Err(Error::Refused(Refusal::Scale)), "{bad}");
    }
    for bad in [-1.0, -f32::from_bits(1), f32::MIN] {
        assert_eq!(norm(bad), Err(Error::Refused(Refusal::Eps)), "{bad}");
    }
    for good in [0.0, f32::from_bits(1), 1e-5, f32::MAX] {
        assert_eq!((norm(good), join(good, -good)), (Ok(()), Ok(())), "{good}");
    }
    for layer in [0, 1 << 24, u32::MAX] {
        assert_eq!(plan(&[dense(layer, 1, 2)]), Err(Error::Refused(Refusal::Layers)), "{layer}");
    }
    for width in [(1 << 31), u32::MAX] {
        let crelu = Layer::Crelu { width };
        assert_eq!(crelu.shape(), (width, u32::MAX));
        assert_eq!(plan(&[crelu]), Err(Error::Refused(Refusal::TooLarge)));
    }
}

/// One of the extremes, or any number.
fn extreme() -> impl Strategy<Value = u32> {
    const EDGES: [u32; 11] =
        [0, 1, 2, (1 << 16) - 1, 1 << 16, (1 << 24) - 1, 1 << 24, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX];
    prop_oneof![3 => proptest::sample::select(&EDGES[..]), 2 => 1..9u32, 1 => any::<u32>()]
}

/// A layer that fits behind `units` units more often than not.
fn hostile(units: u32, (kind, width, number, fits): (u8, u32, u32, u8), (a, b): (f32, f32)) -> Layer {
    let width = if fits > 0 { units } else { width };
    match kind {
        0 | 1 => {
            let (fan_in, fan_out) = (width, number);
            Layer::Dense(Dense { role: Role::Hidden, layer: number, fan_in, fan_out, bias: kind == 1 })
        }
        2 => Layer::Relu { width },
        3 => Layer::Crelu { width },
        4 => Layer::Centre { width },
        5 => Layer::BatchNorm { width, eps: a },
        6 => Layer::Fork { width },
        _ => Layer::Join { width, a, b },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tests have overflow checks: a sum or product that wraps would be a panic here.
    #[test]
    fn no_list_of_layers_overflows(
        first in extreme(),
        drawn in proptest::collection::vec(((0..8u8, extreme(), extreme(), 0..4u8), any::<(f32, f32)>()), 0..12),
        (points, from, count, resident, tile) in (extreme(), extreme(), extreme(), extreme(), 0..66u32),
        (forward, full, blocks) in any::<(bool, bool, bool)>(),
    ) {
        let mut units = first;
        let layers: Vec<Layer> = drawn.into_iter().map(|(shape, scales)| {
            let layer = hostile(units, shape, scales);
            units = layer.shape().1;
            layer
        }).collect();
        let network = Network::Layers(&layers);
        let options = Options {
            first: from,
            count,
            derivative: if forward { Derivative::Forward } else { Derivative::Reverse },
            statistics: if full { Statistics::Full } else { Statistics::Detached },
            schedule: if blocks { Schedule::Blocks { resident } } else { Schedule::WholeBatch },
            ..Options::new(points)
        };
        let whole = Options::new(1 + points % (1 << 24));
        for options in [options, whole] {
            if let Ok(plan) = network.plan(&options, tile) {
                prop_assert!(network.check().is_ok());
                // What was counted is what the widths say, in numbers that cannot overflow.
                let widest = layers.iter().flat_map(|layer| [layer.shape().0, layer.shape().1]).max().unwrap_or(0);
                prop_assert_eq!(u128::from(plan.tile_len), u128::from(widest) * u128::from(tile));
                let tape: u128 = layers.iter().filter(|layer| matches!(layer, Layer::Relu { .. } | Layer::Crelu { .. }))
                    .map(|layer| (u128::from(layer.shape().0) * u128::from(tile)).div_ceil(8)).sum();
                let reverse = options.derivative == Derivative::Reverse;
                prop_assert_eq!(u128::from(plan.tape_tile_len), if reverse { tape } else { 0 });
                let joined = layers.windows(2).all(|pair| pair[0].shape().1 == pair[1].shape().0);
                prop_assert!(joined);
            }
        }
        for i in 0..layers.len() as u32 {
            network.layer_number(i);
        }
        let _ = Stored::new(&network, &[]);
    }
}

#[test]
fn stored_values_must_be_there_and_finite() {
    let spec = Spec { bias_std: 0.1, ..Spec::feedforward(3, 4) };
    let network = Network::Family(spec);
    let drawn = draw(network, &Seeded::new(&spec, 1, 0));
    assert!(Stored::new(&network, &parameters(&drawn)).is_ok());
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut broken = drawn.clone();
        broken[1].0[7] = bad;
        let error = Stored::new(&network, &parameters(&broken)).unwrap_err();
        assert_eq!(error, Error::NotFinite { buffer: Buffer::Weight, layer: 2, index: 7 });
        let mut broken = drawn.clone();
        broken[2].1[3] = bad;
        let error = Stored::new(&network, &parameters(&broken)).unwrap_err();
        assert_eq!(error, Error::NotFinite { buffer: Buffer::Bias, layer: 3, index: 3 });
    }
    let mut broken = drawn.clone();
    broken[1].0.pop();
    let error = Stored::new(&network, &parameters(&broken)).unwrap_err();
    assert_eq!(error, Error::TooShort { buffer: Buffer::Weight, need: 16, have: 15 });
    let error = Stored::new(&network, &parameters(&drawn[..3])).unwrap_err();
    assert_eq!(error, Error::TooShort { buffer: Buffer::Weight, need: 4, have: 0 });
    let points = [0.0, f32::NAN];
    let case = Case::new(Spec::feedforward(1, 2), 2);
    let error = crate::common::run_with::<_, 1, 1>(
        Network::Family(case.spec),
        &case.seeded(0),
        Input::Points(&points),
        Options::new(2),
        How::default(),
        None,
    );
    assert_eq!(error.unwrap_err(), Error::NotFinite { buffer: Buffer::Inputs, layer: 0, index: 1 });
}

/// Overflow is named with the layer where it began, the same under every schedule and tile.
#[test]
fn overflow_is_named_with_its_layer() {
    let large = Spec { gain: 1e9, ..Spec::feedforward(12, 8) };
    let mut faults = Vec::new();
    for (norm, family) in [
        (Norm::None, Family::Feedforward),
        (Norm::Centre, Family::Feedforward),
        (Norm::None, Family::Resnet { alpha: 1.0, beta: 1e9 }),
    ] {
        let case = Case::new(large.with_family(family).with_norm(norm), 19);
        let whole = run::<2, 16>(&case, 0, How::default()).unwrap_err();
        for resident in [1, 4, 50] {
            let how = How { schedule: Schedule::Blocks { resident }, budget: 1, ..How::default() };
            assert_eq!(run::<1, 1>(&case, 0, how).unwrap_err(), whole, "{norm:?} {family:?} {resident}");
        }
        assert!(matches!(whole, Error::NonFinite(Fault { pass: Pass::Forward, layer: 2..=8 })), "{whole:?}");
        faults.push(whole);
    }
    // Batch norm keeps the values in range and lets the gradient overflow, 1.45 a layer.
    let deep = Case::new(Spec::feedforward(700, 32).with_norm(Norm::Batch), 48);
    let error = run::<2, 16>(&deep, 0, How::default()).unwrap_err();
    assert!(matches!(error, Error::NonFinite(Fault { pass: Pass::Backward, .. })), "{error:?}");
    let how = How { schedule: Schedule::Blocks { resident: 16 }, ..How::default() };
    let shallow = Case::new(Spec { eps: 0.0, ..Spec::feedforward(2, 3).with_norm(Norm::Batch) }, 1);
    // One point has no variance: 1/sqrt(0) is infinite, and says so.
    for how in [How::default(), how] {
        let error = run::<1, 1>(&shallow, 0, how).unwrap_err();
        assert_eq!(error, Error::NonFinite(Fault { pass: Pass::Forward, layer: 1 }));
    }
}

#[test]
fn a_thousand_layers_run() {
    for (family, init) in [
        (Family::Feedforward, Init::He),
        (Family::Highway { carry: 0.999, transform: (1.0f64 - 0.999 * 0.999).sqrt() as f32 }, Init::He),
        (Family::Crelu, Init::LooksLinear),
    ] {
        let case = Case::new(Spec::feedforward(1000, 8).with_family(family).with_init(init), 5);
        let g = run::<2, 4>(&case, 0, How::default()).unwrap().gradient;
        assert!(g.iter().all(|g| g.is_finite()), "{family:?}");
    }
}

/// Width 4,096 with two hidden activations of a point in memory: 16.8 million weights, drawn on the way there and back.
#[test]
fn the_widest_network_runs() {
    let case = Case::new(Spec::feedforward(2, 4096), 2);
    let schedule = Schedule::Blocks { resident: 1 };
    let options = Options { first: 1, count: 1, ..case.options(schedule) };
    let network = Network::Family(case.spec);
    assert_eq!(network.plan(&options, 1).unwrap().activations_len, 2 * 4096);
    let how = How { schedule, panel: 3 * 4096, ..How::default() };
    let narrow =
        crate::common::run_with::<_, 2, 1>(network, &case.seeded(0), case.grid.input(), options, how, None).unwrap();
    let whole = run::<4, 4>(&case, 0, How::default()).unwrap();
    assert_eq!(narrow.gradient[0].to_bits(), whole.gradient[1].to_bits());
}

#[test]
fn statistics_refuse_what_they_cannot_do() {
    let mut constant = [3.0f32; 8];
    let mut r = [9.0f32; 4];
    assert_eq!(autocorrelation(&mut constant, Autocorrelation::MeanRemoved, &mut r), Ok(Series::Constant));
    assert_eq!(r, [9.0; 4], "a constant series has no autocorrelation");
    assert_eq!(autocorrelation(&mut [0.0; 8], Autocorrelation::Raw, &mut r), Ok(Series::Constant));
    let lag = Err(Error::Refused(Refusal::Lag));
    assert_eq!(autocorrelation(&mut [1.0, 2.0, 3.0], Autocorrelation::Raw, &mut [0.0; 4]), lag);
    assert!(autocorrelation(&mut [1.0, 2.0, 3.0], Autocorrelation::Raw, &mut [0.0; 3]).is_ok());
    let error = autocorrelation(&mut [1.0, f32::NAN], Autocorrelation::Raw, &mut r[..1]);
    assert_eq!(error, Err(Error::NotFinite { buffer: Buffer::Series, layer: 0, index: 1 }));
    assert!(matches!(autocorrelation(&mut [], Autocorrelation::Raw, &mut []), Err(Error::TooShort { .. })));
    assert!(matches!(Ensemble::new(&mut [0.0; 5], 2), Err(Error::TooShort { need: 6, have: 5, .. })));
    let mut sums = [0.0; 6];
    let mut ensemble = Ensemble::new(&mut sums, 2).unwrap();
    assert_eq!(ensemble.correlation(0), None);
    assert_eq!(ensemble.add(&[1.0]), Err(Error::Refused(Refusal::Lag)));
    assert!(ensemble.add(&[1.0, f32::INFINITY]).is_err());
    assert!(covariance_row(&[1.0, -1.0], 2, &mut [0.0; 2]).is_err());
    assert!(covariance_row(&[1.0, -1.0], 0, &mut [0.0; 1]).is_err());
    assert!(Grid { from: f32::NAN, ..Grid::new(4) }.check().is_err());
    assert!(Grid { from: -3e38, to: 3e38, ..Grid::new(4) }.check().is_err());
    assert!(Grid::new(0).check().is_err());
}
