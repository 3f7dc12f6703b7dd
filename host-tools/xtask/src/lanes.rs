//! Steps side by side: each lane is a process of its own, so that a step's processor time can be told and its output is printed whole.
//!
//! Lanes share the machine and the programs of this machine, in one profile. The host's lane builds them, while that of the devices is busy
//! with firmware in a folder of its own: cargo locks each folder by itself.
use crate::step::{MARK, Outcome, Report, Step};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;
use std::io::{BufRead, BufReader, PipeReader};
use std::process::Command;
use std::thread;

/// Which steps a process runs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Lane {
    /// Everything that is built for this machine
    Host,
    /// Firmware and emulators
    Devices,
    /// What a newcomer runs first
    Quick,
    /// What takes longer than a push may
    Long,
}

/// Runs these lanes at the same time, and takes up their steps.
pub fn run(report: &mut Report, lanes: &[Lane]) {
    let heard: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = lanes.iter().map(|lane| scope.spawn(|| one(*lane))).collect();
        running.into_iter().map(|lane| lane.join()).collect()
    });
    for (lane, heard) in lanes.iter().zip(heard) {
        match heard {
            Ok(Ok((steps, tests))) => {
                report.steps.extend(steps);
                report.tests += tests;
            }
            Ok(Err(error)) => report.step(format!("lane {lane:?}"), || Err(error)),
            Err(_) => report.step(format!("lane {lane:?}"), || bail!("its thread panicked")),
        }
    }
}

fn one(lane: Lane) -> Result<(Vec<Step>, u64)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    let name = lane.to_possible_value().context("a lane has a name")?;
    command.args(["lane", name.get_name()]).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("xtask does not start again")?;
    // The command holds the pipe's other end: without it the lines would not end.
    drop(command);
    let (mut steps, tests, open) = listen(reader)?;
    let status = child.wait()?;
    if let Some(name) = open {
        let reason = format!("the lane ended within it: {status}");
        steps.push(Step { name, outcome: Outcome::Failed(reason), seconds: 0.0, cores: 0.0 });
    }
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let bad = |step: &Step| match step.outcome {
        Outcome::Passed => false,
        Outcome::Failed(_) => true,
        Outcome::Skipped(_) => ci,
    };
    // Its own verdict is the last word: a step that was not heard must not be lost.
    if steps.is_empty() || status.success() == steps.iter().any(bad) {
        bail!("{} steps were heard, and the lane ended with {status}", steps.len());
    }
    Ok((steps, tests))
}

/// Prints each step when it ends; the steps, how many tests passed, and a step that never ended.
fn listen(reader: PipeReader) -> Result<(Vec<Step>, u64, Option<String>)> {
    let (mut steps, mut tests, mut open, mut said) = (Vec::new(), 0, None, String::new());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        // A program may have ended without a newline: the mark is not always at the beginning.
        let (before, told) = line.split_once(MARK).map_or((&*line, None), |(before, told)| (before, Some(told)));
        tests += passed(before);
        if !before.is_empty() || told.is_none() {
            said.push_str(before);
            said.push('\n');
        }
        let Some(told) = told else { continue };
        let told: Value = serde_json::from_str(told).context("a lane tells its steps as JSON")?;
        if let Some(name) = told["begin"].as_str() {
            println!("xtask: {name} ...");
            open = Some(name.to_owned());
        }
        if let Some(step) = Step::of(&told) {
            println!("{}{}", std::mem::take(&mut said), step.line());
            steps.push(step);
            open = None;
        }
    }
    print!("{said}");
    Ok((steps, tests, open))
}

/// How many tests passed, where a test program says so.
fn passed(line: &str) -> u64 {
    let count = line.strip_prefix("test result: ").and_then(|rest| {
        let before = rest.split(" passed").next()?;
        before.rsplit(' ').next()?.parse().ok()
    });
    count.unwrap_or(0)
}
