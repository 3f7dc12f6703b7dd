use anyhow::Result;
use std::process::ExitCode;
use std::time::{Duration, Instant};

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Steps one after the other, each with a line of its own; a step that fails does not keep the next from running.
pub struct Report {
    steps: Vec<(String, Outcome)>,
}

impl Report {
    pub fn new() -> Self {
        Self { steps: Vec::new() }
    }

    pub fn step(&mut self, name: impl Into<String>, run: impl FnOnce() -> Result<()>) {
        let start = Instant::now();
        let result = run();
        self.done(name, start.elapsed(), result);
    }

    /// A step that has been run.
    pub fn done(&mut self, name: impl Into<String>, took: Duration, result: Result<()>) {
        let (name, seconds) = (name.into(), took.as_secs_f64());
        let outcome = match result {
            Ok(()) => {
                println!("xtask: {name}: passed in {seconds:.1} s");
                Outcome::Passed
            }
            Err(error) => {
                println!("xtask: {name}: FAILED in {seconds:.1} s\n{error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        self.steps.push((name, outcome));
    }

    /// A step that nothing on this machine can run.
    pub fn skip(&mut self, name: impl Into<String>, reason: &str) {
        let name = name.into();
        println!("xtask: {name}: SKIPPED, {reason}");
        self.steps.push((name, Outcome::Skipped(reason.to_owned())));
    }

    /// Lists what failed and what was skipped. In CI (`CI=true`) what was skipped counts as failed.
    pub fn finish(self) -> ExitCode {
        let (mut failed, mut skipped) = (0, 0);
        for (name, outcome) in &self.steps {
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed(reason) => {
                    failed += 1;
                    println!("xtask: FAILED {name}: {}", reason.lines().next().unwrap_or_default());
                }
                Outcome::Skipped(reason) => {
                    skipped += 1;
                    println!("xtask: SKIPPED {name}: {reason}");
                }
            }
        }
        let all = self.steps.len();
        match (failed, skipped) {
            (0, 0) => println!("xtask: all {all} steps passed"),
            _ => println!("xtask: {failed} of {all} steps failed, {skipped} skipped"),
        }
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        if failed > 0 || (ci && skipped > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
