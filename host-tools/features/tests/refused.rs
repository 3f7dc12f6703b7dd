//! What is not compiled in is refused by name; what is compiled in works, whatever else is.
use shatterscope::exec::{Model, Options, Session};
use shatterscope::graph::{Graph, Layers, Node, Op, Shape};
use shatterscope::math::Math;
use shatterscope::plan::{Plan, Storage, Want};
use shatterscope::spec::{Norm, Spec};
use shatterscope::{Error, InvalidSpec};

/// The feature that an operation belongs to.
fn feature(op: Op) -> bool {
    match op.name() {
        "conv" | "average-pool" | "max-pool" | "shortcut" => cfg!(feature = "conv"),
        "grouped-conv" | "taps-first-conv" | "dilated-average-pool" | "dilated-max-pool" => {
            cfg!(all(feature = "conv", feature = "models"))
        }
        "batch-norm" | "normalise" | "centre" | "group-norm" => cfg!(feature = "norm"),
        "function" | "softmax" | "pairwise" | "constant" | "transpose" | "slice" | "concat" | "pad" | "expand"
        | "resize" | "matmul" | "reduce" => cfg!(feature = "models"),
        "quantise" | "dequantise" => cfg!(feature = "int8"),
        name if name.starts_with("int8") => cfg!(feature = "int8"),
        _ => true,
    }
}

#[test]
fn operations_are_refused_by_name_or_have_facts() {
    for entry in Op::LIST {
        let facts = entry.op.facts(entry.operand, entry.operand);
        if feature(entry.op) {
            assert!(facts.is_ok(), "{}", entry.op.name());
        } else {
            assert_eq!(
                facts.map(|facts| facts.shape),
                Err(Error::InvalidSpec(InvalidSpec::Feature)),
                "{}",
                entry.op.name()
            );
            let Shape { channels, height, width } = entry.operand;
            let graph = Layers::<4>::input_image(channels, height, width).then(entry.op);
            let refused = Err(Error::InvalidNode { node: 1, reason: InvalidSpec::Feature });
            assert_eq!(graph.graph().map(|_| ()), refused);
            let node = |op, last_use| Node { op, shape: entry.operand, last_use, ..Node::EMPTY }.to_words();
            let words = [node(Op::Input { shape: entry.operand }, 1), node(entry.op, 2)];
            assert_eq!(Graph::from_words(&words).map(|_| ()), refused);
        }
    }
    assert!(InvalidSpec::Feature.reason().contains("feature"));
}

#[test]
fn plans_and_options_are_refused_by_name() {
    let layers = Layers::<4>::input(2).dense(2).relu();
    let graph = layers.graph().unwrap();
    for want in [Want::Output, Want::InputGradient, Want::Gradients, Want::ParameterGradient] {
        let mut slots = [0; 9];
        let plan = Plan::with_placed_slots(&graph, want, &mut [Storage::EMPTY; 9], &mut slots).map(|_| ());
        let allowed = cfg!(feature = "train") || !want.parameters();
        assert_eq!(plan, if allowed { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::Feature)) }, "{want:?}");
    }
    let normed = Spec::feedforward(3, 4).with_norm(Norm::Batch).check();
    assert_eq!(normed, if cfg!(feature = "norm") { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::Feature)) });
    assert_eq!(Math::Micromath.is_available(), cfg!(feature = "micromath"));
    assert_eq!(Math::Micromath.exp(-1.0).is_nan(), !cfg!(feature = "micromath"));
}

#[test]
fn inference_and_gradients_of_inputs_need_no_feature() {
    shatterscope::network! {
        static NET: InputGradient = input(2).dense(2).relu().fork().dense(2).join().dense(1);
    }
    let mut arena = [0.0; NET.arena_len(1, 1)];
    let mut session = Session::new(&NET, Options::new(1), &mut arena).unwrap();
    let parameters = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, -1.0, 0.5];
    let (mut outputs, mut gradient) = ([0.0], [0.0; 2]);
    session.input_gradient(Model::new(&parameters), &[3.0, 1.0], None, &mut outputs, &mut gradient).unwrap();
    assert_eq!((outputs, gradient), ([6.5], [3.0, -3.0]));
    assert_eq!(NET.graph().node(0).unwrap().shape, Shape::vector(2));
}
