//! Each operation of the list alone in a graph: a new one is tested here as soon as it has an entry.
use super::dags::Draw;
use super::machine::{Mode, Planned, values};
use super::runs::{compare, compare_drawn};
use super::tangents::tangents;
use super::walk::{Case, Walk, turned};
use shatterscope::graph::{Axis, Builder, Function, Node, Op, PadMode, Pair, Reduction, Shape, Value};
use shatterscope::plan::Want;
use shatterscope::{Error, InvalidSpec};

/// An operation with the shapes of its operands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example {
    pub op: Op,
    pub operands: [Shape; 2],
}

/// The operation behind an input for each operand.
pub(super) fn nodes_of(example: &Example) -> Vec<Node> {
    nodes_before(example, |_, value| value)
}

/// The same with more behind it.
fn nodes_before(example: &Example, more: impl Fn(&mut Builder, Value) -> Value) -> Vec<Node> {
    let mut nodes = vec![Node::EMPTY; 6];
    let mut g = Builder::new(&mut nodes);
    let x = g.input(example.operands[0]);
    let y = if example.op.is_binary() { g.input(example.operands[1]) } else { x };
    g.layer(1);
    let value = g.push(example.op, x, y);
    let value = more(&mut g, value);
    let len = g.finish(&[value]).unwrap().len();
    nodes.truncate(len);
    nodes
}

pub(super) fn case_of(example: &Example, points: usize) -> Case {
    case_with(nodes_of(example), points)
}

fn case_with(nodes: Vec<Node>, points: usize) -> Case {
    let planned = Planned::of(nodes.clone(), Want::Gradients).unwrap();
    let plan = planned.plan();
    let units = |i: usize| nodes[i].shape.units().unwrap() as usize;
    let (last, inputs) = (nodes.len() - 1, nodes.iter().filter(|node| node.is_input()).count());
    // No operand is near the bend of a ReLU.
    let positive = nodes.iter().any(|node| takes_positive(&node.op));
    let away = |x: f32| match x {
        x if positive => x.abs() + 0.5,
        x if x < 0.0 => x - 0.1,
        x => x + 0.1,
    };
    Case {
        points,
        mode: Mode::Probing,
        parameters: values(plan.parameters_len as usize, 3),
        running: values(plan.running_len as usize, 4),
        inputs: (0..inputs).map(|i| values(units(i) * points, 5 + i).into_iter().map(away).collect()).collect(),
        seeds: vec![(last as u32, values(units(last) * points, 9))],
        nodes,
    }
}

/// Each operation on f32 of the list but inputs, and more examples of those that compute several things.
pub(super) fn all() -> impl Iterator<Item = Example> {
    let listed = Op::LIST.iter().filter(|entry| !entry.op.is_input() && entry.op.is_int8() == [false; 2]);
    listed.map(|entry| Example { op: entry.op, operands: [entry.operand; 2] }).chain(others())
}

fn others() -> impl Iterator<Item = Example> {
    let shape = Shape { channels: 2, height: 2, width: 3 };
    let functions = Function::LIST.iter().map(|&(function, [a, b])| Op::Function { function, a, b });
    // Exponents that are computed by products.
    let powers = [3.0, 1.0, -2.0].map(|a| Op::Function { function: Function::Power, a, b: 0.0 });
    let softmaxes = AXES.iter().flat_map(|&axis| [false, true].map(|log| Op::Softmax { axis, log }));
    let [c, y, x] = AXES;
    let orders = [[c, x, y], [y, c, x], [y, x, c], [x, y, c]];
    let transposed = orders.map(|[channels, rows, columns]| Op::Transpose { channels, rows, columns });
    let pads = [
        Op::Pad { mode: PadMode::Reflect, constant: 0.0, channels: 1 << 16, rows: 1, columns: 2 << 16 | 1 },
        Op::Pad { mode: PadMode::Edge, constant: 0.0, channels: 2, rows: 1 << 16, columns: 3 << 16 | 4 },
    ];
    let resized = [
        Op::Resize { axis: c, size: 4, numerator: 1, offset: 0, denominator: 2 },
        Op::Resize { axis: y, size: 1, numerator: 2, offset: 1, denominator: 1 },
        Op::Resize { axis: x, size: 7, numerator: 4, offset: 1, denominator: 14 },
    ];
    let slices = [
        Op::Slice { axis: c, start: 1, step: 1, count: 1 },
        Op::Slice { axis: y, start: 1, step: -1, count: 2 },
        Op::Slice { axis: x, start: 0, step: 2, count: 2 },
    ];
    let reduced = [Reduction::Mean, Reduction::Sum, Reduction::Max]
        .into_iter()
        .flat_map(|reduction| [1, 2, 4, 5, 7].map(|axes| Op::Reduce { reduction, axes }));
    let constants = [1, 65].map(|channels| {
        let shape = Shape { channels, height: 1, width: 1 };
        Op::Constant { shape, start: -0.5 }
    });
    let alike = functions.chain(powers).chain(softmaxes).chain(transposed).chain(pads).chain(resized).chain(slices);
    alike.chain(reduced).chain(constants).map(move |op| Example { op, operands: [shape; 2] }).chain(pairs())
}

const AXES: [Axis; 3] = [Axis::Channels, Axis::Rows, Axis::Columns];

/// Operations with two operands.
fn pairs() -> impl Iterator<Item = Example> {
    let shape = |channels, height, width| Shape { channels, height, width };
    let first = shape(2, 2, 3);
    let seconds = [first, shape(1, 2, 1), shape(2, 1, 3), shape(1, 1, 1)];
    let all = [Pair::Add, Pair::Subtract, Pair::Multiply, Pair::Divide, Pair::Maximum, Pair::Minimum];
    let pairwise = all
        .into_iter()
        .flat_map(move |pair| seconds.map(|second| Example { op: Op::Pairwise { pair }, operands: [first, second] }));
    let behind = [shape(3, 2, 3), shape(2, 1, 3), shape(2, 2, 4)];
    let concat = AXES.into_iter().zip(behind);
    let concat = concat.map(move |(axis, second)| Example { op: Op::Concat { axis }, operands: [first, second] });
    let products = [(false, shape(2, 4, 2)), (true, shape(2, 5, 4)), (false, shape(2, 4, 1))];
    let products = products
        .map(|(transposed, second)| Example { op: Op::Matmul { transposed }, operands: [shape(2, 3, 4), second] });
    pairwise.chain(concat).chain(products)
}

/// Whether the operation is tested on positive operands, away from 0.
fn takes_positive(op: &Op) -> bool {
    match op {
        Op::Function { function, .. } => {
            matches!(function, Function::Log | Function::Sqrt | Function::Power | Function::Reciprocal)
        }
        Op::Pairwise { pair } => *pair == Pair::Divide,
        _ => false,
    }
}

#[test]
fn operations_have_the_bits_of_their_plain_loops() {
    for (i, example) in all().enumerate() {
        for points in [1, 3, 16, 21] {
            let number = i as u32 + points as u32;
            compare(&case_of(&example, points), number, &mut Draw(0, 6_000_000 + number));
        }
    }
}

/// Behind each operation a norm, whose statistics are computed from the whole batch while some points are resident: the operation is
/// computed again in each sweep. And another operation before it, whose gradient it takes.
#[test]
fn operations_are_computed_again_for_statistics() {
    for (i, example) in all().enumerate() {
        let number = i as u32;
        let nodes = nodes_before(&example, |g, value| {
            g.layer(2);
            let value = g.normalise(value, 1e-3);
            g.centre(value)
        });
        compare(&case_with(nodes, 19), number, &mut Draw(0, 8_000_000 + number));
    }
}

/// Parameters are drawn where they are needed, or start from a constant.
#[test]
fn operations_take_drawn_weights() {
    for (i, example) in all().enumerate() {
        for points in [1, 5, 18] {
            let number = i as u32 + points as u32;
            compare_drawn(&case_of(&example, points), number, &mut Draw(0, 9_000_000 + number));
        }
    }
}

/// Forward against reverse mode, and both against differences of the values: the statistics of norms are differentiated.
#[test]
fn derivatives_of_operations_are_derivatives() {
    const STEP: f32 = 1.0 / 1024.0;
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    for example in all() {
        let case = case_of(&example, 5);
        let (walk, spans) = Walk::values(&case, false);
        let (reverse, _) = Walk::both(&case, false);
        let along: Vec<_> = case.inputs.iter().map(|x| values(x.len(), 77)).collect();
        let (moved, _) = tangents(&case, &walk, &spans, &along, true);
        let seed = turned(&case.seeds[0].1, case.points);
        let forward = dot(&seed, moved.last().unwrap());
        let gradients = reverse.gradients.iter().zip(&along);
        let back: f64 = gradients.map(|(g, along)| dot(g.as_ref().unwrap(), &turned(along, case.points))).sum();
        let size = dot(&seed, &seed).sqrt();
        assert!((forward - back).abs() < 1e-5 * size, "{:?}: {forward} forward, {back} in reverse", example.op);
        let at = |step: f32| {
            let moved = |(x, along): (&Vec<f32>, &Vec<f32>)| x.iter().zip(along).map(|(x, v)| x + step * v).collect();
            let inputs = case.inputs.iter().zip(&along).map(moved).collect();
            let case = Case { inputs, nodes: case.nodes.clone(), ..case_of(&example, 5) };
            dot(&seed, Walk::values(&case, false).0.values.last().unwrap())
        };
        let difference = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
        assert!((forward - difference).abs() < 2e-3 * size, "{:?}: {forward}, differences {difference}", example.op);
    }
}

#[test]
fn operations_have_names_and_words_of_their_own() {
    let mut names = Vec::new();
    for function in Function::LIST {
        assert!(!names.contains(&function.0.name()), "{}", function.0.name());
        names.push(function.0.name());
    }
    names.clear();
    for example in Op::LIST {
        assert!(!names.contains(&example.op.name()), "{}", example.op.name());
        names.push(example.op.name());
    }
    for node in all().flat_map(|example| nodes_of(&example)) {
        let words = node.to_words();
        assert_eq!(Node::from_words(&words), Some(node));
        // Each word counts: no other number is read as the same node.
        for i in 0..words.len() {
            let mut other = words;
            other[i] ^= 1;
            assert_ne!(Node::from_words(&other), Some(node), "word {i} of {node:?}");
        }
    }
}

#[test]
fn numbers_and_shapes_out_of_range_are_refused() {
    let shape = |channels, height, width| Shape { channels, height, width };
    let (x, y) = (shape(2, 3, 4), shape(2, 4, 4));
    let function = |function, a, b| Op::Function { function, a, b };
    let (axis, pair) = (Axis::Rows, Pair::Add);
    let [scale, operation, shapes, large] =
        [InvalidSpec::Scale, InvalidSpec::Operation, InvalidSpec::Shape, InvalidSpec::TooLarge];
    let resize = |size, numerator, denominator| Op::Resize { axis, size, numerator, offset: 0, denominator };
    let pad = |mode, constant, rows| Op::Pad { mode, constant, channels: 0, rows, columns: 0 };
    for (op, operands, refusal) in [
        (function(Function::Tanh, 1.0, 0.0), [x; 2], scale),
        (function(Function::Tanh, -0.0, 0.0), [x; 2], scale),
        (function(Function::LeakyRelu, -0.5, 0.0), [x; 2], scale),
        (function(Function::Clip, 1.0, 0.5), [x; 2], scale),
        (function(Function::Clip, f32::NAN, 0.5), [x; 2], scale),
        (function(Function::Affine, f32::INFINITY, 0.5), [x; 2], scale),
        (function(Function::Power, 0.0, 0.0), [x; 2], scale),
        (Op::Constant { shape: x, start: f32::NAN }, [x; 2], scale),
        (Op::Constant { shape: shape(0, 1, 1), start: 0.0 }, [x; 2], InvalidSpec::Layers),
        (Op::Pairwise { pair }, [x, y], shapes),
        (Op::Pairwise { pair }, [shape(1, 3, 4), x], shapes),
        (Op::Matmul { transposed: false }, [x, x], shapes),
        (Op::Matmul { transposed: true }, [x, shape(3, 4, 4)], shapes),
        (Op::Concat { axis: Axis::Channels }, [x, y], shapes),
        (Op::Concat { axis }, [shape(1, 65535, 1), shape(1, 1, 1)], large),
        (Op::Transpose { channels: axis, rows: axis, columns: Axis::Columns }, [x; 2], operation),
        (
            Op::Transpose { channels: axis, rows: Axis::Channels, columns: Axis::Columns },
            [shape(65536, 1, 1); 2],
            large,
        ),
        (Op::Slice { axis, start: 3, step: 1, count: 1 }, [x; 2], shapes),
        (Op::Slice { axis, start: 1, step: -1, count: 3 }, [x; 2], shapes),
        (Op::Slice { axis, start: 0, step: i32::MAX, count: u32::MAX }, [x; 2], shapes),
        (Op::Slice { axis, start: 0, step: 0, count: 1 }, [x; 2], operation),
        (Op::Slice { axis, start: 0, step: 1, count: 0 }, [x; 2], operation),
        (pad(PadMode::Reflect, 0.0, 3), [x; 2], shapes),
        (pad(PadMode::Edge, 1.0, 3), [x; 2], operation),
        (pad(PadMode::Constant, f32::NAN, 3), [x; 2], scale),
        (pad(PadMode::Constant, 0.0, 65535), [x; 2], large),
        (Op::Expand { shape: shape(2, 3, 5) }, [x; 2], shapes),
        (resize(4, 1, 0), [x; 2], operation),
        (resize(4, u32::MAX, 1), [x; 2], operation),
        (resize(0, 1, 1), [x; 2], InvalidSpec::Layers),
        (resize(65536, 1, 1), [x; 2], large),
        (Op::Reduce { reduction: Reduction::Sum, axes: 0 }, [x; 2], operation),
        (Op::Reduce { reduction: Reduction::Sum, axes: 8 }, [x; 2], operation),
    ] {
        assert_eq!(op.facts(operands[0], operands[1]), Err(Error::InvalidSpec(refusal)), "{op:?} of {operands:?}");
    }
}
