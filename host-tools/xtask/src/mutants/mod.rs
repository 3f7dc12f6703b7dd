//! Proof that the golden tests notice a broken contract: in a copy of the tree, one place at a time is broken.
//!
//! A copy is compiled once for each profile, with all its mutants asleep in it: a variable of the environment says which of them a
//! run of the golden tests wakes.
mod copy;
mod list;

pub use copy::Copy;

use crate::step::Report;
use crate::tree::{Tree, output_of, run_for};
use anyhow::{Context, Result, bail};
use list::{MUTANTS, Mutant};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that the golden tests may run.
const LIMIT: Duration = Duration::from_secs(900);

/// A module of the copies' crate: which mutant is awake.
const BROKEN: &str = include_str!("broken.rs");

/// The copies as they are must pass, and each mutant must fail.
pub fn steps(tree: &Tree, report: &mut Report) {
    report.step("mutants", || all(tree));
}

fn all(tree: &Tree) -> Result<()> {
    let missed: Vec<String> = thread::scope(|scope| {
        let running = ["opt0", "opt3"].map(|profile| (profile, scope.spawn(move || of_profile(tree, profile))));
        let missed = |(profile, running): (_, thread::ScopedJoinHandle<'_, Result<Vec<_>>>)| match running.join() {
            Ok(Ok(missed)) => missed,
            Ok(Err(error)) => vec![format!("{profile}: {error:#}")],
            Err(_) => vec![format!("{profile}: its thread panicked")],
        };
        running.into_iter().flat_map(missed).collect()
    });
    if missed.is_empty() { Ok(()) } else { bail!("{} mutants\n{}", missed.len(), missed.join("\n")) }
}

/// The mutants of a profile that the golden tests do not notice.
fn of_profile(tree: &Tree, profile: &str) -> Result<Vec<String>> {
    let mutants = || (1..).zip(MUTANTS.iter().filter(|mutant| mutant.profiles.contains(&profile)));
    let copy = Copy::make(tree, &format!("mutants/{profile}"))?;
    for (number, mutant) in mutants() {
        let asleep = mutant.asleep(&format!("crate::broken::is({number})"));
        copy.replace(mutant.file, mutant.from, &asleep)?;
    }
    copy.replace("src/lib.rs", "#![no_std]", "#![no_std]\n#![feature(const_eval_select, core_intrinsics)]")?;
    copy.replace("src/lib.rs", "\nmod error;", "\nmod broken;\nmod error;")?;
    fs::write(copy.root.join("src/broken.rs"), BROKEN)?;
    let goldens = build(tree, &copy, profile)?;
    let passes = |chosen: u32| {
        let mut command = Command::new(&goldens);
        // The first test that fails ends the run.
        command.args(["--quiet", "-Zunstable-options", "--fail-fast"]).env("RUSTC_BOOTSTRAP", "1");
        command.env("BROKEN", chosen.to_string()).stderr(Stdio::null());
        anyhow::Ok(run_for(&mut command, LIMIT)?.0.success())
    };
    if !passes(0)? {
        bail!("the golden tests fail without any mutant");
    }
    let mut missed = Vec::new();
    for (number, Mutant { name, .. }) in mutants() {
        let start = Instant::now();
        match passes(number) {
            Ok(false) => println!("noticed at {profile} in {:.1} s: {name}", start.elapsed().as_secs_f64()),
            Ok(true) => missed.push(format!("{name}: the golden tests do not notice at {profile}")),
            Err(error) => missed.push(format!("{name}: {error:#}")),
        }
    }
    Ok(missed)
}

/// Compiles the golden tests; their program.
fn build(tree: &Tree, copy: &Copy, profile: &str) -> Result<PathBuf> {
    let words = "test --quiet --no-run --message-format json -p shatterscope-goldens --test goldens --profile";
    let mut cargo = tree.cargo(&format!("{words} {profile}"));
    // The tree's own build folder, where the dependencies are made for its goldens. The pinned compiler knows how a `const fn` tells
    // who calls it, and wants to be told that this may change.
    cargo.current_dir(&copy.root).env("RUSTC_BOOTSTRAP", "1");
    let said = output_of(&mut cargo)?;
    let program = |line| Some(serde_json::from_str::<Value>(line).ok()?["executable"].as_str()?.into());
    said.lines().find_map(program).context("cargo names the golden tests' program")
}
