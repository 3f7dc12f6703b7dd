//! ONNX's own backend tests, as Debian's `libonnx-testdata` has them: every model in scope is read, and what it computes is compared where
//! everything in it is constant.
use crate::interpret::{self, Array};
use shatterscope_import::{Error, Model, Options, Tensor, onnx, pb_name, pb_tensor, read};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const FOLDER: &str = "/usr/share/libonnx-testdata/data";

/// Tests that store bf16 as uint16 or have inputs of another shape than the model's; casts like a tensor of f16, which is f32 here; a file
/// without the epsilon that its outputs were computed with (`training.rs` adds it).
const STRANGE: &[&str] = &[
    "test_adam_multiple",
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
pub fn tensors(case: &Path, what: &str) -> Option<Vec<(String, Tensor)>> {
    let mut found = Vec::new();
    for i in 0.. {
        let path = case.join("test_data_set_0").join(format!("{what}_{i}.pb"));
        let Ok(bytes) = fs::read(path) else { break };
        found.push((pb_name(&bytes).ok()?, pb_tensor(&bytes).ok()?));
    }
    Some(found)
}

fn close(a: &Array, b: &Array) -> bool {
    a.shape == b.shape
        && a.data
            .iter()
            .zip(&b.data)
            .all(|(&x, &y)| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-6 + 2e-4 * y.abs())
}

#[test]
fn models_of_the_backend_tests() {
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut count, mut folded, mut computed, mut wrong) = (0, 0, 0, Vec::new());
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
        let bytes = fs::read(case.join("model.onnx")).unwrap();
        let names: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
        let mut all = Options::default();
        // In the first round only integers and truth values are constant, in the second all inputs are.
        for whole in [false, true] {
            let bound = inputs.iter().filter(|(_, t)| whole || t.floats().is_none());
            all.bind = bound.cloned().collect();
            all.shapes = inputs.iter().map(|(name, t)| (name.clone(), t.shape().to_vec())).collect();
            match onnx(&bytes, None, &all) {
                Ok(model) if model.notes.iter().any(|n| n.contains("left out the cast")) => {}
                Ok(model) if !fits(&model, &inputs, &outputs) => wrong.push(name.clone()),
                Ok(model) if model.nodes.is_empty() => folded += 1,
                Ok(_) => computed += 1,
                Err(error) if refused.values().flatten().all(|n| *n != name) => {
                    wrong.push(format!("{name}: {error} {names:?}"));
                }
                Err(_) => {}
            }
        }
    }
    println!("{count} of {} read, {folded} folded and {computed} computed and compared; not read:", cases.len());
    for (why, names) in &refused {
        println!("  {why} ({}): {}", names.len(), names.join(" "));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        cases.is_empty() || (count >= 438 && folded >= 630 && computed >= 788),
        "{count} read, {folded} folded, {computed} computed"
    );
}

/// Whether a model computes what the test expects.
fn fits(model: &Model, inputs: &[(String, Tensor)], outputs: &[(String, Tensor)]) -> bool {
    let input = |&id: &usize| {
        let (_, tensor) = inputs.iter().find(|(name, _)| *name == model.values[id].name).expect("an input of the test");
        array(tensor).expect("an input of floating-point numbers")
    };
    let known = |&id: &usize| model.values[id].constant.as_ref().is_some_and(|t| t.floats().is_none());
    let mut model = model.clone();
    let mut expected = outputs.to_vec();
    for i in (0..outputs.len()).rev().filter(|&i| model.outputs.get(i).is_some_and(known)).collect::<Vec<_>>() {
        let found = model.values[model.outputs.remove(i)].constant.clone();
        if found != Some(expected.remove(i).1) {
            return false;
        }
    }
    let found = interpret::run(&model, &model.inputs.iter().map(input).collect::<Vec<_>>());
    found.len() == expected.len()
        && found.iter().zip(&expected).all(|(f, (_, e))| array(e).is_some_and(|e| close(f, &e)))
}

fn array(tensor: &Tensor) -> Option<Array> {
    let data = tensor.floats()?.iter().map(|&v| f64::from(v)).collect();
    Some(Array { shape: tensor.shape().to_vec(), data })
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
