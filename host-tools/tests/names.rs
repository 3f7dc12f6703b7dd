//! Nodes have names on the desktop: in errors of the core and of devices, and to choose the part of a network that is computed.
use shatterscope::graph::{Builder, Graph, Node, Shape};
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{Conv, Pool, Shortcut};
use shatterscope::plan::Want;
use shatterscope::wire::Why;
use shatterscope::{Error, InvalidSpec, NonFinite, Pass};
use shatterscope_engine::{Names, Placed};
use shatterscope_host::device::link::LinkError;
use shatterscope_layers::Layer;

/// One convolution with a skip to more channels, a pool, and a dense layer.
fn layers() -> Vec<Layer> {
    let input = Image { channels: 1, height: 8, width: 8 };
    let conv = Conv { input, channels: 2, window: Window::half_padded(3, 1) };
    let image = Image { channels: 2, ..input };
    let pool = Pool { input: image, window: Window { height: 2, width: 2, stride: 2, padding: 0 } };
    vec![
        Layer::Fork { image: input },
        Layer::Conv { conv, bias: true },
        Layer::Relu { units: 128 },
        Layer::Join { shortcut: Shortcut { input, channels: 2, stride: 1 }, a: 1.0, b: 1.0 },
        Layer::MaxPool { pool },
        Layer::Dense { inputs: 32, outputs: 10, bias: true },
    ]
}

#[test]
fn a_node_has_the_number_of_its_layer_and_the_name_of_its_operation() {
    let placed = Placed::of_layers(&layers(), Want::Output).unwrap();
    let names = placed.names().all_shown();
    assert_eq!(names, ["input", "1.conv", "2.relu", "3.shortcut", "3.add", "4.max-pool", "5.dense"]);
    for (i, name) in (0..).zip(&names) {
        assert_eq!((placed.names().find(name), &placed.names().shown(i)), (Some(i), name));
    }
    // Neither a beginning nor a part of a name is a name.
    for wrong in ["", "3", "3.", "1.con", "conv", "1.conv ", "Input", "5.dense.1"] {
        assert_eq!(placed.names().find(wrong), None, "{wrong}");
    }
    assert_eq!(placed.names().shown(7), "number 7 (counted from 0)");
}

#[test]
fn several_inputs_and_outputs_have_names() {
    let mut nodes = vec![Node::EMPTY; 9];
    let mut g = Builder::new(&mut nodes);
    let (x, y) = (g.input(Shape::vector(3)), g.input(Shape::vector(3)));
    // Nodes of no layer, and then two nodes of one layer that have the same operation.
    g.layer(0);
    let (a, b) = (g.dense(x, 4, true), g.dense(y, 4, true));
    g.layer(3);
    let (c, d) = (g.relu(a), g.relu(b));
    let sum = g.add((c, 1.0), (d, 1.0));
    let len = g.finish(&[d, sum]).unwrap().len();
    nodes.truncate(len);
    let placed = Placed::of_nodes(nodes, Want::Output).unwrap();
    assert_eq!(
        placed.names().all_shown(),
        ["input.0", "input.1", "dense", "dense.1", "2.relu", "2.relu.1", "2.add"],
        "unique for any graph"
    );
    let outputs: Vec<_> = placed.graph().unwrap().outputs().map(|i| placed.names().shown(i)).collect();
    assert_eq!(outputs, ["2.relu.1", "2.add"]);
    // An address that several nodes have names all of them.
    let fault = |layer| Error::NonFinite(NonFinite { pass: Pass::Backward, layer });
    let said = |layer| placed.failure(fault(layer), "ADVICE").message;
    assert_eq!(
        said(3),
        "NaN or infinity in the backward pass, first at one of the nodes 2.relu, 2.relu.1, 2.add: ADVICE"
    );
    assert_eq!(said(9), "NaN or infinity in the backward pass, first at layer 9 (counted from 1): ADVICE");
}

#[test]
fn given_names_are_checked_and_shown_safely() {
    let given = |names: &[&str]| Names::given(names.iter().map(|&name| name.to_owned()).collect());
    let said = |names: &[&str]| given(names).unwrap_err().to_string();
    assert!(said(&["a", "", "b"]).contains("node 1, counted from 0, has an empty name"), "{}", said(&["a", "", "b"]));
    assert!(said(&["a", "\x1b[2J", "\x1b[2J"]).contains("two nodes have the name \\u{1b}[2J: "));
    let own = ["input", "/conv1/Conv\n", "r", "s", "t", "u", "\u{202e}v"];
    let placed = Placed::of_layers(&layers(), Want::Output).unwrap();
    let few = placed.clone().with_names(given(&own[1..]).unwrap()).unwrap_err().to_string();
    assert!(few.starts_with("6 names for 7 nodes"), "{few}");
    let placed = placed.with_names(given(&own).unwrap()).unwrap();
    // A name is found as it is, and shown without what acts on a terminal.
    assert_eq!((placed.names().find("/conv1/Conv\n"), placed.names().find("/conv1/Conv\\n")), (Some(1), None));
    let error = placed.failure(Error::NonFinite(NonFinite { pass: Pass::Forward, layer: 2 }), "ADVICE");
    assert!(error.non_finite);
    assert_eq!(error.message, "NaN or infinity in the forward pass, first at node /conv1/Conv\\n: ADVICE");
    let error = placed.failure(Error::InvalidNode { node: 6, reason: InvalidSpec::Shape }, "");
    assert_eq!(
        error.message,
        "node \\u{202e}v is refused: its shape is not what the operation makes of its operands: both operands of an addition have the same shape"
    );
}

#[test]
fn a_refusal_of_a_device_has_the_name_for_its_index() {
    let placed = Placed::of_layers(&layers(), Want::Output).unwrap();
    let refused = |why, need| LinkError::Refused { why, need, have: 0 };
    let slot = refused(Why::Node(InvalidSpec::Slot), 5);
    assert!(slot.to_string().starts_with("the device refuses node 5 of the graph: "), "{slot}");
    let said = slot.about(&placed);
    assert!(said.starts_with("the device refuses node 4.max-pool of the graph: "), "{said}");
    // A device can say any index.
    let said = refused(Why::Node(InvalidSpec::Slot), u64::MAX).about(&placed);
    assert!(said.starts_with("the device refuses node number 4294967295 (counted from 0) of the graph: "), "{said}");
    let said = refused(Why::NonFinite(NonFinite { pass: Pass::Forward, layer: 4 }), 0).about(&placed);
    assert!(said.starts_with("NaN or infinity in the forward pass, first at node 3.add: the numbers leave"), "{said}");
    let other = refused(Why::Memory, 9);
    assert_eq!(other.about(&placed), other.to_string());
}

#[test]
fn a_node_that_is_refused_while_the_graph_is_built_has_a_name() {
    // (layer, its change, the name of the node that it makes)
    let dropout = Layer::Dropout { units: 32, rate: 1.5 };
    let eps = Layer::BatchNorm { image: Image::vector(10), eps: -1.0, momentum: 0.1 };
    for (at, layer, name) in [(4, None, ""), (5, Some(dropout), "5.dropout"), (6, Some(eps), "6.batch-norm")] {
        let mut layers = layers();
        layers.splice(at..at, layer);
        match Placed::of_layers(&layers, Want::Output) {
            Ok(_) => assert_eq!(name, ""),
            Err(error) => assert!(error.message.starts_with(&format!("node {name} is refused: ")), "{error}"),
        }
    }
    // Behind a fork, and behind a reshape of its own layer.
    let image = Image { channels: 1, height: 2, width: 2 };
    let pool = Pool { input: image, window: Window { height: 3, width: 3, stride: 1, padding: 0 } };
    let dense = Layer::Dense { inputs: 2, outputs: 4, bias: false };
    let behind = [dense, Layer::Fork { image: Image::vector(4) }, Layer::Dropout { units: 4, rate: -1.0 }];
    for (layers, name) in [(&[dense, Layer::MaxPool { pool }][..], "1.max-pool"), (&behind[..], "2.dropout")] {
        let error = Placed::of_layers(layers, Want::Output).unwrap_err();
        assert!(error.message.starts_with(&format!("node {name} is refused: ")), "{error}");
    }
}

/// Every part of a graph is a graph, with the names of its nodes, and nothing in it is unused.
#[test]
fn a_part_has_the_nodes_that_lead_to_its_output() {
    let placed = Placed::of_layers(&layers(), Want::Output).unwrap();
    let (parameters, running) = ((0..2 * 9 + 2 + 320 + 10).map(|i| i as f32).collect::<Vec<_>>(), Vec::new());
    let model = model(&layers(), parameters, running);
    let parts: [(&str, &[&str], usize); 7] = [
        ("input", &["input"], 0),
        ("1.conv", &["input", "1.conv"], 20),
        ("2.relu", &["input", "1.conv", "2.relu"], 20),
        ("3.shortcut", &["input", "3.shortcut"], 0),
        ("3.add", &["input", "1.conv", "2.relu", "3.shortcut", "3.add"], 20),
        ("4.max-pool", &["input", "1.conv", "2.relu", "3.shortcut", "3.add", "4.max-pool"], 20),
        ("5.dense", &["input", "1.conv", "2.relu", "3.shortcut", "3.add", "4.max-pool", "5.dense"], 350),
    ];
    for (name, expected, len) in parts {
        let (part, left) = placed.part(placed.names().find(name).unwrap(), &model).unwrap();
        assert_eq!(part.names().all_shown(), expected, "{name}");
        assert_eq!(left.parameters, &model.parameters[..len], "{name}");
        let graph = Graph::new(&part.nodes).unwrap();
        assert_eq!(graph.outputs().collect::<Vec<_>>(), [expected.len() as u32 - 1], "{name}");
        assert_eq!(part.plan().unwrap().parameters_len, len as u64);
    }
    assert!(placed.part(7, &model).is_err());
}

fn model(layers: &[Layer], parameters: Vec<f32>, running: Vec<f32>) -> shatterscope_engine::Model {
    use shatterscope::train::{Powers, Rate};
    let rate = Rate { base: 0.1, warm_up: 0, decrease: shatterscope::train::Decrease::Never }.start();
    let (layers, state) = (layers.to_vec(), Vec::new());
    shatterscope_engine::Model { layers, parameters, running, state, powers: Powers::new(), rate, step: 0, batch: 0 }
}
