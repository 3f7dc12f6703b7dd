//! `pack`: a user's own network as a const Rust module.
use super::{print, print_json};
use crate::cli::{Common, Pack};
use crate::data::{self, Inputs};
use crate::files::{Destination, refuse_input};
use crate::net::{Shapes, listed};
use crate::output::say;
use crate::pack::{Packed, trained};
use crate::predict::{Placed, no_checkpoint};
use crate::text::visible;
use crate::train::{Checkpoint, FILES};
use crate::{Failure, Result};
use serde_json::{Value, json};
use shatterscope::graph::Node;
use shatterscope::plan::Want;
use std::path::Path;

/// Writes the module to a file, or to standard output; under `--json` a document about it, which holds the module if no file does.
///
/// # Errors
/// What is wrong with the model, the list of layers or the checkpoint; tensors that no layer takes, under `--strict`; a file that cannot be
/// written.
pub fn run(pack: &Pack, common: &Common) -> Result<()> {
    match (&pack.checkpoint, &pack.model, &pack.options.net) {
        (Some(from), ..) => trained_network(pack, from, common),
        (None, Some(model), Some(net)) => listed_layers(pack, model, net, common),
        (None, Some(model), None) => own_model(pack, model, common),
        _ => Err(Failure::usage("give a model, weights and --net, or --checkpoint with the folder of a checkpoint")),
    }
}

fn listed_layers(pack: &Pack, model: &Path, net: &Path, common: &Common) -> Result<()> {
    let Pack { out, strict, .. } = pack;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(out) = out {
        refuse_input(out, &[model, net])?;
    }
    let place = out.as_deref().map(Destination::open).transpose()?;
    let shapes: Shapes = pack.options.source(model)?.options.shapes.into_iter().collect();
    let packed = Packed::read(model, net, &shapes)?;
    if !packed.unused().is_empty() {
        let said = format!("{}: no layer of {} takes {}", model.display(), net.display(), listed(packed.unused()));
        if *strict {
            return Err(Failure::failed(format!("{said}: take them out of the model, or leave out --strict")));
        }
        say(&format!("warning: {said}"));
    }
    let module = packed.module(&name(model), &name(net))?;
    let (operations, bytes) = (operations(packed.nodes()), packed.bytes());
    let about = json!({
        "model": model.display().to_string(),
        "net": net.display().to_string(),
        "operations": operations,
        "parameters_bytes": bytes,
        "tensors": packed.tensors.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "unused": packed.unused(),
    });
    hand_out(pack, place, (module, operations, bytes), about, common)
}

fn own_model(pack: &Pack, model: &Path, common: &Common) -> Result<()> {
    if let Some(out) = &pack.out {
        refuse_input(out, &[model])?;
    }
    let network = pack.options.source(model)?.network(Want::Output)?;
    if pack.strict && !network.origin.unused.is_empty() {
        let names = network.origin.unused.iter().map(|name| visible(name)).collect::<Vec<_>>().join(", ");
        return Err(Failure::failed(format!("{}: nothing uses {names}: leave out --strict", model.display())));
    }
    let place = pack.out.as_deref().map(Destination::open).transpose()?;
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let module = crate::pack::model::text(&network, &name)?;
    let bytes = 4 * (network.parameters.len() + network.running.len());
    let operations = operations(&network.placed.nodes);
    let plan = network.placed.plan()?;
    let about = json!({
        "model": model.display().to_string(),
        "operations": operations,
        "parameters_bytes": bytes,
        "values_bytes": 4 * plan.units,
        "scratch_bytes": 4 * plan.scratch_len,
        "unused": network.origin.unused,
    });
    hand_out(pack, place, (module, operations, bytes), about, common)
}

fn trained_network(pack: &Pack, from: &Path, common: &Common) -> Result<()> {
    if let Some(out) = &pack.out {
        refuse_input(out, &[&from.join(FILES[0])])?;
    }
    let data = data::open(pack.data.as_deref())?;
    let Some(checkpoint) = Checkpoint::read(from, &data)? else { return Err(no_checkpoint(from)) };
    let place = pack.out.as_deref().map(Destination::open).transpose()?;
    let model = &checkpoint.model;
    let placed = Placed::of_layers(&model.layers, Want::Output)?;
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let inputs = Inputs::of(&data, checkpoint.spec.scaling);
    let module = trained::text(model, &inputs, &placed, &name)?;
    let (operations, bytes) = (operations(&placed.nodes), 4 * (model.parameters.len() + model.running.len()));
    let plan = placed.plan()?;
    let about = json!({
        "from": from.display().to_string(),
        "operations": operations,
        "parameters_bytes": bytes,
        "values_bytes": 4 * plan.units,
        "scratch_bytes": 4 * plan.scratch_len,
    });
    hand_out(pack, place, (module, operations, bytes), about, common)
}

/// The nodes that compute.
fn operations(nodes: &[Node]) -> usize {
    nodes.iter().filter(|node| !node.is_input()).count()
}

/// The module to its file, or standard output.
fn hand_out(
    pack: &Pack,
    place: Option<Destination>,
    (module, operations, bytes): (String, usize, usize),
    mut about: Value,
    common: &Common,
) -> Result<()> {
    if let (Some(out), Some(place)) = (&pack.out, place) {
        place.write(module.as_bytes())?;
        if !common.quiet {
            say(&format!("{}: {operations} operations, {bytes} B of parameters in flash", out.display()));
        }
    }
    match (common.json, &pack.out) {
        (true, out) => {
            about["file"] = json!(out.as_ref().map(|out| out.display().to_string()));
            about["module"] = if out.is_none() { Value::String(module) } else { Value::Null };
            print_json(&about)
        }
        (false, None) => print(&module),
        (false, Some(_)) => Ok(()),
    }
}
