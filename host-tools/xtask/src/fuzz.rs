//! libFuzzer on the checks of `fuzz/`, with the pinned compiler: what cargo-fuzz does, without its nightly.
use crate::step::Report;
use crate::tree::{Tree, output_of, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Inputs a target in the long tier.
pub const MILLION: u64 = 1_000_000;

/// Coverage for libFuzzer, and every check that a debug build has.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions=on -Coverflow-checks=on";

/// The longest that one target may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// So many inputs for each target, from the committed ones on. With `keep`, those that reach new code are committed too.
pub fn steps(tree: &Tree, report: &mut Report, runs: u64, keep: bool) {
    let mut built = None;
    report.step("fuzz: build", || {
        built = Some((build(tree)?, targets(tree)?));
        Ok(())
    });
    let Some((programs, names)) = built else { return };
    for name in &names {
        report.step(format!("fuzz: {runs} inputs for {name}"), || {
            search(tree, &programs.join(name), name, runs)?;
            if keep { merge(tree, &programs.join(name), name) } else { Ok(()) }
        });
    }
}

/// Every file in `fuzz/fuzz_targets` is a target; a test of `fuzz/` holds them to its list of checks.
fn targets(tree: &Tree) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(tree.root.join("fuzz/fuzz_targets"))? {
        let name = entry?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Where the programs stand. A target of its own keeps the flags from build scripts.
fn build(tree: &Tree) -> Result<PathBuf> {
    let version = output_of(Command::new("rustc").arg("-vV").current_dir(&tree.root))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?.to_owned();
    let target = tree.target.join("fuzz");
    let words = format!("build --quiet --release -p shatterscope-fuzz --features libfuzzer --bins --target {host}");
    succeed(tree.cargo(&words).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join(host).join("release"))
}

fn found(tree: &Tree, name: &str) -> PathBuf {
    tree.target.join("fuzz/found").join(name)
}

fn search(tree: &Tree, program: &PathBuf, name: &str, runs: u64) -> Result<()> {
    let found = found(tree, name);
    std::fs::create_dir_all(&found)?;
    let mut command = Command::new(program);
    command.arg(format!("-runs={runs}")).args(["-timeout=10", "-verbosity=0", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/broken-{name}-", tree.target.join("fuzz").display()));
    command.arg(&found).arg(tree.root.join("fuzz/corpus").join(name));
    println!("$ {}", text_of(&command));
    let (status, _) = run_for(&mut command, LIMIT)?;
    if !status.success() {
        bail!("{name} broke a promise: mend it, and add target/fuzz/broken-{name}-* to fuzz/corpus/{name}");
    }
    Ok(())
}

/// Adds to the committed inputs the fewest that reach what all that was found reaches.
fn merge(tree: &Tree, program: &PathBuf, name: &str) -> Result<()> {
    let mut command = Command::new(program);
    // By edges alone, without how often: hundreds of inputs instead of thousands.
    command
        .args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=0"])
        .arg(tree.root.join("fuzz/corpus").join(name))
        .arg(found(tree, name));
    succeed(&mut command)
}
