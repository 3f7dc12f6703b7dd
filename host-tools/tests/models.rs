//! Models of the user's on the command line.
use crate::common::shatterscope;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A model that PyTorch exported.
fn model(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/tests/torch").join(name);
    path.display().to_string()
}

/// Writes a CSV file with `count` examples of `columns` numbers each.
fn examples(folder: &Path, count: usize, columns: usize) -> PathBuf {
    let number = |i: usize| format!("{:.3}", (i as f32 * 0.37).sin());
    let row = |row: usize| (0..columns).map(|column| number(row * columns + column)).collect::<Vec<_>>().join(",");
    let path = folder.join(format!("examples-{count}.csv"));
    std::fs::write(&path, (0..count).map(row).collect::<Vec<_>>().join("\n")).unwrap();
    path
}

fn json(line: &str) -> Value {
    let (code, out, err) = shatterscope(line);
    assert_eq!(code, Some(0), "{line}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// The one line of a failure.
fn failure(line: &str) -> String {
    let (code, out, err) = shatterscope(line);
    assert!(code == Some(1) || code == Some(2), "{line}: {code:?}, {out}");
    assert_eq!(err.lines().count(), 1, "{line}: {err}");
    err
}

#[test]
fn a_model_has_the_same_outputs_in_every_form_and_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = examples(folder.path(), 5, 12).display().to_string();
    let native = folder.path().join("mlp.safetensors").display().to_string();
    let (code, out, _) = shatterscope(&format!("import {} --out {native}", model("mlp.onnx")));
    assert_eq!(code, Some(0));
    assert!(out.contains("inputs         x 12") && out.contains("any number of examples"), "{out}");
    let digest = |line: &str| json(line)["output_digest"].as_str().unwrap().to_owned();
    let first = digest(&format!("run --json --model {} --input {inputs}", model("mlp.onnx")));
    for more in ["--threads 1 --isa portable", "--batch 1", "--batch 3"] {
        assert_eq!(digest(&format!("run --json --model {native} --input {inputs} {more}")), first, "{more}");
    }
    // Outputs in every format, which inputs are read from, too.
    for extension in ["npy", "npz", "csv", "json"] {
        let out = folder.path().join(format!("y.{extension}"));
        let line = format!("run --json --model {native} --input {inputs} --out {}", out.display());
        assert_eq!(digest(&line), first);
        assert!(out.metadata().unwrap().len() > 50, "{extension}");
    }
    let told = json(&format!("run --json --model {native} --input {inputs} --top 2"));
    assert_eq!((told["examples"].as_u64(), told["top"].as_array().unwrap().len()), (Some(5), 5));
    let top = |example: usize, place: usize| told["top"][example][place]["value"].as_f64().unwrap();
    assert!(top(0, 0) >= top(0, 1));
}

#[test]
fn a_changed_byte_of_the_native_form_is_named_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let native = folder.path().join("m.safetensors");
    let (code, ..) = shatterscope(&format!("import -q {} --out {}", model("mlp.onnx"), native.display()));
    assert_eq!(code, Some(0));
    let bytes = std::fs::read(&native).unwrap();
    for at in [9, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        std::fs::write(&native, bytes).unwrap();
        let said = failure(&format!("import {}", native.display()));
        assert!(said.contains("damaged") || said.contains("without a graph"), "{at}: {said}");
    }
}

#[test]
fn inputs_of_another_shape_and_options_without_effect_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = examples(folder.path(), 2, 11).display().to_string();
    let mlp = model("mlp.onnx");
    let said = failure(&format!("run --model {mlp} --input {inputs}"));
    assert!(said.contains("has 11 numbers; expected 12"), "{said}");
    let inputs = examples(folder.path(), 3, 12).display().to_string();
    for (line, part) in [
        (format!("run --model {mlp} --input nowhere.npy"), "nowhere.npy"),
        (format!("run --model {mlp} --input {inputs} --out y.txt"), ".npy, .npz, .csv or .json"),
        (format!("run --model {mlp} --input {inputs} --scaling 1..2"), "--scaling 1..2"),
        (format!("run --model {mlp} --input {inputs} --out {inputs}"), "examples-3.csv"),
        (format!("run --model {mlp} --input {inputs} --shape y=1x2"), "y"),
        (format!("import {mlp} --out m.onnx"), ".safetensors"),
        (format!("probe --model {mlp} --data {inputs} --of output:99"), "5 outputs"),
        (format!("probe --model {mlp} --data {inputs} --of loss"), "--classes"),
        (format!("probe --model {mlp} --data {inputs} --path 0:9"), "example 9"),
        (format!("probe --model {mlp} --data {inputs} --depth 3"), "--depth"),
        ("probe --input x.npy".to_owned(), "--input"),
        ("plan --board microbit --batch 4".to_owned(), "--batch"),
        (format!("compare --model {mlp} --input {inputs} --targets nowhere"), "nowhere"),
    ] {
        let said = failure(&line);
        assert!(said.contains(part), "{line}: {said}");
    }
}

#[test]
fn gradients_are_probed_at_examples_along_a_path_and_by_layer() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = examples(folder.path(), 6, 12).display().to_string();
    let classes = folder.path().join("classes.txt");
    std::fs::write(&classes, "0\n1\n2\n0\n1\n2\n").unwrap();
    let out = folder.path().join("page");
    let line = format!(
        "probe --json -q --model {} --data {inputs} --of loss --classes {} --path 0:3 --points 32 --reinit he --runs 2 --out {}",
        model("mlp.onnx"),
        classes.display(),
        out.display()
    );
    let told = json(&line);
    let order: Vec<u64> = told["points"]["order"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap()).collect();
    assert_eq!(order, [0, 3, 1, 4, 2, 5]);
    for (i, row) in told["points"]["cosines"].as_array().unwrap().iter().enumerate() {
        assert!((row[i].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
    assert_eq!(told["path"]["derivative"].as_array().unwrap().len(), 32);
    assert_eq!(told["path"]["autocorrelation"][0].as_f64(), Some(1.0));
    assert_eq!(told["reinit"]["runs"].as_u64(), Some(2));
    let layers = told["layers"].as_array().unwrap();
    assert!(layers.iter().all(|layer| layer["activation_rms"].as_f64().unwrap() > 0.0), "{layers:?}");
    assert!(out.join("index.html").is_file() && out.join("probe.png").is_file());
    // The same gradients at any number of threads and on every instruction set.
    let digest = told["gradient_digest"].as_str().unwrap().to_owned();
    let again = json(&format!(
        "probe --json --model {} --data {inputs} --of loss --classes {} --threads 1 --isa portable",
        model("mlp.onnx"),
        classes.display()
    ));
    assert_eq!(again["gradient_digest"].as_str(), Some(digest.as_str()));
}

#[test]
fn a_model_is_packed_as_a_module_that_compiles_in_its_form() {
    let (code, module, err) = shatterscope(&format!("pack {}", model("mlp.onnx")));
    assert_eq!(code, Some(0), "{err}");
    for part in
        ["pub static NODES: [NodeWords;", "pub static SLOTS", "pub static PARAMETERS: [f32; 1445]", "Graph::from_words"]
    {
        assert!(module.contains(part), "{part}");
    }
}
