use crate::refused::refused;
use shatterscope::graph::Graph;
use shatterscope::plan::{Plan, RunOptions, Storage};
use shatterscope_host::net::Net;
use shatterscope_host::pack::Packed;
use shatterscope_host::tensors::Bundle;

/// As a list of layers, and as the name of its file: refused in one line, or a network of these layers that has a plan, in a module whose
/// code does not depend on the name.
pub fn nets(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let net = match Net::parse(text) {
        Err(error) => return refused(&error),
        Ok(net) => net,
    };
    for norms in [false, true] {
        match Packed::of(&model(norms), &net) {
            Err(error) => refused(&error),
            Ok(packed) => is_a_network(&packed, text),
        }
    }
}

fn is_a_network(packed: &Packed, name: &str) {
    let graph = Graph::new(packed.nodes()).expect("what is packed is a graph");
    let want = RunOptions::new(2).want();
    let len = graph.len() * want.slots();
    let (mut storages, mut slots) = (vec![Storage::EMPTY; len], vec![0; len]);
    let (plan, _) =
        Plan::with_placed_slots(&graph, want, &mut storages, &mut slots).expect("what is packed has a plan");
    assert_eq!(plan.parameters_len, packed.parameters().len() as u64);
    let module = |model, net| packed.module(model, net).expect("there is memory for a small module");
    let (named, plain) = (module(name, name), module("model", "net"));
    assert!(!named.chars().any(|c| c.is_control() && c != '\n'), "{named}");
    assert!(code(&named).eq(code(&plain)), "{named}");
}

/// The lines that are no comments.
fn code(module: &str) -> impl Iterator<Item = &str> {
    module.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Tensors for lists of a few widths, some of which may not be used; with those of a batch norm, or without.
fn model(norms: bool) -> Bundle {
    let mut bundle = Bundle::default();
    let mut add = |name: &str, shape: &[usize], value: f32| {
        bundle.add(name.to_owned(), shape.to_vec(), vec![value; shape.iter().product()]);
    };
    for (name, outputs, inputs) in [("a", 4, 3), ("b", 4, 4), ("c", 2, 4), ("d", 2, 8), ("e", 4, 4)] {
        add(&format!("{name}.weight"), &[outputs, inputs], -0.5);
    }
    add("k.weight", &[4, 3, 3, 3], 0.25);
    add("a.bias", &[4], 1e-40);
    add("c.bias", &[2], f32::NAN);
    add("e.bias", &[5], 1.0);
    add("unused", &[], 7.0);
    if norms {
        add("norm.weight", &[4], 1.0);
        add("norm.running_var", &[4], 1.0);
    }
    bundle
}
