//! `device profile`: what each operation takes on a device.
use super::device::{describe, version};
use super::{print, print_json};
use crate::cli::{Common, Devices};
use crate::device::board::Kind;
use crate::device::link::Identity;
use crate::device::profile::{Profile, Spent, grouped, kind_of};
use crate::device::{Counting, Outcome, Settings, Target, open};
use crate::engine::Engine;
use crate::spec::Spec;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::network::Network;

/// What is printed as JSON.
#[derive(Serialize)]
struct Profiled<'a> {
    spec: &'a Spec,
    contract: &'static str,
    /// Of this tool.
    commit: &'static str,
    target: String,
    /// Board, core, register tile; commit and compiler of its firmware.
    device: &'a Identity,
    /// Version of the emulator; null on a chip.
    emulator: Option<String>,
    /// Instruction set of the device's kernel.
    kernel: &'a str,
    schedule: String,
    run: u32,
    /// Digest of the gradient, of the same run without marks.
    digest: String,
    /// `instructions` or `ticks`: what shares are of.
    unit: &'static str,
    total: Numbers,
    /// In no operation.
    rest: Numbers,
    /// How often an operation was marked.
    marks: u64,
    /// The same run without marks, in the same unit.
    unmarked: Option<u64>,
    operations: Vec<Row>,
    layers: Vec<Row>,
    kinds: Vec<Row>,
}

/// An operation, a layer, or a kind of operation.
#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<(u32, u32)>,
    forward: Numbers,
    backward: Numbers,
    /// Of the total.
    share: f64,
}

/// What was measured; null for what was not.
#[derive(Clone, Copy, Serialize)]
struct Numbers {
    instructions: Option<u64>,
    loads: Option<u64>,
    stores: Option<u64>,
    /// Modelled, on Arm.
    cycles: Option<u64>,
    ticks: Option<u64>,
}

/// Profiles one run and prints.
///
/// # Errors
/// A target that cannot run it, or that has nothing to measure with.
pub fn run(spec: &Spec, run: u32, target: &Target, devices: &Devices, engine: &Engine, common: &Common) -> Result<()> {
    let settings = Settings { count: Counting::Memory, ..devices.settings()? };
    let mut place = open(target, &settings, engine)?;
    let profile = place.profile(spec, run)?;
    let measured = place.gradient(spec, run)?;
    if let Outcome::NonFinite(fault) = measured.outcome {
        return Err(Failure::failed(format!("run {run}: {}", shatterscope::Error::NonFinite(fault))));
    }
    let device = place.identity().ok_or_else(|| Failure::failed(format!("{target} does not say what it is")))?;
    let emulator = match target {
        Target::Qemu(board) => match board.kind {
            Kind::Qemu { program, .. } => version(program),
            Kind::Silicon { .. } => None,
        },
        _ => None,
    };
    let network = Network::Family(spec.network());
    let ticks = profile.total.ticks > 0;
    let numbers = |spent: Spent| numbers(&profile, spent);
    let row = |[forward, backward]: [Spent; 2]| Row {
        operation: None,
        layer: None,
        kind: None,
        units: None,
        forward: numbers(forward),
        backward: numbers(backward),
        share: (forward.work() + backward.work()) as f64 / profile.total.work().max(1) as f64,
    };
    let operations = (0..).zip(&profile.operations).filter_map(|(i, spent)| {
        let layer = network.layer(i)?;
        let (number, kind) = (network.layer_number(i), kind_of(&layer));
        let named = Row { operation: Some(i), layer: Some(number), kind: Some(kind), ..row(*spent) };
        Some(Row { units: Some(layer.shape()), ..named })
    });
    let layers = grouped(&network, &profile.operations, |i, _| network.layer_number(i));
    let kinds = grouped(&network, &profile.operations, |_, layer| kind_of(layer));
    let profiled = Profiled {
        spec,
        contract: spec.contract(),
        commit: env!("SHATTERSCOPE_COMMIT"),
        target: target.to_string(),
        device,
        emulator,
        kernel: &profile.kernel,
        schedule: place.schedule(spec)?.unwrap_or_default(),
        run,
        digest: measured.outcome.digest().map(|digest| digest.to_string()).unwrap_or_default(),
        unit: if ticks { "ticks" } else { "instructions" },
        total: numbers(profile.total),
        rest: numbers(profile.rest()),
        marks: profile.marks,
        unmarked: if ticks { measured.ticks } else { measured.instructions },
        operations: operations.collect(),
        layers: layers.into_iter().map(|(layer, spent)| Row { layer: Some(layer), ..row(spent) }).collect(),
        kinds: kinds.into_iter().map(|(kind, spent)| Row { kind: Some(kind), ..row(spent) }).collect(),
    };
    if common.json { print_json(&profiled) } else { print(&text(&profiled)) }
}

fn numbers(profile: &Profile, spent: Spent) -> Numbers {
    let counted = |count: u64| (profile.total.counts.instructions > 0).then_some(count);
    Numbers {
        instructions: counted(spent.counts.instructions),
        loads: counted(spent.counts.loads),
        stores: counted(spent.counts.stores),
        cycles: counted(spent.counts.cycles).filter(|_| profile.total.counts.cycles > 0),
        ticks: (profile.total.ticks > 0).then_some(spent.ticks),
    }
}

impl Numbers {
    fn work(&self) -> u64 {
        self.ticks.or(self.instructions).unwrap_or(0)
    }
}

fn text(profiled: &Profiled) -> String {
    let Profiled { spec, device, unit, total, rest, .. } = profiled;
    let mut text = format!(
        "target    {}\ncontract  {}\n{}kernel    {}, schedule {}\n",
        profiled.target,
        profiled.contract,
        describe(device),
        profiled.kernel,
        profiled.schedule
    );
    if let Some(emulator) = &profiled.emulator {
        text += &format!("counted   by the plugin of commit {} in {emulator}\n", profiled.commit);
    }
    text += &format!("network   {}, {} points, run {}\n", spec.describe(), spec.points, profiled.run);
    text += &format!("digest    {}\n\n", profiled.digest);
    let name = |row: &Row| {
        let [operation, layer] =
            [row.operation, row.layer].map(|number| number.map_or(String::new(), |n| n.to_string()));
        let units = row.units.map_or(String::new(), |(units_in, units_out)| format!("{units_in}>{units_out}"));
        format!("{operation:>5} {layer:>5} {:10} {units:9}", row.kind.unwrap_or(""))
    };
    let head = |what: &str| {
        if *unit == "ticks" {
            return format!("{what:32} {:>14} {:>14} {:>6}\n", "forward", "backward", "share");
        }
        let each = |way: &str| format!("{way:>14} {:>11} {:>11}", "loads", "stores");
        let cycles = if total.cycles.is_some() { "        cycles" } else { "" };
        format!("{what:32} {} {}{cycles} {:>6}\n", each("forward"), each("backward"), "share")
    };
    let line = |row: &Row| {
        let share = format!("{:>5.1}%", 100.0 * row.share);
        let [forward, backward] = [&row.forward, &row.backward].map(|numbers| numbers.work());
        if *unit == "ticks" {
            return format!("{} {forward:>14} {backward:>14} {share}\n", name(row));
        }
        let memory = |numbers: &Numbers| {
            let [loads, stores] = [numbers.loads, numbers.stores].map(Option::unwrap_or_default);
            format!("{loads:>11} {stores:>11}")
        };
        let cycles =
            row.forward.cycles.zip(row.backward.cycles).map_or(String::new(), |(a, b)| format!(" {:>13}", a + b));
        let (first, second) = (memory(&row.forward), memory(&row.backward));
        format!("{} {forward:>14} {first} {backward:>14} {second}{cycles} {share}\n", name(row))
    };
    for (what, rows) in [
        ("   op layer kind       units", &profiled.operations),
        ("      layer", &profiled.layers),
        ("            kind", &profiled.kinds),
    ] {
        text += &head(what);
        rows.iter().for_each(|row| text += &line(row));
        text.push('\n');
    }
    text += &format!("total     {} {unit}, {} of them in no operation", total.work(), rest.work());
    if let Some(cycles) = total.cycles {
        text += &format!("; {cycles} modelled cycles");
    }
    text += "\n";
    if let Some(unmarked) = profiled.unmarked {
        let cost = total.work() as f64 / unmarked.max(1) as f64 - 1.0;
        text += &format!("marks     {}; without them {unmarked} {unit} ({:+.3}%)\n", profiled.marks, 100.0 * cost);
    }
    text
}
