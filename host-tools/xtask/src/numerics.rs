//! `docs/strict1.py`, the contract's second implementation: checks what is committed, and writes it anew.

use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Result, bail};
use std::process::Command;

/// What `bless` writes.
const BLESSED: [&str; 3] = ["tests/goldens.json", "tests/goldens-long.json", "docs/vectors"];

/// Goldens and vectors against the second implementation.
pub fn steps(tree: &Tree, report: &mut Report) {
    for arguments in ["check tests/goldens.json", "check tests/goldens-long.json", "vectors --check"] {
        report.step(format!("strict1.py {arguments}"), || strict1(tree, arguments));
    }
}

/// Writes goldens and vectors anew; a change of them must be told in the changelog.
pub fn bless(tree: &Tree) -> Result<()> {
    strict1(tree, "goldens")?;
    strict1(tree, "vectors")?;
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

/// Runs the script with NumPy, which stands in an environment of its own.
fn strict1(tree: &Tree, arguments: &str) -> Result<()> {
    let venv = tree.target.join("venv");
    let python = venv.join("bin/python3");
    if output_of(Command::new(&python).args(["-c", "import numpy"])).is_err() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "numpy"]))?;
    }
    let mut script = Command::new(&python);
    succeed(script.arg("docs/strict1.py").args(arguments.split_whitespace()).current_dir(&tree.root))
}
