//! Lengths are exact: one element short is a named error, one past the end is never touched. Bad input is refused by name.

use crate::common::{Case, How, draw, parameters, run};
use proptest::prelude::*;
use shatterscope::contract::Digest;
use shatterscope::exec::{Buffers, Input, Run, Source};
use shatterscope::graph::{Graph, Node};
use shatterscope::plan::{Derivative, Plan, RunLengths, RunOptions, Schedule, Statistics, Storage};
use shatterscope::probe::{Autocorrelation, Ensemble, Grid, Series, autocorrelation, covariance_row};
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use shatterscope::{Buffer, Error, InvalidSpec, NonFinite, Pass};

const PAD: usize = 5;
const MARK: f32 = 12345.678;

/// A run with buffers of the planned length plus padding, and one of them cut by one element.
fn padded(case: &Case, schedule: Schedule, short: Option<Buffer>) -> Result<Vec<f32>, Error> {
    let options = case.options(schedule);
    let plan = Plan::family(&case.spec, options.want())?;
    let lengths = plan.run(&options, 4)?;
    let seeded = case.seeded(0);
    let source = Source::Seeded(&seeded);
    let panel_len = source.panel_len(&plan)?;
    let dense = (0..plan.graph().len() as u32).filter_map(|i| seeded.dense_of(plan.graph(), i));
    assert_eq!(Some(panel_len), dense.map(|dense| seeded.panel_len(&dense)).max());
    assert_eq!(panel_len, case.spec.panel_len(), "the spec knows the source's least panel");
    let len = |buffer: Buffer, len: u64| len as usize + PAD - if short == Some(buffer) { PAD + 1 } else { 0 };
    let floats = |buffer, n| vec![MARK; len(buffer, n)];
    let mut values = floats(Buffer::Values, lengths.values_len);
    let mut statistics = floats(Buffer::Statistics, lengths.statistics_len);
    let mut outputs = floats(Buffer::Outputs, lengths.outputs_len);
    let mut gradient = floats(Buffer::Gradient, lengths.gradient_len);
    let mut tape = vec![0xa5u8; len(Buffer::Tape, lengths.tape_len)];
    // The panel is whatever the caller has: only its least length is checked.
    let mut panel = vec![MARK; panel_len as usize - if short == Some(Buffer::Panel) { 1 } else { 0 }];
    Run::<_, 2, 4>::new(
        &plan,
        source,
        &Serial,
        case.grid.input(),
        options,
        Buffers {
            values: &mut values,
            tape: &mut tape,
            statistics: &mut statistics,
            scratch: &mut panel,
            gathered: &mut [],
        },
        &mut outputs,
        &mut gradient,
    )?
    .run()?;
    for (name, buffer) in
        [("values", &values), ("statistics", &statistics), ("outputs", &outputs), ("gradient", &gradient)]
    {
        let past = &buffer[buffer.len() - PAD..];
        assert!(past.iter().all(|x| x.to_bits() == MARK.to_bits()), "{name} past its end: {past:?}");
    }
    assert!(tape[tape.len() - PAD..].iter().all(|&byte| byte == 0xa5), "tape past its end");
    gradient.truncate(lengths.gradient_len as usize);
    Ok(gradient)
}

/// Every family with every norm, initialisation and readout.
pub fn any_network() -> impl Strategy<Value = (Family, Norm, Init, Readout)> {
    let family = prop_oneof![
        Just(Family::Feedforward),
        Just(Family::Resnet { alpha: 0.9, beta: 0.5 }),
        Just(Family::Highway { carry: 0.6, transform: 0.8 }),
        Just(Family::Crelu),
    ];
    let norm = prop_oneof![Just(Norm::None), Just(Norm::Centre), Just(Norm::Batch)];
    let init = prop_oneof![Just(Init::He), Just(Init::Glorot), Just(Init::Orthogonal), Just(Init::LooksLinear)];
    let readout = prop_oneof![Just(Readout::Relu), Just(Readout::Linear), Just(Readout::NormRelu)];
    (family, norm, init, readout)
}

fn any_case() -> impl Strategy<Value = (Case, Schedule)> {
    let schedule =
        prop_oneof![Just(Schedule::WholeBatch), (0u32..30).prop_map(|resident| Schedule::Blocks { resident })];
    (any_network(), 1u32..6, 1u32..9, 1u32..24, any::<bool>(), any::<bool>(), any::<u64>(), schedule).prop_map(
        |((family, norm, init, readout), depth, width, points, full, forward, seed, schedule)| {
            let spec =
                Spec { readout, ..Spec::feedforward(depth, width).with_family(family).with_norm(norm).with_init(init) };
            let case = Case {
                statistics: if full { Statistics::Full } else { Statistics::Detached },
                derivative: if forward { Derivative::Forward } else { Derivative::Reverse },
                seed,
                ..Case::new(spec, points)
            };
            (case, schedule)
        },
    )
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
                for (buffer, len) in planned(&lengths(&case.spec, &case.options(schedule), 4).unwrap()) {
                    if len > 0 {
                        let error = padded(&case, schedule, Some(buffer)).unwrap_err();
                        prop_assert_eq!(error, Error::TooShort { buffer, need: len, have: len - 1 });
                    }
                }
                let error = padded(&case, schedule, Some(Buffer::Panel)).unwrap_err();
                prop_assert!(matches!(error, Error::TooShort { buffer: Buffer::Panel, .. }), "{error:?}");
            }
            Err(error) => prop_assert_eq!(error, Error::InvalidSpec(InvalidSpec::LooksLinear)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A family is planned block by block: the lengths are those of a list of its nodes.
    #[test]
    fn a_family_is_planned_as_its_nodes_are((case, schedule) in any_case(), depth in 1u32..40) {
        let spec = Spec { depth, ..case.spec };
        let Ok(graph) = Graph::family(&spec) else { return Ok(()) };
        let nodes: Vec<Node> = (0..graph.len() as u32).map(|i| graph.node(i).unwrap()).collect();
        let options = case.options(schedule);
        let plan = Plan::family(&spec, options.want()).unwrap();
        let len = nodes.len() * options.want().slots();
        let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
        let listed = Graph::new(&nodes).unwrap();
        let (listed, _) = Plan::with_placed_slots(&listed, options.want(), &mut storages, &mut slots).unwrap();
        // A list may have other slots.
        let of = |plan: &Plan| plan.run(&options, 4).map(|lengths| {
            let copies = if options.derivative == Derivative::Forward { 2 } else { 1 };
            assert_eq!(lengths.values_len, copies * plan.units * lengths.resident);
            let mut none = lengths;
            none.values_len = 0;
            none
        });
        prop_assert_eq!(of(&plan), of(&listed));
        let kinds = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut kinds: Vec<String> = Vec::new();
            for i in numbers {
                let kind = format!("{:?} {:?}", nodes[i as usize].op, graph.facts(i));
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            kinds
        };
        prop_assert_eq!(kinds(&mut graph.distinct()), kinds(&mut (0..graph.len() as u32)));
    }
}

fn lengths(spec: &Spec, options: &RunOptions, tile: u32) -> Result<RunLengths, Error> {
    Plan::family(spec, options.want())?.run(options, tile)
}

/// A device plans before it looks at its line again: a network of 16 million layers takes it no longer than one of ten.
#[test]
fn no_depth_takes_long_to_plan() {
    let start = std::time::Instant::now();
    for norm in [Norm::None, Norm::Centre, Norm::Batch] {
        let spec = Spec::feedforward((1 << 24) - 1, 1).with_norm(norm);
        for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident: 4 }] {
            for _ in 0..1000 {
                std::hint::black_box(lengths(&spec, &RunOptions::new(8).with_schedule(schedule), 4)).unwrap();
            }
        }
        assert!(Graph::family(&spec).unwrap().distinct().count() < 20);
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

fn planned(lengths: &RunLengths) -> [(Buffer, u64); 5] {
    [
        (Buffer::Values, lengths.values_len),
        (Buffer::Tape, lengths.tape_len),
        (Buffer::Statistics, lengths.statistics_len),
        (Buffer::Outputs, lengths.outputs_len),
        (Buffer::Gradient, lengths.gradient_len),
    ]
}

/// The memory counted by hand for the specs that must fit a chip.
#[test]
fn plans_are_what_was_counted() {
    let plain = Spec::feedforward(50, 200);
    let four = RunOptions::new(256).with_schedule(Schedule::Blocks { resident: 4 });
    let plan = lengths(&plain, &four, 1).unwrap();
    assert_eq!(plan.values_len * 4 + plan.tape_len, 11_400, "2,850 bytes a point");
    assert_eq!(plan.multiply_adds, 2 * 256 * (49 * 40_000 + 400));

    let centred = Spec::feedforward(24, 200).with_norm(Norm::Centre);
    let whole = lengths(&centred, &RunOptions::new(256), 1).unwrap();
    assert_eq!(whole.values_len * 4 + whole.tape_len, 563_200);
    assert_eq!(whole.statistics_len, 400, "two scratch rows");
    let recompute = lengths(&centred, &four, 1).unwrap();
    assert_eq!(recompute.statistics_len * 4, 19_200 + 12_800);
    assert_eq!(recompute.values_len * 4 + recompute.tape_len, 4 * 2_200);
    let full = four.with_statistics(Statistics::Full);
    let full = lengths(&centred, &full, 1).unwrap();
    assert_eq!(full.statistics_len * 4, 2 * 19_200 + 12_800);
    let tenths_of_billions = |lengths: RunLengths| (lengths.multiply_adds + 50_000_000) / 100_000_000;
    assert_eq!(tenths_of_billions(whole), 5, "0.47 G");
    assert_eq!(tenths_of_billions(recompute), 33, "3.3 G");
    assert_eq!(tenths_of_billions(full), 118, "11.8 G");

    const OPTIONS: RunOptions = RunOptions::new(4);
    const SPEC: Spec = Spec::feedforward(2, 3);
    const IN_CONST: Result<RunLengths, Error> = match Plan::family(&SPEC, OPTIONS.want()) {
        Ok(plan) => plan.run(&OPTIONS, 1),
        Err(error) => Err(error),
    };
    assert_eq!(IN_CONST.unwrap().values_len, 2 * 3 * 4);
}

fn reason(spec: Spec, points: u32) -> InvalidSpec {
    match lengths(&spec, &RunOptions::new(points), 1) {
        Err(Error::InvalidSpec(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let spec = Spec::feedforward(3, 4);
    assert_eq!(reason(Spec { depth: 0, ..spec }, 4), InvalidSpec::Depth);
    assert_eq!(reason(Spec { depth: 1 << 24, ..spec }, 4), InvalidSpec::Depth);
    assert_eq!(reason(Spec { width: 0, ..spec }, 4), InvalidSpec::Width);
    assert_eq!(reason(spec, 0), InvalidSpec::Points);
    for bad in [f32::NAN, f32::INFINITY] {
        assert_eq!(reason(Spec { gain: bad, ..spec }, 4), InvalidSpec::Scale);
        assert_eq!(reason(Spec { bias_std: bad, ..spec }, 4), InvalidSpec::Scale);
        assert_eq!(reason(Spec { eps: bad, ..spec }, 4), InvalidSpec::Eps);
        assert_eq!(reason(spec.with_family(Family::Resnet { alpha: bad, beta: 1.0 }), 4), InvalidSpec::Scale);
    }
    assert_eq!(reason(Spec { bias_std: -1.0, ..spec }, 4), InvalidSpec::Scale);
    assert_eq!(reason(Spec { eps: -1.0, ..spec }, 4), InvalidSpec::Eps);
    assert_eq!(reason(spec.with_family(Family::Highway { carry: 1.0, transform: 1.0 }), 4), InvalidSpec::UnitCircle);
    assert_eq!(
        reason(spec.with_family(Family::Highway { carry: f32::NAN, transform: 1.0 }), 4),
        InvalidSpec::UnitCircle
    );
    assert_eq!(reason(spec.with_init(Init::LooksLinear), 4), InvalidSpec::LooksLinear);
    let crelu = spec.with_family(Family::Crelu).with_init(Init::LooksLinear);
    assert_eq!(reason(crelu.with_norm(Norm::Batch), 4), InvalidSpec::LooksLinear);
    for (first, count) in [(0, 0), (3, 2), (u32::MAX, u32::MAX)] {
        let options = RunOptions::new(4).with_slice(first, count);
        assert_eq!(lengths(&spec, &options, 1), Err(Error::InvalidSpec(InvalidSpec::Slice)));
    }
    assert_eq!(lengths(&spec, &RunOptions::new(4), 0), Err(Error::InvalidSpec(InvalidSpec::Tile)));
    let full = RunOptions::new(4).with_statistics(Statistics::Full);
    let detached = Plan::family(&spec, RunOptions::new(4).want()).unwrap();
    assert_eq!(detached.run(&full, 1), Err(Error::InvalidSpec(InvalidSpec::Want)));
    for error in
        [Error::InvalidSpec(InvalidSpec::Depth), Error::NonFinite(NonFinite { pass: Pass::Backward, layer: 3 })]
    {
        assert!(!error.to_string().contains('\n'));
    }
}

/// One of the extremes, or any number.
fn extreme() -> impl Strategy<Value = u32> {
    const EDGES: [u32; 13] = [
        0,
        1,
        2,
        (1 << 16) - 1,
        1 << 16,
        1 << 20,
        (1 << 20) + 1,
        (1 << 24) - 1,
        1 << 24,
        (1 << 31) - 1,
        1 << 31,
        u32::MAX - 1,
        u32::MAX,
    ];
    prop_oneof![3 => proptest::sample::select(&EDGES[..]), 2 => 1..9u32, 1 => any::<u32>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tests have overflow checks: a sum or product that wraps would be a panic here. Lists of nodes are planned with hostile numbers in
    /// `trainer::lengths`.
    #[test]
    fn no_family_overflows(
        (case, _) in any_case(),
        (depth, width, inputs) in (extreme(), extreme(), extreme()),
        (points, first, count, resident, tile) in (extreme(), extreme(), extreme(), extreme(), 0..66u32),
        blocks in any::<bool>(),
    ) {
        let spec = Spec { depth, width, inputs, ..case.spec };
        let schedule = if blocks { Schedule::Blocks { resident } } else { Schedule::WholeBatch };
        let mut options = case.options(schedule).with_slice(first, count);
        options.points = points;
        let whole = RunOptions::new(1 + points % (1 << 24)).with_schedule(schedule);
        for (options, tile) in [(options, tile), (whole.with_derivative(options.derivative), 1 + tile % 64)] {
            let Ok(plan) = Plan::family(&spec, options.want()) else { continue };
            prop_assert!(spec.check().is_ok());
            let Ok(lengths) = plan.run(&options, tile) else { continue };
            // What was counted is what the spec says, in numbers that cannot overflow.
            let reverse = options.derivative == Derivative::Reverse;
            let tiles = u128::from(lengths.resident / u64::from(tile));
            let relus = u128::from(depth) - u128::from(spec.readout == Readout::Linear);
            let tape = relus * (u128::from(width) * u128::from(tile)).div_ceil(8) * tiles;
            prop_assert_eq!(u128::from(lengths.tape_len), if reverse { tape } else { 0 });
            prop_assert_eq!(u128::from(lengths.outputs_len), u128::from(options.count));
            let each = if reverse { u128::from(inputs) } else { 1 };
            prop_assert_eq!(u128::from(lengths.gradient_len), each * u128::from(options.count));
        }
    }
}

#[test]
fn stored_values_must_be_there_and_finite() {
    let spec = Spec { bias_std: 0.1, ..Spec::feedforward(3, 4) };
    let case = Case { spec, ..Case::new(spec, 2) };
    let stored = parameters(&draw(&spec, &Seeded::new(&spec, 1, 0)));
    let of = |parameters: &[f32]| {
        let (options, source) = (RunOptions::new(2), Source::Stored(parameters));
        crate::common::run_with::<1, 1>(&spec, source, case.grid.input(), options, How::default(), None)
    };
    assert!(of(&stored).is_ok());
    // Weights and biases of the stem, 4 and 4; of layer 2, 16 and 4; of layer 3, 16 and 4.
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (index, layer) in [(3, 1), (5, 1), (8 + 7, 2), (28 + 16 + 3, 3), (48, 4)] {
            let mut broken = stored.clone();
            broken[index] = bad;
            assert_eq!(of(&broken), Err(Error::NonFinite(NonFinite { pass: Pass::Forward, layer })), "{index}");
        }
    }
    let error = of(&stored[1..]).unwrap_err();
    assert_eq!(error, Error::TooShort { buffer: Buffer::Parameters, need: 52, have: 51 });
    let points = [0.0, f32::NAN];
    let case = Case::new(Spec::feedforward(1, 2), 2);
    let error = crate::common::run_with::<1, 1>(
        &case.spec,
        Source::Seeded(&case.seeded(0)),
        Input::Points(&points),
        RunOptions::new(2),
        How::default(),
        None,
    );
    assert_eq!(error.unwrap_err(), Error::InvalidValue { buffer: Buffer::Inputs, layer: 0, index: 1 });
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
        assert!(matches!(whole, Error::NonFinite(NonFinite { pass: Pass::Forward, layer: 2..=8 })), "{whole:?}");
        faults.push(whole);
    }
    // Batch norm keeps the values in range and lets the gradient overflow, 1.45 a layer.
    let deep = Case::new(Spec::feedforward(700, 32).with_norm(Norm::Batch), 48);
    let error = run::<2, 16>(&deep, 0, How::default()).unwrap_err();
    assert!(matches!(error, Error::NonFinite(NonFinite { pass: Pass::Backward, .. })), "{error:?}");
    let how = How { schedule: Schedule::Blocks { resident: 16 }, ..How::default() };
    let shallow = Case::new(Spec { eps: 0.0, ..Spec::feedforward(2, 3).with_norm(Norm::Batch) }, 1);
    // One point has no variance: 1/sqrt(0) is infinite, and says so.
    for how in [How::default(), how] {
        let error = run::<1, 1>(&shallow, 0, how).unwrap_err();
        assert_eq!(error, Error::NonFinite(NonFinite { pass: Pass::Forward, layer: 1 }));
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
    let options = case.options(schedule).with_slice(1, 1);
    assert_eq!(lengths(&case.spec, &options, 1).unwrap().values_len, 2 * 4096);
    let how = How { schedule, panel: 3 * 4096, ..How::default() };
    let (seeded, input) = (case.seeded(0), case.grid.input());
    let source = Source::Seeded(&seeded);
    let narrow = crate::common::run_with::<2, 1>(&case.spec, source, input, options, how, None).unwrap();
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
    let lag = Err(Error::InvalidSpec(InvalidSpec::Lag));
    assert_eq!(autocorrelation(&mut [1.0, 2.0, 3.0], Autocorrelation::Raw, &mut [0.0; 4]), lag);
    assert!(autocorrelation(&mut [1.0, 2.0, 3.0], Autocorrelation::Raw, &mut [0.0; 3]).is_ok());
    let error = autocorrelation(&mut [1.0, f32::NAN], Autocorrelation::Raw, &mut r[..1]);
    assert_eq!(error, Err(Error::InvalidValue { buffer: Buffer::Series, layer: 0, index: 1 }));
    assert!(matches!(autocorrelation(&mut [], Autocorrelation::Raw, &mut []), Err(Error::TooShort { .. })));
    assert!(matches!(Ensemble::new(&mut [0.0; 5], 2), Err(Error::TooShort { need: 6, have: 5, .. })));
    let mut sums = [0.0; 6];
    let mut ensemble = Ensemble::new(&mut sums, 2).unwrap();
    assert_eq!(ensemble.correlation(0), None);
    assert_eq!(ensemble.add(&[1.0]), Err(Error::InvalidSpec(InvalidSpec::Lag)));
    assert!(ensemble.add(&[1.0, f32::INFINITY]).is_err());
    assert!(covariance_row(&[1.0, -1.0], 2, &mut [0.0; 2]).is_err());
    assert!(covariance_row(&[1.0, -1.0], 0, &mut [0.0; 1]).is_err());
    assert!(Grid { from: f32::NAN, ..Grid::new(4) }.check().is_err());
    assert!(Grid { from: -3e38, to: 3e38, ..Grid::new(4) }.check().is_err());
    assert!(Grid::new(0).check().is_err());
}
