//! The example of a convnet by recompute: its network is the one that `train` makes, and a board prints the digest that the core's tests compute on
//! the desktop.
#[expect(dead_code, reason = "the core's tests use the plan")]
#[path = "../../boards/examples/convnet-by-recompute/src/network.rs"]
mod network;

use network::{GRAPH, INIT, NODES, PLAN};
use shatterscope::graph::Node;
use shatterscope_host::data;
use shatterscope_host::train::{Activation, Init, Kind, Net, Skips, Spec};
use shatterscope_layers::to_graph;
use std::path::Path;
use std::process::{Command, Stdio};

const DIGEST: &str = include_str!("../../boards/examples/convnet-by-recompute/digest.txt").trim_ascii();

#[test]
fn the_network_is_the_stack_of_the_tool() {
    let net = Net {
        kind: Kind::Stack,
        depth: 4,
        width: 16,
        activation: Activation::Relu,
        slope: 1.0,
        init: Init::He,
        batch_norm: true,
        skips: Skips::None,
        beta: 1.0,
        dropout: 0.0,
    };
    let digits = data::open(None).unwrap();
    let layers = net.layers(digits.image, digits.classes).unwrap();
    let mut nodes = vec![Node::EMPTY; 2 * layers.len() + 1];
    let len = to_graph(&layers, &mut nodes).unwrap().len();
    assert_eq!(nodes[..len], NODES);
    let begun = Spec::adam(net, 32, 1, 0.01).model(&digits).unwrap();
    let mut parameters = vec![f32::NAN; PLAN.parameters_len as usize];
    INIT.fill(&GRAPH, &mut parameters, &mut []).unwrap();
    assert_eq!(parameters, begun.parameters);
}

#[test]
#[ignore = "needs QEMU"]
fn a_board_has_the_digest_of_the_desktop() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/examples/convnet-by-recompute");
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => std::path::absolute(target).unwrap().join("boards"),
        None => example.join("../../target"),
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["run", "--quiet", "--release"]).current_dir(&example).env("CARGO_TARGET_DIR", &target);
    let output = cargo.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "all buffers 234600 B, 1 of 256 points resident",
        "whole batch 5552680 B, all points resident",
        &format!("digest      {DIGEST}"),
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}
