//! The steps of a run: what came of each, and what it took.
use crate::usage::core_seconds;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Core-seconds of each step, committed: `steps.toml`.
const BUDGET: &str = include_str!("../steps.toml");

/// Begins a line that a lane says to the process that started it.
pub const MARK: char = '\u{1e}';

pub enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

pub struct Step {
    pub name: String,
    pub outcome: Outcome,
    /// Wall time.
    pub seconds: f64,
    /// User and system time of all processes of the step, over all cores.
    pub cores: f64,
}

/// Steps one after the other; a step that fails does not keep the next from running.
pub struct Report {
    pub steps: Vec<Step>,
    /// Tests that passed, as `cargo test` counts them.
    pub tests: u64,
    /// Whether another process collects the steps: `lanes.rs`.
    told: bool,
    start: Instant,
    /// Whether the machine did nothing else when this began.
    quiet: bool,
}

impl Report {
    pub fn new() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|text| text.split(' ').next().and_then(|load| load.parse::<f64>().ok()));
        Self {
            steps: Vec::new(),
            tests: 0,
            told: false,
            start: Instant::now(),
            quiet: load.is_some_and(|load| load < 0.5),
        }
    }

    /// Steps that are told to the process that started this one.
    pub fn of_lane() -> Self {
        Self { told: true, ..Self::new() }
    }

    pub fn step(&mut self, name: impl Into<String>, run: impl FnOnce() -> Result<()>) {
        let name = name.into();
        if self.told {
            println!("{MARK}{}", json!({ "begin": name }));
        }
        let (start, before) = (Instant::now(), core_seconds());
        let outcome = match run() {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        let (seconds, cores) = (start.elapsed().as_secs_f64(), core_seconds() - before);
        self.done(Step { name, outcome, seconds, cores });
    }

    /// A step that nothing on this machine can run.
    pub fn skip(&mut self, name: impl Into<String>, reason: &str) {
        self.done(Step { name: name.into(), outcome: Outcome::Skipped(reason.to_owned()), seconds: 0.0, cores: 0.0 });
    }

    /// A step that has been run.
    pub fn done(&mut self, step: Step) {
        println!("{}", if self.told { step.told() } else { step.line() });
        self.steps.push(step);
    }

    /// Lists what each step took, what failed and what was skipped. In CI (`CI=true`) what was skipped counts as failed.
    pub fn finish(mut self, target: &Path) -> ExitCode {
        let (mut failed, mut skipped) = (0, 0);
        for Step { name, outcome, .. } in &self.steps {
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed(reason) => {
                    failed += 1;
                    if !self.told {
                        println!("xtask: FAILED {name}: {}", reason.lines().next().unwrap_or_default());
                    }
                }
                Outcome::Skipped(reason) => {
                    skipped += 1;
                    if !self.told {
                        println!("xtask: SKIPPED {name}: {reason}");
                    }
                }
            }
        }
        let all = self.steps.len();
        if !self.told {
            self.costs(target);
            println!("xtask: {} passed, {failed} failed, {skipped} skipped", all - failed - skipped);
        }
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        if failed > 0 || (ci && skipped > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// The steps by what they took, dearest first; and on a quiet machine those that took half as much again as `steps.toml` says.
    fn costs(&mut self, target: &Path) {
        if self.steps.len() < 2 {
            return;
        }
        let budget = budget();
        self.steps.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        println!("xtask: core-seconds, of these expected, wall seconds: step");
        for Step { name, seconds, cores, .. } in self.steps.iter().filter(|step| step.cores >= 0.05) {
            let expected =
                budget.get(name.as_str()).map_or_else(|| "-".to_owned(), |expected| format!("{expected:.0}"));
            println!("xtask: {cores:7.1} {expected:>5} {seconds:7.1}: {name}");
        }
        for Step { name, cores, .. } in self.steps.iter().filter(|_| self.quiet) {
            if let Some(expected) = budget.get(name.as_str()).filter(|expected| *cores > *expected * 1.5 + 1.0) {
                println!("xtask: SLOW {name}: {cores:.0} core-seconds; host-tools/xtask/steps.toml says {expected:.0}");
            }
        }
        let measured = |Step { name, cores, .. }: &Step| format!("{name:?} = {cores:.0}\n");
        // Best effort: the table has been printed.
        let _ = std::fs::write(target.join("steps.toml"), self.steps.iter().map(measured).collect::<String>());
        let cores: f64 = self.steps.iter().map(|step| step.cores).sum();
        let wall = self.start.elapsed().as_secs_f64();
        println!("xtask: {:.1} minutes, {:.1} core-minutes; {} tests passed", wall / 60.0, cores / 60.0, self.tests);
    }
}

impl Step {
    /// What a person reads when the step ends.
    pub fn line(&self) -> String {
        let Self { name, outcome, seconds, cores } = self;
        let took = format!("in {seconds:.1} s, {cores:.1} core-seconds");
        match outcome {
            Outcome::Passed => format!("xtask: {name}: passed {took}"),
            Outcome::Failed(reason) => format!("xtask: {name}: FAILED {took}\n{reason}"),
            Outcome::Skipped(reason) => format!("xtask: {name}: SKIPPED, {reason}"),
        }
    }

    fn told(&self) -> String {
        let (failed, skipped) = match &self.outcome {
            Outcome::Passed => (None, None),
            Outcome::Failed(reason) => (Some(reason), None),
            Outcome::Skipped(reason) => (None, Some(reason)),
        };
        let Self { name, seconds, cores, .. } = self;
        let told = json!({ "end": name, "failed": failed, "skipped": skipped, "seconds": seconds, "cores": cores });
        format!("{MARK}{told}")
    }

    /// What a lane told.
    pub fn of(told: &Value) -> Option<Self> {
        let outcome = match (told["failed"].as_str(), told["skipped"].as_str()) {
            (Some(reason), _) => Outcome::Failed(reason.to_owned()),
            (_, Some(reason)) => Outcome::Skipped(reason.to_owned()),
            _ => Outcome::Passed,
        };
        let name = told["end"].as_str()?.to_owned();
        Some(Self { name, outcome, seconds: told["seconds"].as_f64()?, cores: told["cores"].as_f64()? })
    }
}

/// `"name" = core-seconds`, a step a line.
fn budget() -> BTreeMap<&'static str, f64> {
    let entry = |line: &'static str| {
        let (name, seconds) = line.rsplit_once(" = ")?;
        Some((name.trim_matches('"'), seconds.parse().ok()?))
    };
    BUDGET.lines().filter_map(entry).collect()
}
