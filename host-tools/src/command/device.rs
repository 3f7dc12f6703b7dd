//! `device`: what there is, runs on it, its self-test, and its flash.
use super::{print, print_json};
use crate::cli::{Common, Devices};
use crate::device::board::{BOARDS, Kind};
use crate::device::firmware::Firmware;
use crate::device::link::{Identity, Mended};
use crate::device::map::Map;
use crate::device::place::{Measured, open};
use crate::device::{Target, probe, serial};
use crate::engine::Engine;
use crate::spec::Spec;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::contract::Digest;
use std::process::Command;

/// What `device list` finds.
#[derive(Serialize)]
struct Found {
    boards: Vec<Known>,
    serial_ports: Vec<String>,
    /// Null without probe-rs.
    probes: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Known {
    target: String,
    core: &'static str,
    triple: &'static str,
    /// Null where its emulator is not installed; for chips the name that probe-rs knows.
    by: Option<String>,
}

/// Lists boards, emulators, serial ports and probes.
///
/// # Errors
/// None but a closed standard output.
pub fn list(common: &Common) -> Result<()> {
    let known = BOARDS.iter().map(|board| {
        let (prefix, by) = match board.kind {
            Kind::Qemu { program, .. } => ("qemu", version(program)),
            Kind::Chip { chip } => ("probe", Some(chip.to_owned())),
        };
        Known { target: format!("{prefix}:{}", board.name), core: board.core, triple: board.triple, by }
    });
    let found = Found { boards: known.collect(), serial_ports: serial::ports(), probes: probe::list().ok() };
    if common.json {
        return print_json(&found);
    }
    let mut text = format!("{:28} {:11} {:30} by\n", "target", "core", "built for");
    for Known { target, core, triple, by } in &found.boards {
        let by = by.as_deref().unwrap_or("not installed");
        text += &format!("{target:28} {core:11} {triple:30} {by}\n");
    }
    let node = version("node").unwrap_or("not installed".to_owned());
    text += &format!("{:28} {:11} {:30} node {node}\n", "wasm", "WebAssembly", "wasm32-unknown-unknown");
    for port in &found.serial_ports {
        text += &format!("serial:{port}\n");
    }
    if found.serial_ports.is_empty() {
        text += "no serial port is there\n";
    }
    text += &match &found.probes {
        Some(probes) if probes.is_empty() => "no debug probe is attached\n".to_owned(),
        Some(probes) => probes.iter().map(|probe| format!("probe {probe}\n")).collect(),
        None => "debug probes: this program was built without probe-rs (cargo build --release --features probe)\n"
            .to_owned(),
    };
    print(&text)
}

/// The first line that a program says of its version; None where it is not installed.
pub(super) fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.replace("QEMU emulator version", "QEMU"))
}

/// What `device run` prints as JSON.
#[derive(Serialize)]
struct Ran<'a> {
    spec: &'a Spec,
    contract: &'static str,
    target: String,
    device: Option<Identity>,
    digest: Option<String>,
    runs: Vec<RanOnce>,
    mended: Mended,
}

#[derive(Serialize)]
struct RanOnce {
    digest: Option<String>,
    error: Option<String>,
    gradient_bits: Option<Vec<String>>,
    instructions: Option<u64>,
    ticks: Option<u64>,
    stack_bytes: Option<u32>,
    arena_bytes: Option<u32>,
    seconds: f64,
}

impl RanOnce {
    fn of(measured: Measured) -> Self {
        use crate::device::place::Outcome;
        let digest = measured.outcome.digest().map(|digest| digest.to_string());
        let (gradient_bits, error) = match measured.outcome {
            Outcome::Results { gradient, .. } => {
                (Some(gradient.iter().map(|bits| format!("{bits:08x}")).collect()), None)
            }
            Outcome::NonFinite(fault) => (None, Some(shatterscope::Error::NonFinite(fault).to_string())),
        };
        let Measured { instructions, ticks, stack, arena, seconds, .. } = measured;
        Self { digest, error, gradient_bits, instructions, ticks, stack_bytes: stack, arena_bytes: arena, seconds }
    }
}

/// Runs a spec on one target.
///
/// # Errors
/// A target that cannot run it, NaN or infinity in a run.
pub fn run(spec: &Spec, target: &Target, devices: &Devices, engine: &Engine, common: &Common) -> Result<()> {
    let mut place = open(target, &devices.settings()?, engine)?;
    let of_target = |error: Failure| Failure { message: format!("{target}: {error}"), ..error };
    let measured: Vec<_> =
        (0..spec.runs).map(|run| place.gradient(spec, run).map_err(of_target)).collect::<Result<_>>()?;
    let digests: Option<Vec<Digest>> = measured.iter().map(|run| run.outcome.digest()).collect();
    let ran = Ran {
        spec,
        contract: spec.contract(),
        target: target.to_string(),
        device: place.identity().cloned(),
        digest: digests.map(|digests| Digest::of_runs(digests).to_string()),
        runs: measured.into_iter().map(RanOnce::of).collect(),
        mended: place.mended(),
    };
    if common.json {
        print_json(&ran)?;
    } else {
        print(&text(&ran))?;
    }
    match ran.runs.iter().enumerate().find_map(|(run, once)| Some((run, once.error.as_ref()?))) {
        Some((run, error)) => Err(Failure::failed(format!("run {run}: {error}"))),
        None => Ok(()),
    }
}

fn text(ran: &Ran) -> String {
    let mut text = format!("target    {}\ncontract  {}\n", ran.target, ran.contract);
    if let Some(device) = &ran.device {
        text += &describe(device);
    }
    text += &format!(
        "network   {}\n\nrun  digest                            instructions   arena   stack  seconds\n",
        ran.spec.describe()
    );
    for (i, run) in ran.runs.iter().enumerate() {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        let digest = run.digest.as_deref().or(run.error.as_deref()).unwrap_or("-");
        text += &format!(
            "{i:3}  {digest:32} {:>13} {:>7} {:>7} {:8.3}\n",
            number(run.instructions.or(run.ticks)),
            number(run.arena_bytes.map(u64::from)),
            number(run.stack_bytes.map(u64::from)),
            run.seconds
        );
    }
    if ran.mended != Mended::default() {
        text += &format!("the line was mended: {:?}\n", ran.mended);
    }
    if let Some(digest) = &ran.digest {
        text += &format!("\ndigest    {digest}\n");
    }
    text
}

pub(super) fn describe(device: &Identity) -> String {
    let floats = if device.fpu { "floats in hardware" } else { "floats in software" };
    format!(
        "device    {}, {}, {floats}, tile {} x {}, arena {} of {} B\nfirmware  commit {}, {}\n",
        device.board, device.core, device.rows, device.tile, device.arena, device.ram, device.commit, device.compiler
    )
}

/// Says hello: the device tests itself at its start, and a device that fails does not get past this.
///
/// # Errors
/// A device that fails its self-test, or none.
pub fn self_test(target: &Target, devices: &Devices, engine: &Engine, common: &Common) -> Result<()> {
    let place = open(target, &devices.settings()?, engine)?;
    match (place.identity(), common.json) {
        (Some(device), true) => print_json(device),
        (None, true) => print_json(
            &serde_json::json!({ "board": "host", "contract": shatterscope::contract::CONTRACT, "failed_checks": 0 }),
        ),
        (Some(device), false) => print(&format!("{}self-test passed\n", describe(device))),
        // The program would not have come this far.
        (None, false) => print("host: self-test passed\n"),
    }
}

/// Builds a real board's firmware, checks that it fits the chip, and flashes it.
///
/// # Errors
/// No such board, no probe-rs, no probe, a build that fails.
pub fn flash(target: &Target, devices: &Devices, common: &Common) -> Result<()> {
    let Target::Probe(board) = target else {
        return Err(Failure::usage(format!(
            "{target} has no flash: give probe:NAME, `shatterscope device list` has them"
        )));
    };
    let Kind::Chip { chip } = board.kind else {
        return Err(Failure::usage(format!("{} is emulated", board.name)));
    };
    let image = Firmware::find(devices.firmware.as_deref())?.program(board)?;
    if let Some(map) = Map::of(board) {
        map.check(&image)?;
    }
    probe::flash(board, chip, &image)?;
    if common.json {
        print_json(&serde_json::json!({ "board": board.name, "chip": chip, "flashed": true }))
    } else {
        print(&format!("{} is flashed\n", board.name))
    }
}
