//! libFuzzer on the checks of `fuzz/`, with the pinned compiler: what cargo-fuzz does, without its nightly.
use crate::step::Report;
use crate::tree::{Tree, output_of, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
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

/// Deletes the committed inputs that reach no edge which the rest does not reach, and prints the counts of each target.
pub fn minimise(tree: &Tree, report: &mut Report) {
    let mut built = None;
    report.step("fuzz: build", || {
        built = Some((build(tree)?, targets(tree)?));
        Ok(())
    });
    let Some((programs, names)) = built else { return };
    for name in &names {
        report.step(format!("fuzz: minimise {name}"), || cover(tree, &programs.join(name), name));
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

/// Keeps every input that has a name and, of those that libFuzzer named by their SHA-1, a greedy set cover of the other edges.
fn cover(tree: &Tree, program: &Path, name: &str) -> Result<()> {
    let corpus = tree.root.join("fuzz/corpus").join(name);
    let kept = tree.target.join("fuzz/kept").join(name);
    if kept.exists() {
        std::fs::remove_dir_all(&kept)?;
    }
    std::fs::create_dir_all(&kept)?;
    let mut hashed = Vec::new();
    for input in std::fs::read_dir(&corpus)? {
        let path = input?.path();
        let file = path.file_name().and_then(|file| file.to_str()).context("inputs have names in UTF-8")?;
        if file.len() == 40 && file.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            hashed.push(path);
        } else {
            std::fs::copy(&path, kept.join(file))?;
        }
    }
    if hashed.is_empty() {
        println!("{name}: {}, all of them with names", size(&corpus)?);
        return Ok(());
    }
    let before = size(&corpus)?;
    let mut command = Command::new(program);
    command.args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=0"]).args([&kept, &corpus]);
    succeed(&mut command)?;
    let (all, reached) = (edges(program, &corpus)?, edges(program, &kept)?);
    if reached < all {
        bail!("the smaller corpus of {name} reaches {reached} of {all} edges: nothing was deleted");
    }
    for path in hashed {
        if path.file_name().is_some_and(|file| !kept.join(file).exists()) {
            std::fs::remove_file(path)?;
        }
    }
    println!("{name}: {before} before, {} after; {reached} edges, {all} before", size(&corpus)?);
    Ok(())
}

/// The number of edges that the inputs of a folder reach.
fn edges(program: &Path, inputs: &Path) -> Result<u64> {
    let output = Command::new(program).args(["-runs=0", "-use_counters=0"]).arg(inputs).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("an input of {} breaks a promise: {said}", inputs.display());
    }
    let mut words = said.split_whitespace().rev().skip_while(|&word| word != "ft:").skip(1);
    let count = words.next().context("libFuzzer prints `cov: N ft: N`")?;
    count.parse().with_context(|| format!("a number of edges: {count}"))
}

/// The files of a folder and their bytes, for a person to read.
fn size(folder: &Path) -> Result<String> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        (files, bytes) = (files + 1, bytes + entry?.metadata()?.len());
    }
    Ok(format!("{files} files of {bytes} bytes"))
}
