//! `docs/strict1.py` and `docs/strict1_training.py`, the contract's second implementation: checks what is committed, and writes it anew. Int8 operators
//! in the interpreters whose bits they have.
use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
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
    match interpreters(tree) {
        Ok(python) => report.step(OPERATORS, || operators(tree, &python)),
        Err(reason) => report.skip(OPERATORS, &reason),
    }
}

const OPERATORS: &str = "int8 operators drawn at random, in two interpreters";

/// Where the random operators come from, and the packages for it.
const MAKE: &str = "host-tools/int8/tests/make.py";
const REQUIREMENTS: &str = "host-tools/int8/tests/requirements.txt";

/// The Python of an environment with both interpreters, or how to get them. Their versions are part of the result, so pip compares those, too.
fn interpreters(tree: &Tree) -> Result<PathBuf, String> {
    let venv = tree.target.join("int8-venv");
    let python = venv.join("bin/python3");
    let installed = || -> Result<()> {
        if !python.is_file() {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        let mut pip = Command::new(&python);
        succeed(pip.args(["-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]).current_dir(&tree.root))
    };
    installed().map(|()| python.clone()).map_err(|error| {
        let reason = error.to_string();
        let line = reason.lines().next().unwrap_or_default();
        format!("{line}; install: python3 -m venv {0} && {0}/bin/pip install -r {REQUIREMENTS}", venv.display())
    })
}

/// 200 files of each int8 operator, as two interpreters and as the plain loops compute them.
fn operators(tree: &Tree, python: &Path) -> Result<()> {
    let file = tree.target.join("int8-cases.json");
    succeed(Command::new(python).arg(MAKE).arg(&file).arg("200").current_dir(&tree.root))?;
    let mut test = tree.cargo("test --release -p shatterscope-int8 --test all -- --ignored drawn_operators");
    succeed(test.env("SHATTERSCOPE_INT8_CASES", file))
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
