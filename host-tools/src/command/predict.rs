//! `predict`: a trained network on the test part of its data.
use super::{print, print_json};
use crate::Result;
use crate::cli::{Common, Predict};
use crate::data::{self, Provenance};
use crate::device::Target;
use crate::device::place::open_link;
use crate::engine::Engine;
use crate::predict::{Examples, Placed, Prediction, Remote, Report, ValuesFile, no_checkpoint, node_of, shape};
use crate::text::visible;
use crate::train::{Checkpoint, FILES, Spec};
use serde::Serialize;
use shatterscope::plan::Want;
use std::borrow::Cow;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    contract: &'static str,
    spec: &'a Spec,
    data: &'a Provenance,
    step: u32,
    parameters: usize,
    examples: usize,
    /// Of the node whose values were asked for; null for the outputs of the network.
    node: Option<&'a str>,
    /// Extents of an example's output or value.
    shape: Vec<usize>,
    /// Null for the values of a node, as the accuracy.
    correct: Option<u32>,
    accuracy: Option<f64>,
    /// Of the outputs, `[example][class]`, or of the values.
    output_digest: String,
    /// f32 elements of all values of one example that exist at once, and the least that any placement takes.
    value_elements: [u64; 2],
    /// Null on this machine alone.
    device: Option<Report>,
}

/// Computes and prints.
///
/// # Errors
/// No checkpoint, or one of other data; no node of the name; NaN or infinity, with the node; a device whose outputs differ.
pub fn run(asked: &Predict, target: &Target, engine: &Engine, common: &Common) -> Result<()> {
    let mut read = data::files(asked.data.as_deref())?;
    read.push(asked.checkpoint.join(FILES[0]));
    let file = asked.out.as_ref().map(|out| ValuesFile::open(out, &read)).transpose()?;
    let data = data::open(asked.data.as_deref())?;
    let Some(checkpoint) = Checkpoint::read(&asked.checkpoint, &data)? else {
        return Err(no_checkpoint(&asked.checkpoint));
    };
    let settings = asked.reach.settings()?;
    let batch = asked.batch.unwrap_or(if *target == Target::Host { 256 } else { 1 });
    engine.install(|| {
        let placed = Placed::of_layers(&checkpoint.model.layers, Want::Output)?;
        let at = asked.at.as_ref().map(|name| node_of(&placed, name)).transpose()?;
        let examples = Examples::test(&data, &checkpoint)?;
        let here = match at {
            Some(node) => Prediction::at(node, &checkpoint, &placed, &examples, batch, engine.isa)?,
            None => Prediction::new(&checkpoint, &placed, &examples, batch, engine.isa)?,
        };
        // A device gets no more than it is to compute.
        let (part, model) = match at {
            Some(node) => placed.part(node, &checkpoint.model).map(|(part, model)| (part, Cow::Owned(model)))?,
            None => (placed.clone(), Cow::Borrowed(&checkpoint.model)),
        };
        let report = match target {
            Target::Host => None,
            target => {
                let line = open_link(target, &settings)?;
                let mut remote = Remote::new(line, target.to_string(), &part, model.weights(), batch, settings.ram)?;
                remote.predict(&examples, &here, |_| {})?;
                Some(remote.report())
            }
        };
        let document = Document {
            contract: shatterscope::contract::CONTRACT,
            spec: &checkpoint.spec,
            data: &checkpoint.data,
            step: checkpoint.model.step,
            parameters: model.parameters.len(),
            examples: examples.labels.len(),
            node: asked.at.as_deref(),
            shape: shape(&part, part.nodes.len() as u32 - 1),
            correct: here.correct,
            accuracy: here.correct.map(|correct| f64::from(correct) / examples.labels.len().max(1) as f64),
            output_digest: here.digest.to_string(),
            value_elements: [part.memory.units, part.memory.bound],
            device: report,
        };
        if let Some(file) = file {
            file.write(here, &document.shape)?;
        }
        if common.json { print_json(&document) } else { print(&text(&document)) }
    })?
}

/// Extents in words.
fn extents(shape: &[usize]) -> String {
    match shape {
        [units] => format!("{units} units"),
        extents => extents.iter().map(usize::to_string).collect::<Vec<_>>().join(" x "),
    }
}

fn text(document: &Document) -> String {
    let Document { parameters, step, examples, output_digest, value_elements: [units, bound], .. } = document;
    let mut text = match document.node {
        Some(node) => {
            format!("network        {parameters} parameters up to node {}, after step {step}\n", visible(node))
        }
        None => format!("network        {parameters} parameters, after step {step}\n"),
    };
    text += &match document.correct.zip(document.accuracy) {
        Some((correct, accuracy)) => format!("test accuracy  {accuracy:.4} ({correct} of {examples} examples)\n"),
        None => format!("node value     {} for each of {examples} examples\n", extents(&document.shape)),
    };
    text += &format!(
        "output digest  {output_digest}\nvalues         {} B for one example (the least possible: {} B)\n",
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
