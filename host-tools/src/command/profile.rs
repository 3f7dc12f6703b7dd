//! `device profile`: what each node of a run, or of a step of training, takes on a device.
use super::device::{describe, version};
use super::{print, print_json};
use crate::cli::{Common, Devices};
use crate::data::Dataset;
use crate::device::board::Kind;
use crate::device::link::Identity;
use crate::device::place::open_link;
use crate::device::profile::{Profile, Spent, summed};
use crate::device::{Counting, Outcome, Settings, Target, no_counter, open};
use crate::engine::Engine;
use crate::spec::Spec;
use crate::train::{self, Pupil, Run};
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::contract::CONTRACT;
use shatterscope::graph::{Graph, Node};

/// What is printed as JSON.
#[derive(Serialize)]
struct Profiled<'a, S> {
    spec: &'a S,
    /// What was run, in words.
    #[serde(skip)]
    network: String,
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
    /// Of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    run: u32,
    /// Of the gradient, of the same run without marks; of the parameters after the step.
    digest: String,
    /// `instructions` or `ticks`: what shares are of.
    unit: &'static str,
    total: Numbers,
    /// In no node.
    rest: Numbers,
    /// How often a node was marked.
    marks: u64,
    /// The same run, or step, without marks, in the same unit.
    unmarked: Option<u64>,
    operations: Vec<Row>,
    layers: Vec<Row>,
    kinds: Vec<Row>,
}

/// A node, a layer, or a kind of operation.
#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
    /// The same, under the name that earlier versions printed.
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
    /// Of a step, by its plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiply_adds: Option<u64>,
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
    let network = spec.network();
    let graph = Graph::family(&network)?;
    let nodes: Vec<Node> = (0..).map_while(|i| graph.node(i)).collect();
    let shown = Shown {
        spec,
        network: format!("{}, {} points, run {run}", spec.describe(), spec.points),
        contract: spec.contract(),
        run,
        schedule: Some(place.schedule(spec)?.unwrap_or_default()),
        digest: measured.outcome.digest().map(|digest| digest.to_string()).unwrap_or_default(),
        unmarked: if profile.total.ticks > 0 { measured.ticks } else { measured.instructions },
    };
    show(shown, target, device, &profile, Named::of(&nodes), common)
}

/// Profiles the first step of a training and prints.
///
/// # Errors
/// As [`run`]; a training that does not fit, or of which this machine computes other parameters.
pub fn step(
    spec: &train::Spec,
    data: &Dataset,
    target: &Target,
    settings: Settings,
    engine: &Engine,
    common: &Common,
) -> Result<()> {
    if *target == Target::Host {
        return Err(no_counter());
    }
    let settings = Settings { count: Counting::Memory, ..settings };
    engine.install(|| {
        let mut run = Run::new(spec.clone(), data, engine.isa, None)?;
        // What no device does is said before anything is built.
        train::request(spec, &run.model().layers, 0, settings.ram)?;
        let line = open_link(target, &settings)?;
        let mut pupil = Pupil::new(line, target.to_string(), spec, run.model(), settings.ram)?;
        let (before, lesson) = (run.model().clone(), run.lesson()?);
        let outcome = run.step()?;
        pupil.teach(&lesson, &outcome, &before, run.model())?;
        let (model, report) = (run.model(), pupil.report());
        let profile = pupil.profile(&lesson, &before, model)?;
        let nodes = &pupil.placed().nodes;
        let mut named = Named::of(nodes);
        if let Some(last) = nodes.last() {
            named.push(Named { layer: last.address, kind: "loss", units: (last.shape.units().unwrap_or(0), 1) });
        }
        let (layers, parameters) = (model.layers.len(), model.parameters.len());
        let shown = Shown {
            spec,
            network: format!("step 1 of {layers} layers, {parameters} parameters, batch of {}", spec.batch),
            contract: CONTRACT,
            run: spec.run,
            schedule: None,
            digest: model.digest().to_string(),
            unmarked: if profile.total.ticks > 0 { report.ticks } else { report.instructions },
        };
        show(shown, target, &report.device, &profile, named, common)
    })?
}

/// What a node's operation is called, and the units of its first operand and of its value; those of an input are equal.
struct Named {
    layer: u32,
    kind: &'static str,
    units: (u32, u32),
}

impl Named {
    fn of(nodes: &[Node]) -> Vec<Self> {
        let units = |node: &Node| node.shape.units().unwrap_or(0);
        let named = |node: &Node| Self {
            layer: node.address,
            kind: node.op.name(),
            units: (nodes.get(node.x as usize).map_or(0, units), units(node)),
        };
        nodes.iter().map(named).collect()
    }
}

/// What is said of a profile besides its numbers.
struct Shown<'a, S> {
    spec: &'a S,
    network: String,
    contract: &'static str,
    run: u32,
    schedule: Option<String>,
    digest: String,
    unmarked: Option<u64>,
}

fn show<S: Serialize>(
    shown: Shown<S>,
    target: &Target,
    device: &Identity,
    profile: &Profile,
    named: Vec<Named>,
    common: &Common,
) -> Result<()> {
    let emulator = match target {
        Target::Qemu(board) => match board.kind {
            Kind::Qemu { program, .. } => version(program),
            Kind::Chip { .. } => None,
        },
        _ => None,
    };
    let numbers = |spent: Spent| numbers(profile, spent);
    let row = |[forward, backward]: [Spent; 2]| Row {
        node: None,
        operation: None,
        layer: None,
        kind: None,
        units: None,
        forward: numbers(forward),
        backward: numbers(backward),
        share: (forward.work() + backward.work()) as f64 / profile.total.work().max(1) as f64,
    };
    // Inputs take nothing.
    let all = || (0..).zip(named.iter().zip(&profile.operations)).filter(|(_, (named, _))| named.kind != "input");
    let operations = all().map(|(i, (named, spent))| Row {
        node: Some(i),
        operation: Some(i),
        layer: Some(named.layer),
        kind: Some(named.kind),
        units: Some(named.units),
        ..row(*spent)
    });
    let layers = summed(all().map(|(_, (named, spent))| (named.layer, *spent)));
    let kinds = summed(all().map(|(_, (named, spent))| (named.kind, *spent)));
    let profiled = Profiled {
        spec: shown.spec,
        network: shown.network,
        contract: shown.contract,
        commit: env!("SHATTERSCOPE_COMMIT"),
        target: target.to_string(),
        device,
        emulator,
        kernel: &profile.kernel,
        schedule: shown.schedule,
        run: shown.run,
        digest: shown.digest,
        unit: if profile.total.ticks > 0 { "ticks" } else { "instructions" },
        total: numbers(profile.total),
        rest: numbers(profile.rest()),
        marks: profile.marks,
        unmarked: shown.unmarked,
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
        multiply_adds: (profile.total.multiply_adds > 0).then_some(spent.multiply_adds),
    }
}

impl Numbers {
    fn work(&self) -> u64 {
        self.ticks.or(self.instructions).unwrap_or(0)
    }
}

fn text<S>(profiled: &Profiled<S>) -> String {
    let Profiled { device, unit, total, rest, .. } = profiled;
    let mut text = format!(
        "target    {}\ncontract  {}\n{}kernel    {}{}\n",
        profiled.target,
        profiled.contract,
        describe(device),
        profiled.kernel,
        profiled.schedule.as_ref().map_or(String::new(), |schedule| format!(", schedule {schedule}"))
    );
    if let Some(emulator) = &profiled.emulator {
        text += &format!("counted   by the plugin of commit {} in {emulator}\n", profiled.commit);
    }
    text += &format!("network   {}\n", profiled.network);
    text += &format!("digest    {}\n\n", profiled.digest);
    let name = |row: &Row| {
        let [node, layer] = [row.node, row.layer].map(|number| number.map_or(String::new(), |n| n.to_string()));
        let units = row.units.map_or(String::new(), |(units_in, units_out)| format!("{units_in}>{units_out}"));
        format!("{node:>5} {layer:>5} {:10} {units:9}", row.kind.unwrap_or(""))
    };
    let work = if total.multiply_adds.is_some() { " multiply-adds" } else { "" };
    let head = |what: &str| {
        if *unit == "ticks" {
            return format!("{what:32} {:>14} {:>14} {:>6}{work}\n", "forward", "backward", "share");
        }
        let each = |way: &str| format!("{way:>14} {:>11} {:>11}", "loads", "stores");
        let cycles = if total.cycles.is_some() { "        cycles" } else { "" };
        format!("{what:32} {} {}{cycles} {:>6}{work}\n", each("forward"), each("backward"), "share")
    };
    let line = |row: &Row| {
        let both = row.forward.multiply_adds.zip(row.backward.multiply_adds);
        let work = both.map_or(String::new(), |(forward, backward)| format!(" {:>13}", forward + backward));
        let share = format!("{:>5.1}%{work}", 100.0 * row.share);
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
        (" node layer kind       units", &profiled.operations),
        ("      layer", &profiled.layers),
        ("            kind", &profiled.kinds),
    ] {
        text += &head(what);
        rows.iter().for_each(|row| text += &line(row));
        text.push('\n');
    }
    text += &format!("total     {} {unit}, {} of them in no node", total.work(), rest.work());
    if let Some(cycles) = total.cycles {
        text += &format!("; {cycles} modelled cycles");
    }
    if let Some(multiply_adds) = total.multiply_adds {
        text += &format!("; {multiply_adds} multiply-adds");
    }
    text += "\n";
    if let Some(unmarked) = profiled.unmarked {
        let cost = total.work() as f64 / unmarked.max(1) as f64 - 1.0;
        text += &format!("marks     {}; without them {unmarked} {unit} ({:+.3}%)\n", profiled.marks, 100.0 * cost);
    }
    text
}
