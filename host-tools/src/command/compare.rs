//! `compare`: the same specs on several places; exit code 1 on any difference.
use super::{print, print_json};
use crate::cli::{Common, Devices};
use crate::compare::{Comparison, Entry, compare, junit, table};
use crate::device::Target;
use crate::engine::Engine;
use crate::files::Destination;
use crate::{Failure, Result};
use serde::Serialize;

/// Many specs as one document.
#[derive(Serialize)]
struct Suite<'a> {
    equal: bool,
    comparisons: &'a [Comparison],
}

/// Compares, writes a JUnit report if there is a place for one, prints, and fails on any difference.
///
/// # Errors
/// A difference, or a target that could not run.
pub fn run(
    entries: &[Entry],
    targets: &[Target],
    devices: &Devices,
    report: Option<&Destination>,
    engine: &Engine,
    common: &Common,
) -> Result<()> {
    let comparisons = compare(entries, targets, &devices.settings()?, engine)?;
    if let Some(report) = report {
        report.write(junit(&comparisons)?.as_bytes())?;
    }
    let equal = comparisons.iter().all(|comparison| comparison.equal);
    match (common.json, &comparisons[..]) {
        (true, [one]) if one.name.is_none() => print_json(one)?,
        (true, all) => print_json(&Suite { equal, comparisons: all })?,
        (false, all) => print(&all.iter().map(table).collect::<Vec<_>>().join("\n"))?,
    }
    if equal {
        return Ok(());
    }
    let bad = comparisons.iter().filter(|comparison| !comparison.equal).count();
    let failed: Vec<_> = comparisons
        .iter()
        .flat_map(|one| &one.targets)
        .filter_map(|told| told.error.as_ref().map(|error| (&told.name, error)))
        .collect();
    Err(Failure::failed(match failed.first() {
        // What keeps a target from being opened names it already.
        Some((name, error)) if error.starts_with(&format!("{name}: ")) => {
            format!("{} of the targets' runs failed, the first: {error}", failed.len())
        }
        Some((name, error)) => format!("{} of the targets' runs failed, the first: {name}: {error}", failed.len()),
        None => format!("{bad} of {} specs differ between the targets", comparisons.len()),
    }))
}
