//! ONNX's own backend tests, as Debian's `libonnx-testdata` has them: every model in scope is read, and what it computes is compared where
//! everything in it is constant.
use shatterscope_import::{Error, Model, Options, Tensor, onnx, pb_name, pb_tensor, read};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const FOLDER: &str = "/usr/share/libonnx-testdata/data";

/// Tests that store bf16 as uint16 or have inputs of another shape than the model's; casts like a tensor of f16, which is f32 here.
const STRANGE: &[&str] = &[
    "test_cast_BFLOAT16_to_FLOAT",
    "test_cast_FLOAT_to_BFLOAT16",
    "test_castlike_BFLOAT16_to_FLOAT",
    "test_castlike_BFLOAT16_to_FLOAT_expanded",
    "test_castlike_DOUBLE_to_FLOAT16",
    "test_castlike_FLOAT_to_BFLOAT16",
    "test_castlike_FLOAT_to_BFLOAT16_expanded",
    "test_castlike_FLOAT_to_FLOAT16",
];

/// The folders of the tests, or none with a word.
fn cases() -> Vec<PathBuf> {
    if !Path::new(FOLDER).is_dir() {
        println!("SKIPPED: {FOLDER} is absent; install libonnx-testdata");
        return Vec::new();
    }
    let mut cases = Vec::new();
    for group in ["node", "pytorch-converted", "pytorch-operator", "simple"] {
        for entry in fs::read_dir(Path::new(FOLDER).join(group)).unwrap() {
            let path = entry.unwrap().path();
            if path.join("model.onnx").is_file() {
                cases.push(path);
            }
        }
    }
    cases.sort();
    cases
}

/// The tensors of a test, in the order of their numbers.
fn tensors(case: &Path, what: &str) -> Option<Vec<(String, Tensor)>> {
    let mut found = Vec::new();
    for i in 0.. {
        let path = case.join("test_data_set_0").join(format!("{what}_{i}.pb"));
        let Ok(bytes) = fs::read(path) else { break };
        found.push((pb_name(&bytes).ok()?, pb_tensor(&bytes).ok()?));
    }
    Some(found)
}

fn close(a: &Tensor, b: &Tensor) -> bool {
    match (a, b) {
        (Tensor::F32 { data: x, .. }, Tensor::F32 { data: y, .. }) => {
            a.shape() == b.shape()
                && x.iter()
                    .zip(y)
                    .all(|(&x, &y)| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-6 + 1e-5 * y.abs())
        }
        _ => a == b,
    }
}

#[test]
fn models_of_the_backend_tests() {
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut count, mut folded, mut wrong) = (0, 0, Vec::new());
    let cases = cases();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let mut names = Vec::new();
        match read(&case.join("model.onnx"), &Options::default()) {
            Ok(model) => {
                count += 1;
                names.extend(model.inputs.iter().map(|&i| model.values[i].name.clone()));
            }
            Err(error) => refused.entry(kind(&error)).or_default().push(name.clone()),
        }
        let (Some(mut inputs), Some(outputs)) = (tensors(case, "input"), tensors(case, "output")) else { continue };
        // Older files have no names.
        if inputs.len() == names.len() {
            inputs.iter_mut().zip(names).for_each(|((old, _), new)| *old = new);
        }
        if STRANGE.contains(&name.as_str()) || inputs.iter().any(|(name, _)| name.is_empty()) {
            continue;
        }
        let options = Options { bind: inputs.into_iter().collect(), ..Options::default() };
        let bytes = fs::read(case.join("model.onnx")).unwrap();
        match onnx(&bytes, None, &options) {
            Ok(model) if model.nodes.is_empty() => {
                folded += 1;
                if !fits(&model, &outputs) {
                    wrong.push(name.clone());
                }
            }
            Ok(_) => {}
            Err(error) if refused.values().flatten().all(|n| *n != name) => wrong.push(format!("{name}: {error}")),
            Err(_) => {}
        }
    }
    println!("{count} of {} read, {folded} folded and compared; not read:", cases.len());
    for (why, names) in &refused {
        println!("  {why} ({}): {}", names.len(), names.join(" "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases.is_empty() || (count >= 400 && folded >= 300), "{count} read, {folded} folded");
}

fn fits(model: &Model, outputs: &[(String, Tensor)]) -> bool {
    model.outputs.len() == outputs.len()
        && model
            .outputs
            .iter()
            .zip(outputs)
            .all(|(&id, (_, expected))| model.values[id].constant.as_ref().is_some_and(|found| close(found, expected)))
}

/// The reason without what is the file's own.
fn kind(error: &Error) -> String {
    match error {
        Error::Unsupported(list) => {
            let mut kinds: Vec<String> = list.iter().map(|u| format!("{} {}", u.kind, u.why)).collect();
            kinds.dedup();
            kinds.truncate(3);
            kinds.join(", ")
        }
        other => other.to_string(),
    }
}
