//! `predict`: a trained network on the test part of its data.
use super::{print, print_json};
use crate::Result;
use crate::cli::{Common, Predict};
use crate::data::{self, Provenance};
use crate::device::Target;
use crate::device::place::open_link;
use crate::engine::Engine;
use crate::predict::{Examples, Placed, Prediction, Remote, Report, no_checkpoint};
use crate::train::{Checkpoint, Spec};
use serde::Serialize;
use shatterscope::plan::Want;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    contract: &'static str,
    spec: &'a Spec,
    data: &'a Provenance,
    step: u32,
    parameters: usize,
    examples: usize,
    correct: u32,
    accuracy: f64,
    /// Of the outputs, `[example][class]`.
    output_digest: String,
    /// f32 elements of one example's values, and the least that any placement takes.
    value_elements: [u64; 2],
    /// Null on this machine alone.
    device: Option<Report>,
}

/// Computes and prints.
///
/// # Errors
/// No checkpoint, or one of other data; NaN or infinity, with the layer; a device whose outputs differ.
pub fn run(asked: &Predict, target: &Target, engine: &Engine, common: &Common) -> Result<()> {
    let data = data::open(asked.data.as_deref())?;
    let Some(checkpoint) = Checkpoint::read(&asked.checkpoint, &data)? else {
        return Err(no_checkpoint(&asked.checkpoint));
    };
    let settings = asked.reach.settings()?;
    let batch = asked.batch.unwrap_or(if *target == Target::Host { 256 } else { 1 });
    engine.install(|| {
        let placed = Placed::of_layers(&checkpoint.model.layers, Want::Output)?;
        let examples = Examples::test(&data, &checkpoint)?;
        let here = Prediction::new(&checkpoint, &placed, &examples, batch, engine.isa)?;
        let report = match target {
            Target::Host => None,
            target => {
                let line = open_link(target, &settings)?;
                let model = &checkpoint.model;
                let mut remote = Remote::new(line, target.to_string(), &placed, model, batch, settings.ram)?;
                remote.predict(&examples, &here, |_| {})?;
                Some(remote.report())
            }
        };
        let document = Document {
            contract: shatterscope::contract::CONTRACT,
            spec: &checkpoint.spec,
            data: &checkpoint.data,
            step: checkpoint.model.step,
            parameters: checkpoint.model.parameters.len(),
            examples: examples.labels.len(),
            correct: here.correct,
            accuracy: f64::from(here.correct) / examples.labels.len().max(1) as f64,
            output_digest: here.digest.to_string(),
            value_elements: [placed.memory.units, placed.memory.bound],
            device: report,
        };
        if common.json { print_json(&document) } else { print(&text(&document)) }
    })?
}

fn text(document: &Document) -> String {
    let [units, bound] = document.value_elements;
    let mut text = format!(
        "network        {} parameters, after step {}\ntest accuracy  {:.4} ({} of {} examples)\noutput digest  {}\n\
         values         {} B for one example (the least possible: {} B)\n",
        document.parameters,
        document.step,
        document.accuracy,
        document.correct,
        document.examples,
        document.output_digest,
        4 * units,
        4 * bound
    );
    let Some(device) = &document.device else { return text };
    text += &format!(
        "\n{}: the same outputs, bit for bit\narena          {} B in use, {} B needed, of them {} B for values\n",
        device.target, device.arena_bytes, device.least_bytes, device.value_bytes
    );
    if let Some(stack) = device.stack_bytes {
        text += &format!("stack          {stack} B at most\n");
    }
    if let Some(instructions) = device.instructions {
        text += &format!("instructions   {instructions} for one example\n");
    }
    if let Some(ticks) = device.ticks {
        text += &format!("clock          {ticks} ticks for one example\n");
    }
    text
}
