//! `exec::Run` on random graphs, in all schedules and both modes, compared with the defining loops; and the closed form of families.
use super::dags::{self, Draw, How, simulated};
use super::machine::{Mode, Planned, bits, values};
use super::tangents::tangents;
use super::walk::{Case, Walk, turned};
use super::workers::Order;
use shatterscope::Pass;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Input, Observer, Run, Seen, Source};
use shatterscope::graph::Window;
use shatterscope::graph::{Builder, Graph, Node, Op, Shape};
use shatterscope::internals::weights::Block;
use shatterscope::plan::{Derivative, Plan, RunOptions, Schedule, Statistics, Want};
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
use shatterscope::weights::Seeded;
use shatterscope::{Error, InvalidSpec};

/// `[point][unit]` of several values side by side.
fn beside<'v>(points: usize, all: impl Iterator<Item = &'v [f32]> + Clone) -> Vec<f32> {
    let row =
        |p: usize| all.clone().flat_map(move |x| x[p * x.len() / points..(p + 1) * x.len() / points].iter().copied());
    (0..points).flat_map(row).collect()
}

fn run<const R: usize, const T: usize>(
    case: &Case,
    planned: &Planned,
    (order, source): (&Order, Source),
    options: RunOptions,
    (seed, budget, more): (&[f32], u64, usize),
) -> [Vec<u32>; 2] {
    let plan = planned.plan();
    let lengths = plan.run(&options, T as u32).unwrap();
    let [mut values, mut statistics, mut outputs, mut gradient] =
        [lengths.values_len, lengths.statistics_len, lengths.outputs_len, lengths.gradient_len]
            .map(|len| vec![f32::NAN; len as usize]);
    let mut tape = vec![0xa5; lengths.tape_len as usize];
    let mut scratch = vec![f32::NAN; source.panel_len(&plan).unwrap() as usize + more];
    let input = beside(case.points, case.inputs.iter().map(Vec::as_slice));
    let buffers = Buffers {
        values: &mut values,
        tape: &mut tape,
        statistics: &mut statistics,
        scratch: &mut scratch,
        gathered: &mut [],
    };
    let input = Input::Points(&input);
    let run = Run::<_, R, T>::new(&plan, source, order, input, options, buffers, &mut outputs, &mut gradient).unwrap();
    let mut run = run.with_cotangent(seed).unwrap();
    while !run.step(budget).unwrap().is_done() {}
    assert_eq!(run.multiply_adds(), lengths.multiply_adds, "{options:?}: {:?}", case.nodes);
    [bits(&outputs), bits(&gradient)]
}

#[test]
fn runs_have_the_bits_of_the_plain_loops() {
    for number in 0..250 {
        let mut draw = Draw(0, 3_000_000 + number);
        compare(&Case { mode: Mode::Probing, ..Case::new(&mut draw, number % 4 > 0) }, number, &mut draw);
    }
}

#[test]
fn runs_of_imported_operations_have_the_bits_of_the_plain_loops() {
    for number in 0..150 {
        let mut draw = Draw(0, 13_000_000 + number);
        let case = Case { mode: Mode::Probing, ..Case::imported(&mut draw, number % 4 > 0) };
        compare(&case, number, &mut draw);
        compare_drawn(&case, number, &mut draw);
    }
}

/// Runs of a graph, both modes, in all schedules, with the definition. `number` chooses the instruction set, the order of the workers and the
/// budget.
pub(super) fn compare(case: &Case, number: u32, draw: &mut Draw) {
    let graph = Graph::new(&case.nodes).unwrap();
    let (first, resident) = (draw.below(case.points as u32), draw.below(case.points as u32 + 1));
    let count = 1 + draw.below(case.points as u32 - first);
    let order = &[Order::InTurn, Order::Reverse, Order::Threads][number as usize % 3];
    let of_outputs = beside(case.points, case.seeds.iter().map(|(_, seed)| seed.as_slice()));
    let of_inputs = beside(case.points, case.inputs.iter().map(Vec::as_slice));
    // The wanted points of `[point][unit]`.
    let wanted = |x: &[f32]| {
        let each = x.len() / case.points;
        bits(&x[first as usize * each..(first + count) as usize * each])
    };
    for statistics in [Statistics::Detached, Statistics::Full] {
        let full = statistics == Statistics::Full;
        let (walk, spans) = Walk::values(case, !full);
        let outcome = Walk::run(case, !full);
        let by_point = |x: &Vec<u32>| x.iter().map(|x| f32::from_bits(*x)).collect::<Vec<_>>();
        let outputs: Vec<_> = outcome.outputs.iter().map(by_point).collect();
        let gradients: Vec<_> = outcome.inputs.iter().map(|x| by_point(x.as_ref().unwrap())).collect();
        let moved = tangents(case, &walk, &spans, &case.inputs, full).0;
        let moved: Vec<_> =
            graph.outputs().map(|i| &moved[i as usize]).map(|t| turned(t, t.len() / case.points)).collect();
        let outputs = wanted(&beside(case.points, outputs.iter().map(Vec::as_slice)));
        let reverse = wanted(&beside(case.points, gradients.iter().map(Vec::as_slice)));
        let forward = wanted(&beside(case.points, moved.iter().map(Vec::as_slice)));
        for (derivative, seed, expected) in
            [(Derivative::Reverse, &of_outputs, &reverse), (Derivative::Forward, &of_inputs, &forward)]
        {
            for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident }] {
                let isa = Isa::ALL[number as usize % Isa::ALL.len()];
                let options = RunOptions::new(case.points as u32)
                    .with_slice(first, count)
                    .with_derivative(derivative)
                    .with_statistics(statistics)
                    .with_schedule(schedule)
                    .with_isa(isa);
                let planned = Planned::of(case.nodes.clone(), options.want()).unwrap();
                let with = (order, Source::Stored(&case.parameters));
                let work = (&seed[..], [1, 300, u64::MAX][number as usize % 3], number as usize % 50);
                for (tile, [ours, derivative]) in [
                    ("1x1", run::<1, 1>(case, &planned, with, options, work)),
                    ("4x4", run::<4, 4>(case, &planned, with, options, work)),
                    ("5x16", run::<5, 16>(case, &planned, with, options, work)),
                ] {
                    assert_eq!(ours, outputs, "graph {number}, {tile}, {options:?}: {:?}", case.nodes);
                    assert_eq!(&derivative, expected, "graph {number}, {tile}, {options:?}: {:?}", case.nodes);
                }
            }
        }
    }
}

/// All parameters of a graph as they are drawn, by whole matrices.
fn drawn(graph: &Graph, seeded: &Seeded) -> Vec<f32> {
    let of = |i: u32| {
        let facts = graph.facts(i).unwrap();
        let [weights, others] = facts.parameters.map(|len| len as usize);
        let Some(dense) = seeded.dense_of(graph, i) else { return [vec![facts.start; weights], vec![0.0; others]] };
        let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
        let mut panel = vec![f32::NAN; block.len() + seeded.panel_len(&dense) as usize];
        seeded.fill::<1>(&dense, &block, &mut panel);
        panel.truncate(block.len());
        assert_eq!(block.len(), weights);
        [panel, (0..others as u32).map(|row| seeded.bias(&dense, row)).collect()]
    };
    (0..graph.len() as u32).flat_map(of).collect::<Vec<_>>().concat()
}

/// Weights that are drawn a panel at a time, and parameters that start from a constant, are those of whole matrices that are stored; also where an
/// operand has several uses.
#[test]
fn drawn_weights_have_the_bits_of_stored_ones() {
    let mut convolutions = 0;
    for number in 0..160 {
        let mut draw = Draw(0, 5_000_000 + number);
        let case = Case { mode: Mode::Probing, ..Case::new(&mut draw, number % 4 > 0) };
        convolutions += case.nodes.iter().filter(|node| matches!(node.op, Op::Conv { .. })).count();
        compare_drawn(&case, number, &mut draw);
    }
    assert!(convolutions > 50, "{convolutions}");
}

/// Runs of a graph whose weights are drawn, both modes, in both schedules, with those of the same weights in memory.
pub(super) fn compare_drawn(case: &Case, number: u32, draw: &mut Draw) {
    let graph = Graph::new(&case.nodes).unwrap();
    let init = draw.of([Init::He, Init::Glorot, Init::Orthogonal]);
    let spec = Spec { init, bias_std: 0.3, ..Spec::feedforward(9, 3) };
    let isa = Isa::ALL[number as usize % Isa::ALL.len()];
    let seeded = Seeded::new(&spec, 11, number).with_isa(isa);
    let stored = drawn(&graph, &seeded);
    let order = &[Order::InTurn, Order::Reverse, Order::Threads][number as usize % 3];
    let of_outputs = beside(case.points, case.seeds.iter().map(|(_, seed)| seed.as_slice()));
    let of_inputs = beside(case.points, case.inputs.iter().map(Vec::as_slice));
    let resident = draw.below(case.points as u32 + 1);
    for (derivative, seed) in [(Derivative::Reverse, &of_outputs), (Derivative::Forward, &of_inputs)] {
        for schedule in [Schedule::WholeBatch, Schedule::Blocks { resident }] {
            let statistics = draw.of([Statistics::Detached, Statistics::Full]);
            let options = RunOptions::new(case.points as u32)
                .with_derivative(derivative)
                .with_statistics(statistics)
                .with_schedule(schedule)
                .with_isa(isa);
            let planned = Planned::of(case.nodes.clone(), options.want()).unwrap();
            let work = (&seed[..], [1, 300, u64::MAX][number as usize % 3], [0, 7, 60, 4000][number as usize % 4]);
            let expected = run::<1, 1>(case, &planned, (order, Source::Stored(&stored)), options, work);
            let with = (order, Source::Seeded(&seeded));
            for (tile, ours) in [
                ("1x1", run::<1, 1>(case, &planned, with, options, work)),
                ("4x4", run::<4, 4>(case, &planned, with, options, work)),
                ("5x16", run::<5, 16>(case, &planned, with, options, work)),
            ] {
                assert!(ours == expected, "graph {number}, {tile}, {init:?}, {options:?}: {:?}", case.nodes);
            }
        }
    }
}

/// Looks-linear weights are drawn as pairs of adjacent columns; where the columns of a pair are not adjacent, they are refused by name.
#[test]
fn pairs_of_columns_that_are_not_adjacent_are_refused() {
    let spec = Spec::feedforward(9, 4).with_family(Family::Crelu).with_init(Init::LooksLinear);
    let seeded = Seeded::new(&spec, 1, 0);
    let panel = |image: Shape, op: Op| {
        let mut nodes = [Node::EMPTY; 3];
        let mut g = Builder::new(&mut nodes);
        let x = g.input(image);
        let x = g.crelu(x);
        g.layer(2);
        let x = g.push(op, x, x);
        g.finish(&[x]).unwrap();
        let planned = Planned::of(nodes.to_vec(), Want::Output).unwrap();
        Source::Seeded(&seeded).panel_len(&planned.plan())
    };
    let window = |size: u32| Window { height: size, width: size, stride: 1, padding: 0 };
    let conv = |size: u32| Op::Conv { channels: 4, window: window(size), bias: false };
    let dense = Op::Dense { outputs: 4, bias: false };
    let refused = Err(Error::InvalidNode { node: 2, reason: InvalidSpec::LooksLinear });
    let image = Shape { channels: 2, height: 3, width: 3 };
    assert!(panel(Shape::vector(2), dense).is_ok() && panel(image, conv(1)).is_ok());
    assert_eq!(panel(image, dense), refused);
    assert_eq!(panel(image, conv(2)), refused);
}

/// The values of each node, `[point][unit]`.
struct Values(Vec<Vec<f32>>);

impl Observer for Values {
    fn see(&mut self, seen: &Seen<'_>) {
        if seen.pass == Pass::Forward {
            let values = &mut self.0[seen.node as usize];
            (0..seen.count).for_each(|point| values.extend(seen.point(point)));
        }
    }

    // A third of the nodes is not shown.
    fn looks(&self, _: Pass, operation: u32) -> bool {
        !operation.is_multiple_of(3)
    }
}

#[test]
fn observers_are_shown_the_values_that_they_look_at() {
    let mut shown = 0;
    for number in 0..60 {
        let mut draw = Draw(0, 4_000_000 + number);
        let case = Case { mode: Mode::Probing, ..Case::new(&mut draw, false) };
        let (walk, _) = Walk::values(&case, true);
        let options = RunOptions::new(case.points as u32).with_schedule(Schedule::Blocks { resident: 4 });
        let planned = Planned::of(case.nodes.clone(), options.want()).unwrap();
        let plan = planned.plan();
        let lengths = plan.run(&options, 4).unwrap();
        let [mut values, mut outputs, mut gradient, mut scratch] =
            [lengths.values_len, lengths.outputs_len, lengths.gradient_len, plan.scratch_len]
                .map(|len| vec![f32::NAN; len as usize]);
        let mut tape = vec![0xa5; lengths.tape_len as usize];
        let input = beside(case.points, case.inputs.iter().map(Vec::as_slice));
        let buffers = Buffers { tape: &mut tape, ..Buffers::of_outputs(&mut values, &mut scratch) };
        let source = Source::Stored(&case.parameters);
        let mut run = Run::<_, 4, 4>::new(
            &plan,
            source,
            &Order::InTurn,
            Input::Points(&input),
            options,
            buffers,
            &mut outputs,
            &mut gradient,
        )
        .unwrap();
        let mut seen = Values(vec![Vec::new(); case.nodes.len()]);
        assert!(run.step_observed(u64::MAX, &mut seen).unwrap().is_done());
        for (i, (node, values)) in case.nodes.iter().zip(&seen.0).enumerate() {
            if node.is_input() || i % 3 == 0 {
                assert!(values.is_empty(), "graph {number}, node {i}");
            } else {
                let expected = turned(&walk.values[i], walk.values[i].len() / case.points);
                assert_eq!(bits(values), bits(&expected), "graph {number}, node {i}: {:?}", case.nodes);
                shown += 1;
            }
        }
    }
    assert!(shown > 200, "{shown}");
}

/// What is computed in closed form is a graph; nothing that is needed is overwritten in its slots, and no unit is left unused.
#[test]
fn families_are_graphs() {
    let families = [
        Family::Feedforward,
        Family::Resnet { alpha: 0.9, beta: 0.5 },
        Family::Highway { carry: 0.6, transform: 0.8 },
        Family::Crelu,
    ];
    for family in families {
        for norm in [Norm::None, Norm::Centre, Norm::Batch] {
            for readout in [Readout::Relu, Readout::Linear, Readout::NormRelu] {
                for (depth, width) in [(1, 1), (2, 1), (5, 1), (1, 5), (2, 3), (3, 4), (6, 2)] {
                    let spec = Spec {
                        readout,
                        bias_std: depth as f32 - 2.0,
                        ..Spec::feedforward(depth, width).with_family(family).with_norm(norm)
                    };
                    let spec = Spec { bias_std: spec.bias_std.max(0.0), ..spec };
                    let graph = Graph::family(&spec).unwrap();
                    let nodes: Vec<_> = (0..graph.len() as u32).map(|i| graph.node(i).unwrap()).collect();
                    assert_eq!(graph.node(graph.len() as u32), None);
                    let listed = Graph::new(&nodes).unwrap_or_else(|told| panic!("{spec:?}: {told} in {nodes:?}"));
                    for want in [Want::InputGradient, Want::DetachedGradient, Want::Tangent, Want::Output] {
                        let plan = Plan::family(&spec, want).unwrap();
                        let slots = (0..graph.len() as u32).flat_map(|i| plan.slots_of(i).map(|slot| slot as u32));
                        let slots: Vec<_> = slots.collect();
                        // Without gradients nothing lives longer than with them.
                        let both = if want.backward() { want } else { Want::DetachedGradient };
                        let units = simulated(&nodes, &slots, both).unwrap_or_else(|told| panic!("{spec:?}: {told:?}"));
                        assert!(units as u64 <= plan.units, "{spec:?} {want:?}: {units} of {}", plan.units);
                        let list = Planned::of(nodes.clone(), want).unwrap();
                        let list = list.plan();
                        let lengths = |plan: &Plan| {
                            let tapes = (plan.tape_tile_len(4), plan.gathered_len(4), plan.statistics_len());
                            (plan.parameters_len, plan.running_len, plan.multiply_adds, plan.scratch_best, tapes)
                        };
                        assert_eq!(lengths(&plan), lengths(&list), "{spec:?} {want:?}");
                        assert_eq!(listed.len(), graph.len());
                        if want.backward() {
                            passes_have_the_bits_of_the_plain_loops(&spec, &nodes, &plan);
                        }
                    }
                }
            }
        }
    }
}

/// A batch through a plan in closed form.
fn passes_have_the_bits_of_the_plain_loops(spec: &Spec, nodes: &[Node], plan: &Plan) {
    const POINTS: usize = 9;
    let output = nodes.len() as u32 - 1;
    let case = Case {
        nodes: nodes.to_vec(),
        points: POINTS,
        mode: Mode::Probing,
        parameters: values(plan.parameters_len as usize, 3),
        running: Vec::new(),
        inputs: vec![values(POINTS, 4)],
        seeds: vec![(output, values(POINTS, 5))],
    };
    let how = How { isa: Isa::Portable, cuts: &[POINTS], more: (0, 1), update: false, budget: u64::MAX };
    let expected = Walk::run(&case, plan.want().detached());
    let ours = dags::run::<4, 4>(&case, plan, &Order::InTurn, how);
    assert_eq!((ours.outputs, ours.inputs), (expected.outputs, expected.inputs), "{spec:?} {:?}", plan.want());
}

/// No depth takes long to plan.
#[test]
fn the_deepest_family_is_planned_at_once() {
    let spec = Spec::feedforward((1 << 24) - 1, 8)
        .with_family(Family::Resnet { alpha: 1.0, beta: 0.1 })
        .with_norm(Norm::Batch);
    let plan = Plan::family(&spec, Want::DetachedGradient).unwrap();
    let options = RunOptions::new(64).with_schedule(Schedule::Blocks { resident: 4 });
    let lengths = plan.run(&options, 4).unwrap();
    let hidden = u64::from(spec.depth) - 1;
    assert_eq!(plan.multiply_adds, 8 + hidden * 64 + 8);
    // Two sweeps to the norm of each block, behind the stem and so many blocks; outputs and gradients of all points.
    let swept = 2 * (hidden * 8 + 64 * (hidden * (hidden - 1) / 2));
    assert_eq!(lengths.multiply_adds, 64 * (2 * plan.multiply_adds + swept));
    assert_eq!(lengths.values_len, 4 * 3 * 8);
}
