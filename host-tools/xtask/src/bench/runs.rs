//! `bench runs`: instructions, stack and memory of whole runs and steps on emulated boards, against boards/runs.csv. Kernels are counted one
//! by one in boards/kernels.csv; what plans, cursors and loops around them cost shows here.
use crate::emulated::{smallest, with_fpu};
use crate::programs::program;
use crate::qemu::LIMIT;
use crate::tree::{Tree, run_for, text_of};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write;
use std::fs;

const FILE: &str = "boards/runs.csv";

/// What is counted: a name, and the words of `compare` or `train`.
const RUNS: [(&str, &str); 8] = [
    ("50 x 200 at 4 points", "compare --depth 50 --points 4 --runs 1"),
    ("8 x 8 at one point", "compare --depth 8 --width 8 --points 1 --runs 1"),
    (
        "12 x 20 resnet with batch norm, by recompute",
        "compare --family resnet --norm batch --depth 12 --width 20 --points 64 --schedule blocks:16 --runs 1",
    ),
    (
        "10 x 24 CReLU, looks-linear",
        "compare --family crelu --init looks-linear --depth 10 --width 24 --points 16 --runs 1",
    ),
    (
        "10 x 24 centred, forward mode",
        "compare --norm centre --derivative forward --depth 10 --width 24 --points 16 --runs 1",
    ),
    ("step of 64-8-10", "train --depth 1 --width 8 --batch 1 --steps 4"),
    (
        "step of 64-6-6-10 with batch norm, Adam",
        "train --depth 2 --width 6 --batch-norm --batch 2 --optimiser adam --steps 2",
    ),
    ("step of a LeNet", "train --net lenet --width 1 --batch 1 --steps 2"),
];

/// The largest rise of instructions and stack that passes: what the compiler inlines depends a little on the folder that it works in (0.5% of
/// a LeNet's step).
const BOUND: f64 = 0.01;

/// Board and run, instructions, bytes of stack and of memory.
type Row = (String, [u64; 3]);

/// Counts, and compares or writes.
pub fn check(tree: &Tree, bless: bool) -> Result<()> {
    let mut rows = Vec::new();
    // Without FPU and with.
    for board in [smallest(), with_fpu()].into_iter().flatten().map(|board| &*board.name) {
        for (name, words) in RUNS {
            let found = measured(tree, board, words)?;
            println!("{board}, {name}: {} instructions, {} B of stack, {} B of memory", found[0], found[1], found[2]);
            rows.push((format!("{board},\"{name}\""), found));
        }
    }
    let file = tree.root.join(FILE);
    if bless {
        let mut text = "board,run,instructions,stack_bytes,memory_bytes\n".to_owned();
        for (name, [instructions, stack, memory]) in &rows {
            let _ = writeln!(text, "{name},{instructions},{stack},{memory}");
        }
        fs::write(&file, text)?;
        println!("written: {FILE}");
        return Ok(());
    }
    let committed = read(&fs::read_to_string(&file).with_context(|| format!("cannot read {FILE}"))?)?;
    if committed.len() != rows.len() {
        bail!("{FILE} has {} runs, {} are counted: cargo xtask bench runs --bless", committed.len(), rows.len());
    }
    let risen: Vec<String> = rows.iter().zip(&committed).filter_map(|(now, before)| worse(now, before)).collect();
    if risen.is_empty() { Ok(()) } else { bail!("dearer than {FILE} says:\n{}", risen.join("\n")) }
}

fn worse((name, now): &Row, (same, before): &Row) -> Option<String> {
    let risen = |i: usize| now[i] as f64 > before[i] as f64 * (1.0 + BOUND);
    let dearer = risen(0) || risen(1) || now[2] > before[2];
    (name != same || dearer).then(|| format!("{name}: {now:?}, {same} had {before:?}"))
}

fn read(text: &str) -> Result<Vec<Row>> {
    let row = |line: &str| {
        let mut fields = line.rsplitn(4, ',');
        let mut number = || fields.next()?.parse().ok();
        let (memory, stack, instructions) = (number()?, number()?, number()?);
        Some((fields.next()?.to_owned(), [instructions, stack, memory]))
    };
    text.lines().skip(1).map(|line| row(line).with_context(|| format!("{FILE}: not understood: {line}"))).collect()
}

/// The three numbers of a run, whose results are this machine's.
fn measured(tree: &Tree, board: &str, words: &str) -> Result<[u64; 3]> {
    let (command, rest) = words.split_once(' ').context("a command and its options")?;
    let target =
        if command == "compare" { format!("--targets host,qemu:{board}") } else { format!("--target qemu:{board}") };
    let mut command = program(tree, &format!("{command} --json --quiet {rest} {target}"));
    let (status, said) = run_for(&mut command, LIMIT)?;
    let told: Value = serde_json::from_str(&said).with_context(|| format!("{}: no document", text_of(&command)))?;
    let device = if told["device"].is_object() { &told["device"] } else { &told["targets"][1] };
    let number =
        |field: &str| device[field].as_u64().with_context(|| format!("{}: no {field} in {device}", text_of(&command)));
    if !status.success() {
        bail!("{}: {status}", text_of(&command));
    }
    Ok([number("instructions")?, number("stack_bytes")?, number("arena_bytes")?])
}
