//! Files that an earlier version wrote are read with the same bits, or refused by name. `migration/` has specs, exports, half a training of
//! each kind, a list of layers and its model, the flash of a device, and what that version made of them (`expected.json`).
use assert_cmd::Command;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Expected {
    probes: Vec<Probe>,
    trainings: Vec<Training>,
}

#[derive(Deserialize)]
struct Probe {
    words: String,
    document: Value,
}

#[derive(Deserialize)]
struct Training {
    folder: String,
    words: String,
    document: Value,
    metrics: String,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migration")
}

fn expected() -> Expected {
    serde_json::from_str(&std::fs::read_to_string(here().join("expected.json")).unwrap()).unwrap()
}

/// What a command prints, run in the folder of the files.
fn printed(words: &[&str]) -> String {
    let output = Command::cargo_bin("shatterscope").unwrap().args(words).current_dir(here()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn specs_and_exports_give_the_same_document() {
    let probes = expected().probes;
    assert_eq!(probes.len(), 15);
    probes.into_par_iter().for_each(|Probe { words, document: mut before }| {
        let mut now: Value = serde_json::from_str(&printed(&words.split(' ').collect::<Vec<_>>())).unwrap();
        for document in [&mut before, &mut now] {
            let document = document.as_object_mut().unwrap();
            // Which version, and which machine.
            let _ = ["commit", "generator", "target"].map(|field| document.remove(field));
        }
        assert_eq!(now, before, "{words}");
    });
}

#[test]
fn trainings_go_on_with_the_same_bits() {
    let trainings = expected().trainings;
    assert_eq!(trainings.len(), 6);
    trainings.into_par_iter().for_each(|Training { folder, words, document, metrics }| {
        let out = TempDir::new().unwrap();
        for entry in std::fs::read_dir(here().join(&folder)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, out.path().join(path.file_name().unwrap())).unwrap();
        }
        let mut line: Vec<&str> = words.split(' ').collect();
        line.extend(["--resume", "--json", "-q", "--out", out.path().to_str().unwrap()]);
        assert_eq!(serde_json::from_str::<Value>(&printed(&line)).unwrap(), document, "{words}");
        assert_eq!(std::fs::read_to_string(out.path().join("metrics.csv")).unwrap(), metrics, "{words}");
    });
}

/// The module has nodes where that of the earlier version has layers; its parameters are the same numbers in the same order.
#[test]
fn a_list_of_layers_packs_to_the_same_parameters() {
    let text = printed(&["pack", "packed/model.safetensors", "--net", "packed/net.toml", "-q"]);
    let before = std::fs::read_to_string(here().join("packed/network.rs")).unwrap();
    let rows = |text: &str| {
        let of_numbers = |line: &&str| line.trim().split(", ").all(|x| x.trim_end_matches(',').parse::<f32>().is_ok());
        text.lines().filter(of_numbers).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(rows(&before).len() > 40 && rows(&text) == rows(&before));
}
