//! `import`: a model file as a table of its nodes, or in the native form.
use super::{print, print_json};
use crate::cli::{Common, Import};
use crate::files::{Destination, refuse_input};
use crate::model::Network;
use crate::output::say;
use crate::text::visible;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::plan::Want;
use shatterscope_model::{Row, rows, to_safetensors};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    contract: &'static str,
    model: String,
    format: &'a str,
    /// Null if the inputs of the file are one example.
    batch: Option<usize>,
    inputs: Vec<Port<'a>>,
    outputs: Vec<Port<'a>>,
    nodes: Vec<Row>,
    parameters: usize,
    multiply_adds: u64,
    saved_bytes: u64,
    /// f32 elements of all values of one example that exist at once in inference, and the least that any placement takes.
    value_elements: [u64; 2],
    unused: &'a [String],
    notes: &'a [String],
    /// The list of layers in TOML, if it was inferred.
    layers: Option<&'a str>,
}

#[derive(Serialize)]
struct Port<'a> {
    name: &'a str,
    shape: &'a [usize],
}

/// Reads, and writes or prints.
///
/// # Errors
/// A model that is not supported, with all reasons; a file that cannot be read or written.
pub fn run(asked: &Import, common: &Common) -> Result<()> {
    if let Some(out) = &asked.out {
        if !out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
            return Err(Failure::usage(format!("--out {}: give a .safetensors file", out.display())));
        }
        refuse_input(out, &[&asked.file])?;
    }
    let (network, inferred) = asked.options.source(&asked.file)?.read(Want::Output)?;
    if let Some(out) = &asked.out {
        Destination::open(out)?.write(&to_safetensors(&network)?)?;
    }
    let mut document = document(asked, &network)?;
    document.layers = inferred.as_ref().map(|inferred| &*inferred.text);
    if !document.unused.is_empty() && !common.quiet {
        let names: Vec<String> = document.unused.iter().map(|name| visible(name)).collect();
        say(&format!("note: nothing uses {}", names.join(", ")));
    }
    if let Some(inferred) = &inferred {
        say(&format!("note: {}: {}", asked.file.display(), inferred.said));
        if asked.out.is_some() {
            inferred.text.lines().for_each(say);
        }
    }
    match (common.json, &asked.out) {
        (true, _) => print_json(&document),
        (false, Some(_)) if common.quiet => Ok(()),
        (false, Some(out)) => print(&format!("wrote {}\n{}", out.display(), totals(&document))),
        (false, None) => {
            let list = document.layers.map_or(String::new(), |list| format!("{list}\n"));
            print(&(list + &table(&document.nodes) + "\n" + &totals(&document)))
        }
    }
}

fn document<'a>(asked: &Import, network: &'a Network) -> Result<Document<'a>> {
    let nodes = rows(network)?;
    let port = |port: &'a crate::model::Port| Port { name: &port.name, shape: &port.shape };
    Ok(Document {
        contract: shatterscope::contract::CONTRACT,
        model: asked.file.display().to_string(),
        format: &network.origin.format,
        batch: network.origin.batch,
        inputs: network.inputs.iter().map(port).collect(),
        outputs: network.outputs.iter().map(port).collect(),
        parameters: network.parameters.len() + network.running.len(),
        multiply_adds: nodes.iter().map(|row| row.multiply_adds).sum(),
        saved_bytes: nodes.iter().map(|row| row.saved_bytes).sum(),
        nodes,
        value_elements: [network.placed.memory.units, network.placed.memory.bound],
        unused: &network.origin.unused,
        notes: &network.origin.notes,
        layers: None,
    })
}

fn table(rows: &[Row]) -> String {
    let head = ["node", "operator", "operation", "shape", "parameters", "multiply-adds", "saved bytes"];
    let cells: Vec<[String; 7]> = rows
        .iter()
        .map(|row| {
            let [channels, height, width] = row.shape;
            let shape = if height == 1 && width == 1 {
                channels.to_string()
            } else {
                format!("{channels} x {height} x {width}")
            };
            [
                shortened(&row.node),
                row.kind.clone(),
                row.operation.to_owned(),
                shape,
                row.parameters.to_string(),
                row.multiply_adds.to_string(),
                row.saved_bytes.to_string(),
            ]
        })
        .collect();
    let widths: Vec<usize> = (0..7)
        .map(|i| cells.iter().map(|row| row[i].chars().count()).chain([head[i].len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.chars().count());
            text += &if i < 4 { format!("{cell}{space}  ") } else { format!("{space}{cell}  ") };
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&head.map(str::to_owned));
    cells.iter().for_each(|row| text += &line(row));
    text
}

/// The end of a long name: exporters put what differs there.
fn shortened(name: &str) -> String {
    const MOST: usize = 40;
    let count = name.chars().count();
    if count <= MOST {
        name.to_owned()
    } else {
        format!("...{}", name.chars().skip(count + 3 - MOST).collect::<String>())
    }
}

fn totals(document: &Document<'_>) -> String {
    let ports = |ports: &[Port<'_>]| {
        let each = |port: &Port<'_>| {
            let extents: Vec<String> = port.shape.iter().map(usize::to_string).collect();
            format!("{} {}", visible(port.name), extents.join(" x "))
        };
        ports.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let batch = match document.batch {
        Some(_) => "any number of examples",
        None => "one example: its operations mix what stands along the first axis",
    };
    let [units, bound] = document.value_elements;
    let mut text = format!(
        "format         {}, {batch}\ninputs         {}\noutputs        {}\nparameters     {} ({} B)\nmultiply-adds  {}\n\
         saved          {} B for the gradient of the inputs\nvalues         {} B for inference (the least possible: {} B)\n",
        document.format,
        ports(&document.inputs),
        ports(&document.outputs),
        document.parameters,
        4 * document.parameters,
        document.multiply_adds,
        document.saved_bytes,
        4 * units,
        4 * bound,
    );
    for note in document.notes {
        text += &format!("note           {}\n", visible(note));
    }
    text
}
