//! ONNX's own backend tests, as Debian's `libonnx-testdata` has them, and newer ones, which `node_tests.py` writes to a folder. The names in
//! `backend.txt` and `backend-newest.txt` must pass; the others say why they cannot.
use crate::run::outputs;
use shatterscope::plan::Want;
use shatterscope_import::{Options, Tensor, pb_name, pb_tensor, read};
use shatterscope_model::lower;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Tests in a folder, and the names of those that must pass.
struct Tests {
    folder: PathBuf,
    /// The file of the names, a name each line.
    file: &'static str,
    names: &'static str,
}

fn of_debian() -> Tests {
    let folder = PathBuf::from("/usr/share/libonnx-testdata/data");
    Tests { folder, file: "backend.txt", names: include_str!("backend.txt") }
}

/// What `node_tests.py` wrote, if the variable says where.
fn newest() -> Option<Tests> {
    let folder = PathBuf::from(std::env::var_os("SHATTERSCOPE_ONNX_TESTS")?);
    Some(Tests { folder, file: "backend-newest.txt", names: include_str!("backend-newest.txt") })
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for group in ["node", "pytorch-converted", "pytorch-operator", "simple"] {
        let Ok(entries) = fs::read_dir(folder.join(group)) else { continue };
        cases.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("model.onnx").is_file()));
    }
    cases.sort();
    cases
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

/// The tensors of a set of a test, in the order of their numbers.
fn tensors(set: &Path, what: &str) -> Result<Vec<(String, Tensor)>, String> {
    let mut found = Vec::new();
    for i in 0.. {
        let Ok(bytes) = fs::read(set.join(format!("{what}_{i}.pb"))) else { break };
        let wrong = |error: shatterscope_import::Error| format!("{what}_{i}.pb: {error}");
        found.push((pb_name(&bytes).map_err(wrong)?, pb_tensor(&bytes).map_err(wrong)?));
    }
    Ok(found)
}

/// Runs a test with all inputs bound but those in `free`.
fn run(case: &Path, free: &dyn Fn(usize, &Tensor) -> bool) -> Result<(), String> {
    let sets: Vec<PathBuf> =
        (0..).map(|i| case.join(format!("test_data_set_{i}"))).take_while(|set| set.is_dir()).collect();
    for set in sets {
        let (inputs, expected) = (tensors(&set, "input")?, tensors(&set, "output")?);
        let mut options = Options::default();
        let path = case.join("model.onnx");
        let mut inputs = inputs;
        if inputs.iter().any(|(name, _)| name.is_empty()) {
            // The tests that were converted have no names: they are in the order of the file.
            let model = read(&path, &options).map_err(|error| error.to_string())?;
            for ((name, _), &input) in inputs.iter_mut().zip(&model.inputs) {
                *name = model.values[input].name.clone();
            }
        }
        for (i, (name, tensor)) in inputs.iter().enumerate() {
            if !free(i, tensor) {
                options.bind.insert(name.clone(), tensor.clone());
            }
        }
        let model = read(&path, &options).map_err(|error| error.to_string())?;
        let network = lower(&model, Want::Output).map_err(|error| error.message)?;
        let count = network.origin.batch.unwrap_or(1);
        let mut data: Vec<&[f32]> = Vec::new();
        for port in &network.inputs {
            let (_, tensor) = inputs.iter().find(|(name, _)| *name == port.name).ok_or("an input without a tensor")?;
            let Tensor::F32 { data: own, .. } = tensor else { return Err("an input that is not of f32".to_owned()) };
            data.push(own);
        }
        let found = outputs(&network, &data, count).map_err(|error| error.message)?;
        for ((port, found), (name, expected)) in network.outputs.iter().zip(&found).zip(&expected) {
            let Tensor::F32 { data: expected, .. } = expected else {
                return Err(format!("output {name} is not of f32"));
            };
            if found.len() != expected.len() {
                return Err(format!("output {} has {} elements, not {}", port.name, found.len(), expected.len()));
            }
            // The bounds of ONNX's own runner.
            let close = |a: f32, b: f32| (a - b).abs() <= 1e-7 + 1e-3 * b.abs() || a == b;
            if let Some(at) = (0..found.len()).find(|&at| !close(found[at], expected[at])) {
                return Err(format!("output {} at {at}: {:e}, not {:e}", port.name, found[at], expected[at]));
            }
        }
    }
    Ok(())
}

/// With as few constants as it can be run: integers, then all inputs but the first.
fn passes(case: &Path) -> Result<(), String> {
    let floats = |_: usize, tensor: &Tensor| matches!(tensor, Tensor::F32 { .. });
    run(case, &floats).or_else(|first| {
        run(case, &|i, tensor| i == 0 && floats(i, tensor)).map_err(|second| format!("{first}; bound: {second}"))
    })
}

fn all_pass(tests: &Tests) {
    let cases = cases(&tests.folder);
    let listed: BTreeSet<&str> = tests.names.lines().filter(|line| !line.is_empty()).collect();
    let mut there = BTreeSet::new();
    let mut failed = Vec::new();
    for case in cases.iter().filter(|case| listed.contains(name(case).as_str())) {
        there.insert(name(case));
        if let Err(why) = passes(case) {
            failed.push(format!("{}: {why}", name(case)));
        }
    }
    let missing: Vec<&str> = listed.iter().copied().filter(|name| !there.contains(*name)).collect();
    assert!(missing.is_empty(), "not in {}: {missing:?}", tests.folder.display());
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), listed.len(), failed.join("\n"));
    println!("{} backend tests pass", listed.len());
}

#[test]
fn the_tests_of_the_list_pass() {
    let tests = of_debian();
    match tests.folder.is_dir() {
        true => all_pass(&tests),
        false => println!("SKIPPED: {} is not there: install libonnx-testdata", tests.folder.display()),
    }
}

#[test]
fn the_newest_tests_of_the_list_pass() {
    match newest() {
        Some(tests) => all_pass(&tests),
        None => println!("SKIPPED: SHATTERSCOPE_ONNX_TESTS does not name the folder that tests/node_tests.py wrote"),
    }
}

/// Writes the list of the tests that pass, of the newest ones where there are some, and prints why the others do not.
#[test]
#[ignore = "writes backend.txt or backend-newest.txt"]
fn write_the_list() {
    let mut passed = Vec::new();
    let tests = newest().unwrap_or_else(of_debian);
    for case in cases(&tests.folder) {
        match std::panic::catch_unwind(|| passes(&case)) {
            Ok(Ok(())) => passed.push(name(&case)),
            Ok(Err(why)) => println!("{}: {why}", name(&case)),
            Err(_) => println!("{}: PANIC", name(&case)),
        }
    }
    if passed.is_empty() {
        return println!("SKIPPED: {} has no tests", tests.folder.display());
    }
    passed.sort();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(tests.file);
    fs::write(path, passed.join("\n") + "\n").unwrap();
    println!("{} pass", passed.len());
}
