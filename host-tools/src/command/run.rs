//! `run`: a model of the user's on inputs, here and on devices.
use super::{print, print_json};
use crate::cli::{Common, Run};
use crate::device::Target;
use crate::engine::Engine;
use crate::files::{Destination, refuse_input};
use crate::model::{Compared, Results, Scaling, compare, read, top};
use crate::predict;
use crate::text::visible;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::plan::Want;
use std::path::Path;

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    contract: &'static str,
    model: String,
    format: String,
    examples: usize,
    /// Of the outputs of all examples.
    output_digest: String,
    outputs: Vec<Output>,
    /// Examples whose label is the largest output, where the inputs have labels.
    correct: Option<usize>,
    /// The largest outputs of each example, under `--top`.
    top: Option<Vec<Vec<Top>>>,
    devices: Vec<Compared>,
}

#[derive(Serialize)]
struct Output {
    name: String,
    /// Of one example.
    shape: Vec<usize>,
    /// The type of its elements.
    element: &'static str,
}

#[derive(Serialize)]
struct Top {
    class: usize,
    name: Option<String>,
    value: f32,
}

/// Computes, compares, writes and prints.
///
/// # Errors
/// A model or examples that cannot be read; NaN or infinity, with the node; a device whose outputs differ.
pub fn run(asked: &Run, targets: &[Target], engine: &Engine, common: &Common) -> Result<()> {
    if let Some(out) = &asked.out {
        Results::check(out)?;
        let files = asked
            .inputs
            .input
            .iter()
            .map(|word| Path::new(word.split_once('=').map_or(word.as_str(), |(_, file)| file)));
        refuse_input(out, &files.chain([asked.model.as_path()]).collect::<Vec<_>>())?;
    }
    let scaling = Scaling::parse(&asked.inputs.scaling)?;
    let names = asked.labels.as_deref().map(classes).transpose()?;
    let settings = asked.reach.settings()?;
    let network = asked.inputs.options.source(&asked.model)?.network(Want::Output)?;
    if let (Some(names), Some(path), Some(port)) = (&names, &asked.labels, network.outputs.first())
        && names.len() != port.elements()
    {
        let (path, names, classes) = (path.display(), names.len(), port.elements());
        return Err(Failure::failed(format!(
            "{path}: {names} names for an output of {classes} classes: write one name for each class"
        )));
    }
    let examples = read(&network, &asked.inputs.input, &scaling, asked.real)?;
    let file = asked.out.as_deref().map(Destination::open).transpose()?;
    engine.install(|| {
        let of = (&network.parameters[..], &network.running[..]);
        let batch = asked.batch.unwrap_or(64).min(examples.count.max(1) as u32);
        let outputs = predict::predict(&network.placed, of, &examples.inputs, batch, engine.isa)?;
        let results = Results::new(&network, examples.count, &outputs, asked.real)?;
        let devices = compare(&network, &examples, &outputs, targets, &settings, asked.batch.unwrap_or(1));
        if let (Some(file), Some(path)) = (&file, &asked.out) {
            results.write(path, file)?;
        }
        let first = results.outputs.first();
        let rows =
            || first.into_iter().flat_map(|own| own.data.chunks_exact(own.shape.iter().product::<usize>().max(1)));
        let correct = examples.labels.as_ref().map(|labels| {
            let right =
                |(row, label): &(&[f32], &u32)| top(row, 1).first().is_some_and(|(i, _)| *i == **label as usize);
            rows().zip(labels).filter(right).count()
        });
        let named = |(class, value): (usize, f32)| {
            let name = names.as_ref().and_then(|names| names.get(class).cloned());
            Top { class, name, value }
        };
        let document = Document {
            contract: shatterscope::contract::CONTRACT,
            model: asked.model.display().to_string(),
            format: network.origin.format.clone(),
            examples: examples.count,
            output_digest: results.digest.to_string(),
            outputs: results
                .outputs
                .iter()
                .map(|own| Output {
                    name: own.name.clone(),
                    shape: own.shape.clone(),
                    element: if own.int8 { "int8" } else { "f32" },
                })
                .collect(),
            correct,
            top: asked.top.map(|count| rows().map(|row| top(row, count).into_iter().map(named).collect()).collect()),
            devices,
        };
        if common.json {
            print_json(&document)?
        } else {
            print(&text(&document))?
        }
        match document.devices.iter().find_map(|device| device.error.as_ref()) {
            None => Ok(()),
            Some(error) => Err(Failure::failed(error.clone())),
        }
    })?
}

/// Names of classes, a line each.
fn classes(path: &Path) -> Result<Vec<String>> {
    let text = crate::read::text(path, "cannot read the names")?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    match names.is_empty() {
        true => Err(Failure::failed(format!("{}: it has no names: write one a line", path.display()))),
        false => Ok(names),
    }
}

fn text(document: &Document) -> String {
    let extents = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let outputs: Vec<String> = document
        .outputs
        .iter()
        .map(|output| {
            let element = if output.element == "f32" { "" } else { " int8" };
            format!("{} {}{element}", visible(&output.name), extents(&output.shape))
        })
        .collect();
    let mut text = format!(
        "examples       {}\noutputs        {}\noutput digest  {}\n",
        document.examples,
        outputs.join(", "),
        document.output_digest
    );
    if let Some(correct) = document.correct {
        let share = correct as f64 / document.examples.max(1) as f64;
        text += &format!("accuracy       {share:.4} ({correct} of {} examples)\n", document.examples);
    }
    for (i, top) in (1..).zip(document.top.iter().flatten()) {
        let each = |top: &Top| match &top.name {
            Some(name) => format!("{} {:.6}", visible(name), top.value),
            None => format!("class {} {:.6}", top.class, top.value),
        };
        text += &format!("example {i:<6} {}\n", top.iter().map(each).collect::<Vec<_>>().join(", "));
    }
    for Compared { target, report, .. } in &document.devices {
        let Some(report) = report else { continue };
        text += &format!(
            "{target}: equal, bit for bit; arena {} B{}{}\n",
            report.arena_bytes,
            report.stack_bytes.map_or(String::new(), |stack| format!(", stack {stack} B")),
            report.instructions.map_or(String::new(), |n| format!(", {n} instructions an example")),
        );
    }
    text
}
