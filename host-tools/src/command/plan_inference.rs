//! `plan --checkpoint`: what inference with a trained network takes on a board.
use super::{print, print_json};
use crate::Result;
use crate::cli::Common;
use crate::data;
use crate::device::firmware::Firmware;
use crate::device::{Board, Settings};
use crate::plan::Image;
use crate::plan::inference::{Planned, plan_for};
use crate::predict::{Placed, no_checkpoint};
use crate::train::Checkpoint;
use shatterscope::plan::Want;
use std::path::Path;

/// Plans and prints.
///
/// # Errors
/// No checkpoint; firmware that cannot be built; a network that does not fit.
pub fn run(
    (from, folder): (&Path, Option<&Path>),
    board: &'static Board,
    batch: u32,
    settings: &Settings,
    common: &Common,
) -> Result<()> {
    let data = data::open(folder)?;
    let Some(checkpoint) = Checkpoint::read(from, &data)? else { return Err(no_checkpoint(from)) };
    let network = Placed::of_layers(&checkpoint.model.layers, Want::Output)?;
    placed(&network, board, batch, settings, common)
}

/// Plans a graph and prints.
///
/// # Errors
/// Firmware that cannot be built; a network that does not fit.
pub fn placed(placed: &Placed, board: &'static Board, batch: u32, settings: &Settings, common: &Common) -> Result<()> {
    let firmware = Firmware::find(settings.firmware.as_deref())?;
    let image = Image::read(&firmware.program_with(board, settings.models)?)?;
    let planned = plan_for(placed, board, &image, batch, settings.ram)?;
    if common.json { print_json(&planned) } else { print(&table(&planned)) }
}

fn table(planned: &Planned) -> String {
    let memory = &planned.memory;
    let mut text = format!(
        "inference {} nodes, {} parameters, batches of {}\nboard     {}, {}, register tile {} x {}\n\n",
        planned.nodes,
        planned.parameters,
        planned.batch,
        planned.board,
        planned.core,
        planned.register_tile[0],
        planned.register_tile[1],
    );
    let bound = format!("the least possible: {} B", memory.values_bound);
    let rows = [
        (
            "parameters",
            Some(memory.parameters),
            "weights and biases; none with pack --checkpoint, which keeps them in flash",
        ),
        ("running", Some(memory.running), "statistics of batch norms"),
        ("graph", Some(memory.graph), "nodes and slots; none with pack --checkpoint"),
        ("values", Some(memory.values), bound.as_str()),
        ("scratch", Some(memory.scratch), "packed weights of convolutions"),
        ("arena used", Some(memory.arena_used), "all of these"),
        ("least", Some(memory.least), "with the smallest scratch"),
        ("arena", Some(memory.arena), "available"),
        ("other statics", Some(memory.other_statics), ""),
        ("stack", memory.stack, "measured bound"),
        ("RAM", memory.ram, "arena used, other statics, stack"),
        ("flash", Some(planned.flash), ""),
    ];
    for (what, bytes, note) in rows {
        let bytes = bytes.map_or("not measured".to_owned(), |bytes| format!("{bytes} B"));
        text += format!("{what:16}{bytes:>14}  {note}").trim_end();
        text.push('\n');
    }
    text += &format!("multiply-adds   {:>14}    of one example\n", planned.multiply_adds);
    text
}
