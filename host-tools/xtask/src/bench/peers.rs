//! `bench --peers` and `bench --training`: every contestant of `benches/peers/` on one machine, in turns.
pub mod machine;
mod table;
mod worker;

use crate::tree::{Tree, succeed};
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;
use table::{Row, Table};
use worker::Worker;

const PACKAGE: &str = "benches/peers";

/// A turn, in milliseconds; three repetitions at least.
const TURN: u32 = 20;

/// Threads of a library spin for a while after their work; nobody else's turn begins before they sleep.
const CALM: Duration = Duration::from_millis(200);

pub fn measure(tree: &Tree, out: &Path, rounds: u32) -> Result<()> {
    let folder = tree.target.join("peers");
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let python = python(tree, &folder)?;
    let ours = build(tree, "ours", "ours", &folder.join("build"), "")?;
    let crates = build(tree, "crates", "crates", &folder.join("build"), "")?;
    let native = build(tree, "crates", "crates", &folder.join("native"), "-C target-cpu=native")?;
    let load = machine::load();
    let script = |library: &str, threads: u32| {
        let mut command = Command::new(&python);
        command.arg(tree.root.join(PACKAGE).join("peers.py")).arg(&data).arg(library).arg(threads.to_string());
        command
    };
    let program = |program: &Path, mark: &[&str]| {
        let mut command = Command::new(program);
        // candle has no other way to be told.
        command.arg(&data).args(mark).env("RAYON_NUM_THREADS", "1");
        command
    };
    // Ours first: it writes what the others read.
    let mut workers = vec![Worker::start(&mut program(&ours, &[]))?];
    for command in [
        &mut program(&crates, &[""]),
        &mut program(&native, &[", native"]),
        &mut script("numpy", 1),
        &mut script("torch", 1),
        &mut script("numpy", 2),
        &mut script("torch", 2),
    ] {
        workers.push(Worker::start(command)?);
    }
    let tables = turns(&mut workers, rounds)?;
    let tables = judged(&mut workers, tables, &data)?;
    let mut facts = machine::facts(tree, "--release; `native`: also -C target-cpu=native")?;
    facts.extend(machine::versions(tree, PACKAGE)?);
    facts.extend(circumstances(&workers, &load, rounds));
    write(out, "peers", &table::markdown(&tables, &facts), &table::csv(&tables))
}

/// `bench --training`: convolutions and whole steps, ourselves and PyTorch in turns.
pub fn training(tree: &Tree, out: &Path, rounds: u32) -> Result<()> {
    let folder = tree.target.join("peers");
    let data = folder.join("training");
    fs::create_dir_all(&data)?;
    let python = python(tree, &folder)?;
    let ours = build(tree, "ours", "training", &folder.join("build"), "")?;
    let load = machine::load();
    // Ours first: it writes what the others read.
    let mut workers = vec![Worker::start(Command::new(ours).arg(&data))?];
    for threads in ["1", "2"] {
        let mut command = Command::new(&python);
        command.arg(tree.root.join(PACKAGE).join("training.py")).arg(&data).arg(threads);
        workers.push(Worker::start(&mut command)?);
    }
    let tables = turns(&mut workers, rounds)?;
    let tables = judged(&mut workers, tables, &data)?;
    let mut facts = machine::facts(tree, "--release")?;
    facts.extend(circumstances(&workers, &load, rounds));
    write(out, "training", &table::training(&tables, &facts), &table::csv(&tables))
}

/// What was loaded, how often they ran, and what the workers say of themselves.
fn circumstances(workers: &[Worker], load: &str, rounds: u32) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = vec![
        ("load before, after".into(), format!("{load}, {}", machine::load())),
        ("turns".into(), format!("{rounds} of {TURN} ms or three repetitions each")),
    ];
    for (name, value) in workers.iter().flat_map(|worker| &worker.versions) {
        if !facts.iter().any(|(known, _)| known == name) {
            facts.push((name.clone(), value.clone()));
        }
    }
    facts
}

fn write(out: &Path, name: &str, text: &str, csv: &str) -> Result<()> {
    print!("{text}");
    fs::create_dir_all(out)?;
    fs::write(out.join(format!("{name}.md")), text)?;
    fs::write(out.join(format!("{name}.csv")), csv)?;
    println!("written: {name}.md and {name}.csv in {}", out.display());
    Ok(())
}

/// `bench --scaling`: how our own cost grows, drawn by the desktop tool's own plots.
pub fn scaling(tree: &Tree, out: &Path) -> Result<()> {
    let program = build(tree, "ours", "scaling", &tree.target.join("peers/build"), "")?;
    let mut facts = machine::facts(tree, "--release")?;
    facts.push(("load".into(), machine::load()));
    let mut command = Command::new(program);
    command.arg(out).args(facts.iter().map(|(name, value)| format!("{name}={value}")));
    succeed(&mut command)
}

/// Round after round, each contestant of each task for one turn.
fn turns(workers: &mut [Worker], rounds: u32) -> Result<Vec<Table>> {
    let mut tables: Vec<Table> = workers[0].tasks.iter().map(Table::new).collect();
    for table in &mut tables {
        for (index, worker) in workers.iter().enumerate() {
            let names = worker.contestants.iter().filter(|(task, _)| *task == table.task.id);
            table.rows.extend(names.map(|(_, name)| Row::new(index, name)));
        }
    }
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        for Table { task, rows } in &mut tables {
            for row in rows {
                row.times.extend(workers[row.worker].run(&task.id, &row.name, TURN)?);
                if task.threads() > 1 {
                    thread::sleep(CALM);
                }
            }
        }
    }
    Ok(tables)
}

/// Everyone's results, by their digest and by how far they lie from ours.
fn judged(workers: &mut [Worker], mut tables: Vec<Table>, data: &Path) -> Result<Vec<Table>> {
    let file = data.join("result.f32");
    for Table { task, rows } in &mut tables {
        for row in rows.iter_mut().filter(|_| task.id != "peak") {
            workers[row.worker].result(&task.id, &row.name, &file)?;
            (row.digest, row.deviation) = workers[0].judge(&task.id, &file)?;
        }
        let ours = rows.iter().filter(|row| row.worker == 0).map(|row| &row.digest).collect::<Vec<_>>();
        if ours.windows(2).any(|pair| pair[0] != pair[1]) {
            bail!("{}: our own digests differ: {ours:?}", task.what);
        }
    }
    Ok(tables)
}

/// Python with NumPy and PyTorch in a folder of its own.
fn python(tree: &Tree, folder: &Path) -> Result<PathBuf> {
    let (venv, requirements) = (folder.join("venv"), tree.root.join(PACKAGE).join("requirements.txt"));
    let python = venv.join("bin/python3");
    let installed = folder.join("requirements.txt");
    if fs::read(&installed).ok() != Some(fs::read(&requirements)?) {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
        fs::copy(&requirements, &installed)?;
    }
    Ok(python)
}

/// A program of the package, with features and flags.
fn build(tree: &Tree, features: &str, program: &str, target: &Path, flags: &str) -> Result<PathBuf> {
    let words = format!("build --quiet --locked --release --features {features} --bin {program}");
    let mut command = tree.cargo(&words);
    command.current_dir(tree.root.join(PACKAGE)).env("CARGO_TARGET_DIR", target).env("RUSTFLAGS", flags);
    succeed(&mut command)?;
    Ok(target.join("release").join(program))
}
