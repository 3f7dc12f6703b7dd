//! The same specs on several places, and where they differ.
mod difference;
mod junit;
mod suite;
mod table;

pub use difference::{Difference, ulp_distance};
pub use junit::junit;
pub use suite::{Entry, suite};
pub use table::table;

use crate::device::place::{Measured, OpenTarget, Outcome, Settings, open};
use crate::device::target::Target;
use crate::engine::Engine;
use crate::output::say;
use crate::record::NonFinite;
use crate::spec::Spec;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::contract::Digest;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one place made of a spec.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Target.
    pub name: String,
    /// Digest of the record, null where there is no result.
    pub digest: Option<String>,
    /// Digest of the outputs of all runs: without a norm a forward pass that rounds wrongly shows here first.
    pub outputs_digest: Option<String>,
    /// Where NaN or infinity arose: as much part of the contract as a digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_finite: Option<NonFinite>,
    /// Instructions of the executor, all runs.
    pub instructions: Option<u64>,
    /// Ticks of the device's clock, all runs.
    pub ticks: Option<u64>,
    /// Peak of the stack.
    pub stack_bytes: Option<u32>,
    /// Of the arena, the panel of weights included.
    pub arena_bytes: Option<u32>,
    /// On the wall.
    pub seconds: Option<f64>,
    /// Why it could not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One spec on all targets.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name in the suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Every field resolved.
    pub spec: Spec,
    /// Contract id.
    pub contract: &'static str,
    /// Commit of the program.
    pub commit: &'static str,
    /// Every target ran, and all bits are the same.
    pub equal: bool,
    /// In the order given; the first is what the others are compared with.
    pub targets: Vec<Told>,
    /// Of the first target that differs.
    pub first_difference: Option<Difference>,
}

/// What a target made of the runs of one spec; the error is its own.
type Runs = std::result::Result<Vec<Measured>, String>;

/// Runs every spec on every target and compares with the first.
///
/// # Errors
/// The first target cannot run: there is nothing to compare with.
pub fn compare(entries: &[Entry], targets: &[Target], settings: &Settings, engine: &Engine) -> Result<Vec<Comparison>> {
    entries.iter().try_for_each(|entry| entry.spec.one_input("compare"))?;
    let results = run_all(entries, targets, settings, engine);
    let mut comparisons = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let of = |target: usize| &results[target][i];
        let reference = of(0).as_ref().map_err(|error| Failure::failed(error.clone()))?;
        let differs = |target: usize| match of(target) {
            Ok(runs) => runs.iter().zip(reference).position(|(a, b)| a.outcome != b.outcome),
            Err(_) => None,
        };
        let first = (1..targets.len()).find_map(|target| Some((target, differs(target)? as u32)));
        let first_difference = match first {
            None => None,
            Some((target, run)) => {
                let settings = entry.settings(settings);
                let mut places = [open(&targets[0], &settings, engine)?, open(&targets[target], &settings, engine)?];
                let [reference, place] = &mut places;
                Some(difference::locate(
                    &targets[target].to_string(),
                    &entry.spec,
                    run,
                    &mut **reference,
                    &mut **place,
                )?)
            }
        };
        let told: Vec<_> = targets.iter().enumerate().map(|(target, name)| tell(name, of(target))).collect();
        comparisons.push(Comparison {
            name: entry.name.map(str::to_owned),
            spec: entry.spec.clone(),
            contract: entry.spec.contract(),
            commit: env!("SHATTERSCOPE_COMMIT"),
            equal: first_difference.is_none() && told.iter().all(|told| told.error.is_none()),
            targets: told,
            first_difference,
        });
    }
    Ok(comparisons)
}

/// `[target][spec]`; a few targets run beside each other.
fn run_all(entries: &[Entry], targets: &[Target], settings: &Settings, engine: &Engine) -> Vec<Vec<Runs>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![Vec::new(); targets.len()]);
    std::thread::scope(|scope| {
        for _ in 0..engine.threads.min(targets.len()) {
            scope.spawn(|| {
                while let Some((i, target)) = targets.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let runs = run_target(entries, target, settings, engine);
                    if let Ok(mut results) = results.lock() {
                        results[i] = runs;
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default()
}

/// One target through all specs, in one conversation while nothing goes wrong.
fn run_target(entries: &[Entry], target: &Target, settings: &Settings, engine: &Engine) -> Vec<Runs> {
    let mut place: Option<(Settings, Box<dyn OpenTarget>)> = None;
    let mut all = Vec::new();
    for entry in entries {
        let settings = entry.settings(settings);
        if place.as_ref().is_none_or(|(opened, _)| *opened != settings) {
            // The process of the one before has ended when the next one starts.
            drop(place.take());
            match open(target, &settings, engine) {
                Ok(opened) => place = Some((settings, opened)),
                // A target that cannot be opened is not tried again for every spec.
                Err(error) => {
                    all.resize(entries.len(), Err(error.to_string()));
                    break;
                }
            }
        }
        let Some((_, opened)) = &mut place else { continue };
        let runs = (0..entry.spec.runs).map(|run| opened.gradient(&entry.spec, run).map_err(|error| error.to_string()));
        let runs: Runs = runs.collect();
        let lost = opened.is_lost();
        if runs.is_err() {
            place = None;
        }
        all.push(runs);
        let left = entries.len() - all.len();
        if lost && left > 0 {
            say(&format!(
                "warning: {target} does not answer: {left} more of the {} specs are skipped for it",
                entries.len()
            ));
            all.resize(entries.len(), Err("skipped, because the target did not answer before".to_owned()));
            break;
        }
    }
    all
}

fn tell(target: &Target, runs: &Runs) -> Told {
    let mut told = Told {
        name: target.to_string(),
        digest: None,
        outputs_digest: None,
        non_finite: None,
        instructions: None,
        ticks: None,
        stack_bytes: None,
        arena_bytes: None,
        seconds: None,
        error: None,
    };
    match runs {
        Err(error) => told.error = Some(error.clone()),
        Ok(runs) => {
            let digests: Option<Vec<Digest>> = runs.iter().map(|run| run.outcome.digest()).collect();
            told.digest = digests.map(|digests| Digest::of_runs(digests).to_string());
            let outputs: Option<Vec<Digest>> = runs.iter().map(|run| run.outcome.outputs_digest()).collect();
            told.outputs_digest = outputs.map(|digests| Digest::of_runs(digests).to_string());
            told.non_finite = (0..).zip(runs).find_map(|(run, measured)| match measured.outcome {
                Outcome::NonFinite(fault) => Some(crate::engine::RunFault { run, fault }.into()),
                Outcome::Results { .. } => None,
            });
            let sum = |of: fn(&Measured) -> Option<u64>| {
                runs.iter().map(of).try_fold(0u64, |sum, x| Some(sum.saturating_add(x?)))
            };
            told.instructions = sum(|run| run.instructions);
            told.ticks = sum(|run| run.ticks);
            told.stack_bytes = runs.iter().map(|run| run.stack).max().flatten();
            told.arena_bytes = runs.iter().map(|run| run.arena).max().flatten();
            told.seconds = Some(runs.iter().map(|run| run.seconds).sum());
        }
    }
    told
}
