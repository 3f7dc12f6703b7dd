//! `plan`: what a run takes on a board.
use super::{print, print_json};
use crate::Result;
use crate::cli::{Common, Devices};
use crate::device::Board;
use crate::plan::{Planned, plan};
use crate::spec::Spec;

/// Plans and prints.
///
/// # Errors
/// Firmware that cannot be built, a run that does not fit.
pub fn run(spec: &Spec, board: &'static Board, devices: &Devices, common: &Common) -> Result<()> {
    let planned = plan(spec, board, &devices.settings()?)?;
    if common.json { print_json(&planned) } else { print(&table(&planned)) }
}

fn table(planned: &Planned) -> String {
    let Planned { spec, memory, .. } = planned;
    let mut text = format!(
        "network  {}, {} points, {} weights\nboard    {}, {}, register tile {} x {}\n\n",
        spec.describe(),
        spec.points,
        planned.parameters,
        planned.board,
        planned.core,
        planned.register_tile[0],
        planned.register_tile[1],
    );
    let rows = [
        ("values", Some(memory.values), "of the resident points, with gradients or tangents"),
        ("tape", Some(memory.tape), "one bit a ReLU and point"),
        ("statistics", Some(memory.statistics), "means and deviations"),
        ("weights panel", Some(memory.panel), "weights are drawn into it"),
        ("results", Some(memory.results), "outputs and gradient"),
        ("arena used", Some(memory.arena_used), "all of these"),
        ("arena", Some(memory.arena), "what runs may use"),
        ("other statics", Some(memory.other_statics), ""),
        ("stack", memory.stack, "measured bound, the two frames included"),
        ("flash", Some(planned.flash), ""),
    ];
    for (what, bytes, note) in rows {
        let bytes = bytes.map_or("not measured".to_owned(), |bytes| format!("{bytes} B"));
        text += format!("{what:16}{bytes:>14}  {note}").trim_end();
        text.push('\n');
    }
    text += "\nschedule            arena   multiply-adds   weights drawn    instructions  verdict\n";
    for one in &planned.schedules {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        text += &format!(
            "{:14} {:>10} {:>15} {:>15} {:>15}  {}\n",
            one.schedule,
            number(one.arena),
            number(one.multiply_adds),
            number(one.weights_drawn),
            number(one.instructions),
            one.verdict
        );
    }
    if !planned.layers.is_empty() {
        text += "\n      layer kind              forward        backward   share\n";
    }
    let total = planned.instructions.unwrap_or(0).max(1) as f64;
    for part in planned.layers.iter().chain(&planned.kinds) {
        let layer = part.layer.map_or(String::new(), |layer| layer.to_string());
        let share = 100.0 * (part.forward + part.backward) as f64 / total;
        let kind = part.kind.unwrap_or("");
        text += &format!("{layer:>11} {kind:10} {:>14} {:>15} {share:>6.1}%\n", part.forward, part.backward);
    }
    if planned.slice < spec.points {
        text += &format!("in requests of {} points\n", planned.slice);
    }
    if planned.zeros == "assumed" {
        text += "half of the factors behind each ReLU are assumed to be zero: the run is too long to count them here\n";
    }
    if let Some(other) = planned.instructions_of {
        text += &format!("instructions as counted on {other}, which has the same core\n");
    }
    text
}
