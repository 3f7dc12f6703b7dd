//! Each operation of the list alone in a graph: a new one is tested here as soon as it has an entry.
use super::dags::Draw;
use super::machine::{Mode, Planned, values};
use super::runs::{compare, compare_drawn};
use super::tangents::tangents;
use super::walk::{Case, Walk, turned};
use shatterscope::graph::{Builder, Function, Node, Op, Shape, Value};
use shatterscope::plan::Want;

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

/// Each operation of the list but inputs, and more examples of those that compute several things.
pub(super) fn all() -> impl Iterator<Item = Example> {
    let listed = Op::LIST.iter().filter(|entry| !entry.op.is_input());
    listed.map(|entry| Example { op: entry.op, operands: [entry.operand; 2] }).chain(others())
}

fn others() -> impl Iterator<Item = Example> {
    let shape = Shape { channels: 2, height: 2, width: 3 };
    let functions = Function::LIST.iter().map(|&(function, [a, b])| Op::Function { function, a, b });
    // Exponents that are computed by products.
    let powers = [3.0, 1.0, -2.0].map(|a| Op::Function { function: Function::Power, a, b: 0.0 });
    functions.chain(powers).map(move |op| Example { op, operands: [shape; 2] })
}

/// Whether the operation is tested on positive operands, away from 0.
fn takes_positive(op: &Op) -> bool {
    let Op::Function { function, .. } = op else { return false };
    matches!(function, Function::Log | Function::Sqrt | Function::Power | Function::Reciprocal)
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
