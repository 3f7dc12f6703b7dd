//! The core's kernels on every emulated board, counted one by one: `boards/kernels.csv` and the table in boards/README.md.
mod code;
mod table;

use crate::emulated::{self, Board, emulated, with_fpu};
use crate::lint::with_lints;
use crate::qemu::LIMIT;
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, output_of, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::process::Command;
use table::{Provenance, Row};

/// The board whose cycles stand in the table, and the size of whose code is asked for.
fn with_cycles() -> &'static str {
    with_fpu().map_or("", |board| &board.name)
}

/// How far an instruction count may be from the committed one.
const SLACK: f64 = 0.01;

/// Measures all boards; with `check` holds what is committed to it, otherwise writes it.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools, check: bool) {
    let missing = emulated().find_map(|board| tools.target(&board.target).err()).or(tools.emulators().err());
    let name = if check { "kernels: counts are as committed" } else { "kernels: counted on every board" };
    match missing {
        Some(reason) => report.skip(name, &reason),
        None => report.step(name, || {
            let rows = measured(tree)?;
            if check {
                return held(tree, &rows);
            }
            table::write(tree, &provenance()?, &rows)
        }),
    }
}

fn provenance() -> Result<Provenance> {
    let first = |program: &str, word: &str| -> Result<String> {
        Ok(output_of(Command::new(program).arg(word))?.lines().next().unwrap_or_default().to_owned())
    };
    Ok(Provenance {
        date: first("date", "+%Y-%m-%d")?,
        compiler: first("rustc", "--version")?,
        emulator: first("qemu-system-arm", "--version")?,
    })
}

/// One digest a kernel, on this machine by the plain loops and on every board.
fn measured(tree: &Tree) -> Result<Vec<Row>> {
    succeed(with_lints(&mut tree.cargo("build --quiet --release -p shatterscope-tcg")))?;
    let naive = output_of(&mut tree.cargo_of_boards("kernels", "run --quiet --release"))?;
    let mut digests = BTreeMap::new();
    for line in naive.lines() {
        let said = Said::parse(line)?;
        if *digests.entry(said.kernel).or_insert(said.digest) != said.digest {
            bail!("{} is not {}: {line}", said.digest, digests[said.kernel]);
        }
    }
    let mut rows = Vec::new();
    for board in emulated() {
        let measured = board_of(tree, board)?;
        for row in &measured {
            if digests.get(row.kernel.as_str()) != Some(&row.digest.as_str()) {
                bail!(
                    "{} on {}: {}, the plain loop says {:?}",
                    row.kernel,
                    row.board,
                    row.digest,
                    digests.get(row.kernel.as_str())
                );
            }
        }
        println!("{}: {} kernels, digests equal", board.name, measured.len());
        rows.extend(measured);
    }
    Ok(rows)
}

/// A line of the program.
struct Said<'a> {
    kernel: &'a str,
    how: &'a str,
    shape: &'a str,
    elements: u64,
    digest: &'a str,
}

impl<'a> Said<'a> {
    fn parse(line: &'a str) -> Result<Self> {
        let [kernel, how, shape, elements, digest] = line.split(',').collect::<Vec<_>>()[..] else {
            bail!("not a line of the kernels: {line}");
        };
        Ok(Self { kernel, how, shape, elements: elements.parse()?, digest })
    }
}

fn board_of(tree: &Tree, board: &Board) -> Result<Vec<Row>> {
    let image = emulated::build(tree, board, "kernels")?;
    let counts = tree.target.join(format!("kernels-{}.counts", board.name));
    if counts.exists() {
        std::fs::remove_file(&counts)?;
    }
    let plugin = format!("{}/release/libshatterscope_tcg.so,out={},memory=on", tree.target.display(), counts.display());
    let mut qemu = emulated::run(board, &image);
    qemu.args(["-plugin", &plugin]);
    println!("$ {}", text_of(&qemu));
    let (status, told) = run_for(&mut qemu, LIMIT)?;
    if !status.success() {
        bail!("{} ended with {status}", board.name);
    }
    let counts = std::fs::read_to_string(&counts).context("the plugin counted nothing")?;
    if told.lines().count() != counts.lines().count() {
        bail!("{} regions are counted, {} told", counts.lines().count(), told.lines().count());
    }
    let sizes = if board.name == with_cycles() { code::sizes(&image)? } else { BTreeMap::new() };
    let row = |(said, counted): (&str, &str)| -> Result<Row> {
        let said = Said::parse(said)?;
        let numbers = counted.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [instructions, loads, stores, _, cycles] = numbers[..] else { bail!("not counts: {counted}") };
        Ok(Row {
            board: board.name.to_owned(),
            core: board.core.to_owned(),
            kernel: said.kernel.to_owned(),
            how: said.how.to_owned(),
            shape: said.shape.to_owned(),
            elements: said.elements,
            instructions,
            loads,
            stores,
            cycles: (cycles > 0).then_some(cycles),
            code_bytes: sizes.get(&(said.kernel.to_owned(), said.how.to_owned())).copied(),
            digest: said.digest.to_owned(),
        })
    };
    told.lines().zip(counts.lines()).map(row).collect()
}

/// What is committed against what was measured.
fn held(tree: &Tree, rows: &[Row]) -> Result<()> {
    let committed = table::read(tree)?;
    let mut wrong = Vec::new();
    for row in rows {
        let Some(old) = committed.iter().find(|old| old.key() == row.key()) else {
            wrong.push(format!("{}: not in boards/kernels.csv", row.key()));
            continue;
        };
        let off = row.instructions as f64 / old.instructions as f64 - 1.0;
        if off.abs() > SLACK || row.digest != old.digest {
            let (was, is) = (old.instructions, row.instructions);
            wrong.push(format!("{}: {was} instructions are committed, {is} counted ({:+.1}%)", row.key(), 100.0 * off));
        }
    }
    if committed.len() != rows.len() {
        wrong.push(format!("{} rows are committed, {} measured", committed.len(), rows.len()));
    }
    if !table::stands(tree, &committed)? {
        wrong.push("the table in boards/README.md is not that of boards/kernels.csv".to_owned());
    }
    if wrong.is_empty() {
        println!("{} counts are within {}% of boards/kernels.csv", rows.len(), 100.0 * SLACK);
        return Ok(());
    }
    bail!("run `cargo xtask bench boards` and look at the difference:\n  {}", wrong.join("\n  "))
}
