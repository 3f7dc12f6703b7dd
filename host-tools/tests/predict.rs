//! Inference gives the same outputs in every batch, on any threads, and on a device behind a bad line.
use assert_cmd::Command;
use serde_json::Value;
use shatterscope::plan::Want;
use shatterscope_host::data;
use shatterscope_host::device::link::{Link, LinkError};
use shatterscope_host::engine::Isa;
use shatterscope_host::predict::{Examples, Placed, Prediction, Remote};
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
    Remote::new((link, None), "simulated".to_owned(), &placed, &checkpoint.model, batch, 0)
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
fn wrong_use_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display();
    for (words, says) in [
        (format!("predict --checkpoint {empty}"), "holds no checkpoint"),
        (format!("predict --checkpoint {empty} --batch 0"), "--batch"),
        (format!("pack --checkpoint {empty}"), "holds no checkpoint"),
        (format!("pack --checkpoint {empty} --net net.toml"), "--net"),
        ("pack".to_owned(), "--checkpoint"),
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
