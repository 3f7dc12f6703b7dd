use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, run_for, succeed};
use anyhow::{Context, Result, bail};
use shatterscope_firmware::{Console, Memory, SPECS, run_all};
use std::fmt::Debug;
use std::time::Duration;

/// The longest that a board may run; it takes well under a second.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder of `boards/`, whose configuration names the target and the emulator.
pub struct Board {
    pub name: &'static str,
    pub target: &'static str,
}

pub const BOARDS: [Board; 2] = [
    Board { name: "microbit", target: "thumbv6m-none-eabi" },
    Board { name: "mps2-an386", target: "thumbv7em-none-eabihf" },
];

/// Builds each board, runs it, and compares its digests with this machine's.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    for board in BOARDS {
        let name = format!("qemu {}", board.name);
        match tools.target(board.target).and_then(|()| tools.qemu()) {
            Ok(()) => report.step(name, || check(tree, &board)),
            Err(reason) => report.skip(name, &reason),
        }
    }
}

fn check(tree: &Tree, board: &Board) -> Result<()> {
    succeed(&mut tree.cargo_of_boards(board.name, "build --quiet --release"))?;
    let (status, said) = run_for(&mut tree.cargo_of_boards(board.name, "run --quiet --release"), LIMIT)?;
    if !status.success() {
        bail!("{} ended with {status}\n{said}", board.name);
    }
    let expected = expected()?;
    let mut lines = said.lines();
    for expected in &expected {
        let line = lines.next().unwrap_or_default();
        if line != expected {
            bail!("{} said `{line}`, this machine `{expected}`", board.name);
        }
    }
    let peak = lines.next().and_then(|line| line.strip_prefix("peak-stack ")).context("no peak of the stack")?;
    if let Some(line) = lines.next() {
        bail!("{} also said `{line}`", board.name);
    }
    println!("{}: {} digests agree, peak of the stack {peak} B", board.name, expected.len());
    Ok(())
}

/// The lines that every device must say, computed here with a tile that no device has.
fn expected() -> Result<Vec<String>> {
    const TILE: usize = 16;
    const MEMORY: Memory = Memory::of(&SPECS, TILE);
    let mut lines = Lines::default();
    let run = run_all::<2, TILE>(&SPECS, &mut [0.0; MEMORY.floats], &mut [0; MEMORY.tape], &mut lines);
    if run.is_err() {
        bail!("this machine fails: {}", lines.failures.join(", "));
    }
    Ok(lines.results)
}

#[derive(Default)]
struct Lines {
    results: Vec<String>,
    failures: Vec<String>,
}

impl Console for Lines {
    fn line(&mut self, name: &str, digest: &str) {
        self.results.push(format!("{name} {digest}"));
    }

    fn failure(&mut self, name: &str, reason: &dyn Debug) {
        self.failures.push(format!("{name}: {reason:?}"));
    }
}
