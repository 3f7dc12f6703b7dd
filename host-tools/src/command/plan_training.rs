//! `plan --train`: what a training takes on a board.
use super::{print, print_json};
use crate::Result;
use crate::cli::Common;
use crate::data::Dataset;
use crate::device::{Board, Settings};
use crate::plan::training::{Planned, plan};
use crate::train::Spec;

/// Plans and prints.
///
/// # Errors
/// Firmware that cannot be built, a training that does not fit.
pub fn run(spec: &Spec, data: &Dataset, board: &'static Board, settings: &Settings, common: &Common) -> Result<()> {
    let planned = plan(spec, data, board, settings)?;
    if common.json { print_json(&planned) } else { print(&table(&planned)) }
}

fn table(planned: &Planned) -> String {
    let memory = &planned.memory;
    let mut text = format!(
        "training {} layers, {} parameters, batches of {}\nboard    {}, {}, register tile {} x {}\n\n",
        planned.layers,
        planned.parameters,
        planned.spec.batch,
        planned.board,
        planned.core,
        planned.register_tile[0],
        planned.register_tile[1],
    );
    let rows = [
        ("parameters", Some(memory.parameters), "weights and biases"),
        ("state", Some(memory.state), "of the optimiser"),
        ("running", Some(memory.running), "statistics of batch norms"),
        ("values", Some(memory.values), "values and gradients of a batch"),
        ("bound", Some(memory.values_bound), "the least that any placement takes"),
        ("tape", Some(memory.tape), "bits of ReLUs, bytes of maxima"),
        ("statistics", Some(memory.statistics), "of the batch"),
        ("gathered", Some(memory.gathered), "operands of a parameter gradient"),
        ("scratch", Some(memory.scratch), "packed weights"),
        ("graph", Some(memory.graph), "nodes and slots"),
        ("labels", Some(memory.labels), ""),
        ("arena used", Some(memory.arena_used), "all of these but the bound"),
        ("least", Some(memory.least), "with the smallest scratch"),
        ("arena", Some(memory.arena), "what there is"),
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
    text += &format!("multiply-adds   {:>14}    of one example, forward\n", planned.multiply_adds);
    text
}
