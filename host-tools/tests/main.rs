//! All integration tests of the tool in one program: one link instead of twenty. A new file needs its `mod` line here.
mod cancelled;
mod checkpoints;
mod claims;
mod cli;
mod common;
mod devices;
mod engine;
mod facts;
mod flash;
mod hostile;
mod instruction_sets;
mod learning;
mod link;
mod migration;
mod models;
mod names;
mod nets;
mod operations;
mod options;
mod own_network;
mod predict;
mod recompute;
mod shapes;
mod statistics;
mod surface;
mod tensors;
mod theorems;
mod theory;
mod traced;
mod train;
mod vectors;

/// Without a `mod` line a file would silently not be tested.
#[test]
fn every_file_of_tests_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests", "../tests", "bounds/tests", "reference/tests"] {
        let of = |name: &str| std::fs::read_to_string(here.join(folder).join(name)).unwrap_or_default();
        let main = of("main.rs") + &of("boards.rs");
        for entry in std::fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let module = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                !module || ["main", "goldens", "boards"].contains(&name) || main.contains(&format!("\nmod {name};")),
                "{folder}/{name}"
            );
        }
    }
}

/// Their manifests say `test = false`: a test there would silently not be run.
#[test]
fn libraries_without_tests_have_none() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages =
        ["..", "../fuzz", "../benches/counts", "bounds", "goldens", "layers", "reference", "simulated", "tcg", "xtask"];
    let mut folders: Vec<_> = packages.iter().map(|package| here.join(package).join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(!std::fs::read_to_string(&path).unwrap().contains("#[test]"), "{}", path.display());
            }
        }
    }
}
