//! `compare --model`: a model of the user's on this machine and on devices; exit code 1 on any difference.
use super::{print, print_json};
use crate::cli::{Common, ModelInputs};
use crate::device::{Settings, Target};
use crate::engine::Engine;
use crate::model::{Compared, Scaling, compare, read};
use crate::{Failure, Result, predict};
use serde::Serialize;
use shatterscope::contract::Digest;
use shatterscope::plan::Want;
use std::path::Path;

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    contract: &'static str,
    model: String,
    examples: usize,
    /// Of the outputs of all examples.
    output_digest: String,
    equal: bool,
    devices: Vec<Compared>,
}

/// Compares, prints, and fails on any difference.
///
/// # Errors
/// A model or examples that cannot be read; a difference, or a target that could not run.
pub fn run(
    (path, inputs): (&Path, &ModelInputs),
    targets: &[Target],
    settings: &Settings,
    engine: &Engine,
    common: &Common,
) -> Result<()> {
    let scaling = Scaling::parse(&inputs.scaling)?;
    let network = inputs.options.source(path)?.network(Want::Output)?;
    let examples = read(&network, &inputs.input, &scaling, false)?;
    let document = engine.install(|| -> Result<Document> {
        let of = (&network.parameters[..], &network.running[..]);
        let batch = examples.count.clamp(1, 64) as u32;
        let outputs = predict::predict(&network.placed, of, &examples.inputs, batch, engine.isa)?;
        let targets: Vec<Target> = targets.iter().filter(|target| **target != Target::Host).cloned().collect();
        let devices = compare(&network, &examples, &outputs, &targets, settings, 1);
        Ok(Document {
            contract: shatterscope::contract::CONTRACT,
            model: path.display().to_string(),
            examples: examples.count,
            output_digest: Digest::of_bits(&outputs).to_string(),
            equal: devices.iter().all(|device| device.equal),
            devices,
        })
    })??;
    if common.json {
        print_json(&document)?
    } else {
        print(&table(&document))?
    }
    let bad: Vec<&Compared> = document.devices.iter().filter(|device| !device.equal).collect();
    match bad.first().and_then(|device| device.error.as_ref()) {
        None => Ok(()),
        Some(error) => Err(Failure::failed(format!(
            "{} of {} targets differ or failed, the first: {error}",
            bad.len(),
            document.devices.len()
        ))),
    }
}

fn table(document: &Document) -> String {
    let wide = document.devices.iter().map(|device| device.target.len()).max().unwrap_or(0).max(6);
    let mut text = format!("{}, {} examples\n", document.model, document.examples);
    text += &format!("{:wide$}  {:14} {:>10} {:>10}  verdict\n", "target", "instructions", "arena", "stack");
    text += &format!("{:wide$}  {:>14} {:>10} {:>10}  reference: {}\n", "host", "-", "-", "-", document.output_digest);
    for device in &document.devices {
        let number = |x: Option<u64>| x.map_or("-".to_owned(), |x| x.to_string());
        let report = device.report.as_ref();
        text += &format!(
            "{:wide$}  {:>14} {:>10} {:>10}  {}\n",
            device.target,
            number(report.and_then(|report| report.instructions)),
            number(report.map(|report| report.arena_bytes.into())),
            number(report.and_then(|report| report.stack_bytes.map(u64::from))),
            device.error.as_ref().map_or("equal".to_owned(), |error| format!("FAILED: {error}")),
        );
    }
    let equal = document.devices.iter().filter(|device| device.equal).count();
    text + &format!("{equal} of {} equal\n", document.devices.len())
}
