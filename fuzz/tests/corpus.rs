//! Every input that a search has found, and the ones it started from, keep their promises.
use shatterscope_fuzz::{TARGETS, Target, seeds};
use std::path::PathBuf;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The targets that read models.
const MODELS: [&str; 3] = ["onnx", "tflite", "native"];

fn keeps_its_promises(name: &str, check: Target) {
    let mut inputs: Vec<_> = std::fs::read_dir(corpus(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() > seeds(name).len(), "{name}: only {} inputs", inputs.len());
    for path in inputs {
        let input = std::fs::read(&path).unwrap();
        if std::panic::catch_unwind(|| check(&input)).is_err() {
            panic!("{} breaks a promise", path.display());
        }
    }
    seeds(name).iter().for_each(|input| check(input));
}

#[test]
fn the_corpus_keeps_its_promises() {
    for (name, check) in TARGETS.into_iter().filter(|(name, _)| !MODELS.contains(name)) {
        keeps_its_promises(name, check);
    }
}

/// `cargo xtask bench --coverage` runs this one alone.
#[test]
fn models_keep_their_promises() {
    let of_models = TARGETS.into_iter().filter(|(name, _)| MODELS.contains(name));
    assert_eq!(of_models.clone().count(), MODELS.len());
    of_models.for_each(|(name, check)| keeps_its_promises(name, check));
}

/// `cargo xtask fuzz` searches with the programs that it finds there.
#[test]
fn every_check_has_a_program_and_inputs() {
    let names_in = |folder: &str| {
        let entries = std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let of = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<String> = entries.map(|entry| of(entry.unwrap().path())).collect();
        names.sort();
        names
    };
    let mut names = TARGETS.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(names_in("fuzz_targets"), names);
    assert_eq!(names_in("corpus"), names);
}
