//! Inference gives the same outputs in every batch, on any threads, and on a device behind a bad line.
use assert_cmd::Command;
use serde_json::Value;
use shatterscope::contract::Digest;
use shatterscope::plan::Want;
use shatterscope_host::data;
use shatterscope_host::device::link::{Link, LinkError};
use shatterscope_host::engine::Isa;
use shatterscope_host::predict::{Examples, Placed, Prediction, Remote};
use shatterscope_host::tensors::Bundle;
use shatterscope_host::train::{Activation, Checkpoint, Init, Kind, Net, Skips, Spec};
use shatterscope_simulated::{Fate, Faults, Made, Simulated, Way};
use std::time::Duration;

fn shatterscope(words: &str) -> (Option<i32>, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shatterscope"));
    let output = command.args(words.split_whitespace()).args(["--json", "--quiet"]).output().unwrap();
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), told, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_checkpoint_predicts_as_its_training_did() {
    for words in [
        "--depth 2 --width 8 --activation prelu",
        "--net lenet --width 3",
        "--net convnet --depth 6 --width 3 --batch-norm --skips highway --dropout 0.1",
        "--net convnet --depth 10 --width 2 --activation crelu --skips resnet",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().display();
        let (status, trained, said) = shatterscope(&format!("train --epochs 1 --batch 300 {words} --out {out}"));
        assert_eq!(status, Some(0), "{said}");
        let (_, told, _) = shatterscope(&format!("predict --checkpoint {out}"));
        assert_eq!(told["accuracy"], trained["epochs"][0]["test_accuracy"], "{words}");
        assert_eq!((&told["examples"], &told["parameters"]), (&297.into(), &trained["parameters"]));
        for how in ["--batch 1 --threads 1", "--batch 100 --threads 3", "--isa portable --batch 17", "--isa soft-float"]
        {
            let (_, again, said) = shatterscope(&format!("predict --checkpoint {out} {how}"));
            assert_eq!(again["output_digest"], told["output_digest"], "{words} {how} {said}");
        }
    }
}

/// LeNet of width 2 as it is drawn, 20 digits, and their outputs here.
fn drawn() -> (Checkpoint, Placed, Examples, Prediction) {
    let data = data::open(None).unwrap();
    let net = Net {
        kind: Kind::Lenet,
        depth: 2,
        width: 2,
        activation: Activation::Relu,
        slope: 0.25,
        batch_norm: false,
        skips: Skips::None,
        beta: 1.0,
        dropout: 0.0,
        init: Init::He,
    };
    let spec = Spec::adam(net, 50, 1, 1e-3);
    let isa = Isa::Auto.kernel().unwrap();
    let checkpoint = shatterscope_host::train::Run::new(spec, &data, isa, None).unwrap().checkpoint();
    let placed = Placed::of_layers(&checkpoint.model.layers, Want::Output).unwrap();
    let mut examples = Examples::test(&data, &checkpoint).unwrap();
    examples.labels.truncate(20);
    examples.inputs.truncate(20 * 64);
    let here = Prediction::new(&checkpoint, &placed, &examples, 20, isa).unwrap();
    (checkpoint, placed, examples, here)
}

fn remote(made: Made, faults: Faults, batch: u32) -> shatterscope_host::Result<Remote> {
    let (checkpoint, placed, ..) = drawn();
    let link = Link::open(Simulated::new(made, faults), Duration::from_secs(2)).map_err(|error| match error {
        LinkError::Closed(how) => panic!("{how}"),
        error => shatterscope_host::Failure::from(error),
    })?;
    Remote::new((link, None), "simulated".to_owned(), &placed, checkpoint.model.weights(), batch, 0)
}

#[test]
fn a_line_that_loses_repeats_and_changes_frames_changes_no_output() {
    let (_, _, examples, here) = drawn();
    for batch in [1, 3, 20] {
        // Every 9th frame either way is lost, and others come twice or changed.
        let faults: Faults = Box::new(move |way, number| match (way, number % 9) {
            (_, 8) => Fate::Lost,
            (Way::ToHost, 5) => Fate::Twice,
            (Way::ToDevice, 4) if number > 20 => Fate::Turned(77),
            _ => Fate::Pass,
        });
        let mut remote = remote(Made::default(), faults, batch).unwrap();
        remote.predict(&examples, &here, |_| {}).unwrap();
        let report = remote.report();
        assert!(report.mended.lost > 0 && report.mended.retries > 0, "{:?}", report.mended);
        assert!(report.value_bytes > 0 && report.least_bytes <= report.arena_bytes);
    }
}

/// The value of every node: the pass that stops there, the part of the graph, and the part on a device have the same bits.
#[test]
fn the_part_up_to_a_node_has_its_value_on_a_device() {
    let (checkpoint, placed, examples, outputs) = drawn();
    let isa = Isa::Auto.kernel().unwrap();
    let names = placed.names().all_shown();
    assert_eq!(names[..4], ["input", "0.conv", "1.relu", "2.max-pool"]);
    for (node, name) in (0..).zip(&names) {
        let here = Prediction::at(node, &checkpoint, &placed, &examples, 7, isa).unwrap();
        assert_eq!(here.correct, None);
        let (part, model) = placed.part(node, &checkpoint.model).unwrap();
        let of = (&model.parameters[..], &model.running[..]);
        let again = shatterscope_host::predict::predict(&part, of, &examples.inputs, 20, isa).unwrap();
        assert_eq!(Digest::of(&again), here.digest, "{name}");
        let link = Link::open(Simulated::new(Made::default(), good()), Duration::from_secs(2)).unwrap();
        let mut remote = Remote::new((link, None), "simulated".to_owned(), &part, model.weights(), 3, 0).unwrap();
        remote.predict(&examples, &here, |_| {}).unwrap();
        let mut wrong = here.clone();
        wrong.outputs[0] += 1.0;
        let error = remote.predict(&examples, &wrong, |_| {}).unwrap_err().to_string();
        assert!(error.contains(&format!("example 1, unit 0 of node {name}: ")), "{error}");
        if node as usize == names.len() - 1 {
            assert_eq!(here.digest, outputs.digest);
        }
    }
}

#[test]
fn what_is_not_finite_on_a_device_has_the_name_of_its_node() {
    let (mut checkpoint, placed, examples, here) = drawn();
    // Too small for the first convolution to overflow, too large for the second.
    checkpoint.model.parameters.iter_mut().for_each(|x| *x = 1e30);
    let link = Link::open(Simulated::new(Made::default(), good()), Duration::from_secs(2)).unwrap();
    let mut remote =
        Remote::new((link, None), "simulated".to_owned(), &placed, checkpoint.model.weights(), 1, 0).unwrap();
    let there = remote.predict(&examples, &here, |_| {}).unwrap_err();
    let error = Prediction::new(&checkpoint, &placed, &examples, 1, Isa::Auto.kernel().unwrap()).unwrap_err();
    let said = "NaN or infinity in the forward pass, first at node 3.conv: the numbers leave the range of f32";
    assert!(error.non_finite && error.message.starts_with(said), "{error}");
    assert_eq!(there.message, format!("simulated: example 1: {error}"));
}

fn good() -> Faults {
    Box::new(|_, _| Fate::Pass)
}

#[test]
fn the_first_output_that_differs_is_named() {
    let (_, _, examples, mut here) = drawn();
    let mut remote = remote(Made::default(), good(), 3).unwrap();
    here.outputs[7 * 10 + 4] += 1.0;
    let error = remote.predict(&examples, &here, |_| {}).unwrap_err().to_string();
    assert!(error.contains("example 8, class 4: "), "{error}");
}

#[test]
fn a_graph_that_does_not_fit_is_refused_with_its_size() {
    let error = remote(Made { words: 400, ..Made::default() }, good(), 1).err().unwrap().to_string();
    assert!(error.contains("B of memory, 1600 B are there"), "{error}");
    // So is one whose nodes alone do not fit.
    let error = remote(Made { words: 40, ..Made::default() }, good(), 1).err().unwrap().to_string();
    assert!(error.contains("needs 520 B of memory, 160 B are there"), "{error}");
}

#[test]
fn the_values_of_a_node_are_computed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.display();
    let words = "--net convnet --depth 10 --width 2 --batch-norm --skips resnet";
    let (status, _, said) = shatterscope(&format!("train --epochs 1 --batch 300 {words} --out {out}"));
    assert_eq!(status, Some(0), "{said}");
    let (_, whole, _) = shatterscope(&format!("predict --checkpoint {out}"));
    assert_eq!((&whole["node"], &whole["shape"]), (&Value::Null, &serde_json::json!([10])));
    let (status, _, said) = shatterscope(&format!("predict --checkpoint {out} --at conv"));
    let says = "--at conv: the network has no node of this name; its nodes are input, 0.conv, ";
    assert!(status == Some(2) && said.contains(says) && said.lines().count() == 1, "{said}");
    let names: Vec<&str> = said.trim().rsplit_once(" are ").unwrap().1.split(", ").collect();
    assert!(names.iter().any(|name| name.ends_with(".shortcut")), "{names:?}");
    for name in &names {
        let file = folder.path().join("values.npz");
        let at = format!("predict --checkpoint {out} --at {name}");
        let (status, told, said) = shatterscope(&format!("{at} --out {} --batch 50", file.display()));
        assert_eq!((status, &told["node"]), (Some(0), &Value::from(*name)), "{said}");
        assert_eq!((&told["correct"], &told["accuracy"]), (&Value::Null, &Value::Null));
        let (_, again, _) = shatterscope(&format!("{at} --isa portable --threads 1"));
        assert_eq!(again["output_digest"], told["output_digest"], "{name}");
        let written = Bundle::read(&file).unwrap();
        let values = &written.tensors["values"];
        let shape: Vec<u64> = values.shape.iter().map(|&extent| extent as u64).collect();
        assert_eq!((shape[0], serde_json::json!(shape[1..])), (297, told["shape"].clone()), "{name}");
        assert_eq!(Value::from(Digest::of(&values.data).to_string()), told["output_digest"], "{name}");
        if Some(name) == names.last() {
            assert_eq!((&told["output_digest"], &told["parameters"]), (&whole["output_digest"], &whole["parameters"]));
        }
    }
    // The images themselves are the value of the input.
    let (_, input, _) = shatterscope(&format!("predict --checkpoint {out} --at input"));
    assert_eq!((&input["shape"], &input["parameters"]), (&serde_json::json!([1, 8, 8]), &0.into()));
    // The outputs are written, too.
    let file = folder.path().join("outputs.NPZ");
    shatterscope(&format!("predict --checkpoint {out} --out {}", file.display()));
    assert_eq!(Bundle::read(&file).unwrap().tensors["values"].shape, [297, 10]);
}

#[test]
fn wrong_use_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display();
    for (words, says) in [
        (format!("predict --checkpoint {empty}"), "holds no checkpoint"),
        (format!("predict --checkpoint {empty} --batch 0"), "--batch"),
        (format!("pack --checkpoint {empty}"), "holds no checkpoint"),
        (format!("pack --checkpoint {empty} --net net.toml"), "--net"),
        ("pack".to_owned(), "--checkpoint"),
        (format!("predict --checkpoint {empty} --out values.txt"), "--out values.txt: values are written as .npz"),
        (format!("predict --checkpoint {empty} --timeout 3"), "--timeout has no effect without a device"),
        (format!("predict --checkpoint {empty} --target qemu:no-such-board"), "no-such-board"),
    ] {
        let (status, _, said) = shatterscope(&words);
        assert!(status == Some(2) && said.contains(says), "{words}: {status:?} {said}");
    }
}

#[test]
fn the_committed_example_is_what_training_and_pack_write() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("small");
    let (status, _, said) = shatterscope(&format!("train --depth 1 --width 8 --epochs 20 --out {}", out.display()));
    assert_eq!(status, Some(0), "{said}");
    let (_, told, _) = shatterscope(&format!("pack --checkpoint {}", out.display()));
    let committed = include_str!("../../boards/examples/trained-network/src/network.rs");
    assert!(told["module"] == committed, "write it anew: {}", told["module"]);
    // What is packed is no file of the checkpoint.
    let (status, _, said) =
        shatterscope(&format!("pack --checkpoint {0} --out {0}/checkpoint.safetensors", out.display()));
    assert!(status == Some(2) && said.contains("is the input"), "{said}");
}
