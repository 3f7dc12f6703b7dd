//! Frozen parameters keep their values, and all others move as without them.
use super::dags::Draw;
use super::machine::{Planned, Room, bits, load, seed};
use super::walk::Case;
use super::workers::Order;
use shatterscope::exec::Isa;
use shatterscope::exec::{Executor, Options};
use shatterscope::graph::{Builder, Graph, Node, Op, Shape};
use shatterscope::plan::Want;
use shatterscope::train::{Decay, Optimiser, Powers, Settings};
use shatterscope::{Error, InvalidSpec};

/// Parameters and state after a step: by the gradients of all parameters, applied to those that are not frozen; or as they arise.
fn step<const R: usize, const T: usize>(case: &Case, settings: &Settings, arising: bool) -> [Vec<u32>; 2] {
    let planned = Planned::of(case.nodes.clone(), Want::ParameterGradient).unwrap();
    let plan = planned.plan();
    let each = settings.optimiser.state_len(1) as usize;
    let mut parameters = case.parameters.clone();
    let mut state = vec![0.25; each * parameters.len()];
    let mut running = case.running.clone();
    let mut room = Room::new::<T>(&plan, case.points, 5, 1);
    let options = Options::new(case.points as u32).with_isa(Isa::detect());
    let mut executor = Executor::<_, R, T>::new(&plan, &Order::InTurn, options, room.buffers()).unwrap();
    let mut begun = executor.begin(case.points as u32).unwrap();
    for (i, inputs) in (0..).zip(&case.inputs) {
        load(&mut begun, i, (0, case.points), inputs);
    }
    let mut outputs = begun.forward(&parameters, case.mode(&mut running)).unwrap().run().unwrap();
    for (i, of_output) in &case.seeds {
        if outputs.output_and_gradient(*i).is_some() {
            seed(&mut outputs, *i, (0, case.points), of_output);
        }
    }
    let rule = settings.step(0.0625, &mut Powers::new()).unwrap();
    if arising {
        outputs.descend(&mut parameters, &mut state, &rule).unwrap().run().unwrap();
    } else {
        let mut gradient = vec![0.0; parameters.len()];
        outputs.backward(&parameters, &mut gradient).unwrap().run().unwrap();
        let graph = planned.graph();
        let mut at = 0;
        for (i, node) in (0..).zip(&case.nodes) {
            for (len, frozen) in graph.facts(i).unwrap().parameters.into_iter().zip(node.frozen) {
                let own = at..at + len as usize;
                at = own.end;
                assert!(!frozen || gradient[own.clone()].iter().all(|g| g.to_bits() == 0));
                if !frozen && i as usize >= first(&graph) {
                    let state = &mut state[each * own.start..each * own.end];
                    rule.apply(&mut parameters[own.clone()], &gradient[own], state).unwrap();
                }
            }
        }
    }
    room.check();
    [bits(&parameters), bits(&state)]
}

/// The first node that learns.
fn first(graph: &Graph) -> usize {
    (0..graph.len()).find(|i| graph.learns(*i as u32)).unwrap_or(graph.len())
}

#[test]
fn steps_leave_frozen_parameters_alone() {
    let (mut kept, mut moved) = (0, 0);
    for number in 0..120 {
        let mut draw = Draw(0, 10_000_000 + number);
        let case = Case::new(&mut draw, number % 4 > 0);
        let optimiser = draw.of([
            Optimiser::Sgd,
            Optimiser::Momentum { mu: 0.9 },
            Optimiser::Adam { beta1: 0.9, beta2: 0.99, eps: 1e-8 },
        ]);
        let settings = Settings::new(optimiser).with_decay(draw.of([Decay::None, Decay::Decoupled(0.01)]));
        // At one point the scratch may be that of plain descent alone.
        let plain = Settings::new(Optimiser::Sgd).with_math(settings.math);
        let settings = if case.points == 1 { plain } else { settings };
        for of in [step::<1, 1>, step::<4, 4>, step::<5, 16>] {
            let [theirs, ours] = [false, true].map(|arising| of(&case, &settings, arising));
            assert!(ours == theirs, "graph {number}, {settings:?}: {:?}", case.nodes);
            let graph = Graph::new(&case.nodes).unwrap();
            let mut at = 0;
            for (i, node) in (0..).zip(&case.nodes) {
                for (len, frozen) in graph.facts(i).unwrap().parameters.into_iter().zip(node.frozen) {
                    let own = at..at + len as usize;
                    at = own.end;
                    let same = ours[0][own.clone()] == bits(&case.parameters[own.clone()]);
                    assert!(!frozen || same, "graph {number}, node {i}");
                    kept += usize::from(frozen);
                    moved += usize::from(!same);
                }
            }
        }
    }
    assert!(kept > 200 && moved > 400, "{kept} kept, {moved} moved");
}

/// The backward pass ends at the first node that learns, and nothing is saved for those before it.
#[test]
fn frozen_layers_shorten_the_backward_pass() {
    let nodes = |frozen: [bool; 2]| {
        let mut nodes = vec![Node::EMPTY; 8];
        let mut g = Builder::new(&mut nodes);
        let mut x = g.input(Shape::vector(16));
        g.freeze(frozen);
        for layer in 1..4 {
            g.layer(layer);
            x = g.dense(x, 16, true);
            x = g.relu(x);
        }
        g.freeze([false; 2]);
        x = g.dense(x, 4, true);
        let len = g.finish(&[x]).unwrap().len();
        nodes.truncate(len);
        nodes
    };
    let planned = |frozen| Planned::of(nodes(frozen), Want::ParameterGradient).unwrap();
    let [all, last] = [[false; 2], [true; 2]].map(planned);
    let (all, last) = (all.plan(), last.plan());
    assert!(last.units < all.units, "{} of {}", last.units, all.units);
    assert_eq!((all.tape_tile_len(8), last.tape_tile_len(8)), (3 * 16, 0));
    // What does not exist cannot be frozen.
    let mut nodes = nodes([false; 2]);
    nodes[2].frozen = [true, false];
    assert_eq!(Graph::new(&nodes).err(), Some(Error::InvalidNode { node: 2, reason: InvalidSpec::Operation }));
    nodes[2].op = Op::Relu;
    let words: Vec<_> = nodes.iter().map(Node::to_words).collect();
    assert_eq!(Graph::from_words(&words).err(), Some(Error::InvalidNode { node: 2, reason: InvalidSpec::Operation }));
}
