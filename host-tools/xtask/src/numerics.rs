//! `docs/strict1.py` and `docs/strict1_training.py`, the contract's second implementation: checks what is committed, and writes it anew.

use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Result, bail};
use std::process::Command;

/// What `bless` writes.
const BLESSED: [&str; 6] = [
    "boards/examples/convnet-by-recompute/digest.txt",
    "tests/goldens.json",
    "tests/goldens-desktop.json",
    "tests/goldens-long.json",
    "tests/goldens-training.json",
    "docs/vectors",
];

/// What the scripts compute: of one run, and of whole trainings.
const CHECKS: [(&str, &str); 6] = [
    ("strict1.py", "check tests/goldens.json"),
    ("strict1.py", "check tests/goldens-desktop.json"),
    ("strict1.py", "check tests/goldens-long.json"),
    ("strict1.py", "vectors --check"),
    ("strict1_training.py", "check"),
    ("strict1_training.py", "example --check"),
];

/// Goldens and vectors against the second implementation.
pub fn steps(tree: &Tree, report: &mut Report) {
    for (script, arguments) in CHECKS {
        report.step(format!("{script} {arguments}"), || run(tree, script, arguments));
    }
    report.step("trainings drawn at random", || drawn(tree));
}

/// Trainings of every kind, as the second implementation and as the tool compute them.
fn drawn(tree: &Tree) -> Result<()> {
    let file = tree.target.join("trainings.json");
    run(tree, "strict1_training.py", &format!("draw 400 20261130 {}", file.display()))?;
    let mut test = tree.cargo("test --release -p shatterscope-host --test all -- --ignored drawn_trainings");
    succeed(test.env("SHATTERSCOPE_TRAININGS", file))
}

/// Writes goldens and vectors anew; a change of them must be told in the changelog.
pub fn bless(tree: &Tree) -> Result<()> {
    for (script, arguments) in [
        ("strict1.py", "goldens"),
        ("strict1.py", "vectors"),
        ("strict1_training.py", "goldens"),
        ("strict1_training.py", "example"),
    ] {
        run(tree, script, arguments)?;
    }
    let changed = git(tree, &[&["status", "--porcelain", "--"], &BLESSED[..]].concat())?;
    if changed.is_empty() {
        println!("nothing changed");
        return Ok(());
    }
    print!("{changed}");
    let changelog = std::fs::read_to_string(tree.root.join("CHANGELOG.md")).unwrap_or_default();
    let before = git(tree, &["show", "HEAD:CHANGELOG.md"]).unwrap_or_default();
    if notes(&changelog).all(|note| before.contains(note)) {
        bail!("the numbers changed: say why in CHANGELOG.md, in a new line under `### Numerics`");
    }
    Ok(())
}

/// The points listed under `### Numerics`.
fn notes(changelog: &str) -> impl Iterator<Item = &str> {
    let mut numerics = false;
    changelog.lines().filter(move |line| {
        if line.starts_with('#') {
            numerics = line.trim() == "### Numerics";
        }
        numerics && line.starts_with("- ")
    })
}

fn git(tree: &Tree, arguments: &[&str]) -> Result<String> {
    output_of(Command::new("git").args(arguments).current_dir(&tree.root))
}

/// Runs a script of `docs` with NumPy, which stands in an environment of its own.
fn run(tree: &Tree, script: &str, arguments: &str) -> Result<()> {
    let venv = tree.target.join("venv");
    let python = venv.join("bin/python3");
    if output_of(Command::new(&python).args(["-c", "import numpy"])).is_err() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "numpy"]))?;
    }
    let mut python = Command::new(&python);
    succeed(python.arg(format!("docs/{script}")).args(arguments.split_whitespace()).current_dir(&tree.root))
}
