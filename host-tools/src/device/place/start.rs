use super::host::Host;
use super::{OpenTarget, Remote};
use crate::device::board::{Board, Kind};
use crate::device::channel::Channel;
use crate::device::counter::Counter;
use crate::device::firmware::Firmware;
use crate::device::link::Link;
use crate::device::process::Process;
use crate::device::target::Target;
use crate::engine::Engine;
use crate::{Failure, Result};
use shatterscope::plan::Schedule;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How places are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Repository that firmware is built from; None: it is looked for.
    pub firmware: Option<PathBuf>,
    /// Longest time that an exchange with a device may take without progress.
    pub timeout: Duration,
    /// A schedule for all runs on devices, instead of the one that fits best.
    pub schedule: Option<Schedule>,
    /// Bytes of memory that the firmware may use; 0 for all.
    pub ram: u32,
    /// What is counted under the emulator.
    pub count: Counting,
    /// Whether firmware that is built has the operations of models from files.
    pub models: bool,
}

/// What the emulator's plugin follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Nothing.
    Off,
    /// Instructions, and cycles on Arm.
    Instructions,
    /// Loads and stores as well.
    Memory,
}

/// Opens a place: starts the emulator, or finds the device.
///
/// # Errors
/// One line that says what is missing.
pub fn open(target: &Target, settings: &Settings, engine: &Engine) -> Result<Box<dyn OpenTarget>> {
    if let Target::Host = target {
        return Ok(Box::new(Host(engine.clone())));
    }
    let (channel, counter) = line(target, settings)?;
    Ok(Box::new(remote(channel, counter, target, settings, engine)?))
}

/// A conversation with a device, and what counts under the emulator.
///
/// # Errors
/// As [`open`]; wrong use for this machine.
pub fn open_link(target: &Target, settings: &Settings) -> Result<(Link, Option<Counter>)> {
    let (channel, counter) = line(target, settings)?;
    Ok((link(channel, target, settings)?, counter))
}

fn line(target: &Target, settings: &Settings) -> Result<(Box<dyn Channel>, Option<Counter>)> {
    let firmware = || Firmware::find(settings.firmware.as_deref());
    Ok(match target {
        Target::Host => return Err(Failure::usage("host needs no connection")),
        Target::Qemu(board) => {
            let (process, counter) = emulator(board, &firmware()?, settings)?;
            (Box::new(process), counter)
        }
        Target::Wasm => {
            let (script, module) = firmware()?.wasm()?;
            (Box::new(Process::start(Command::new("node").arg(script).arg(module))?), None)
        }
        Target::Pipe(command) => {
            let [program, words @ ..] = command.as_slice() else {
                return Err(Failure::usage("pipe: needs a command"));
            };
            (Box::new(Process::start(Command::new(program).args(words))?), None)
        }
        Target::Serial { port, baud } => (super::super::serial::open(port, *baud)?, None),
        Target::Probe(board) => (super::super::probe::open(board)?, None),
    })
}

/// A program of an emulated board, started as it stands.
///
/// # Errors
/// A board that is not emulated.
pub fn in_emulator(board: &Board, image: &Path) -> Result<Target> {
    let (program, words) = emulator_words(board)?;
    let words = std::iter::once(program).chain(words).map(str::to_owned);
    Ok(Target::Pipe(words.chain(["-kernel".to_owned(), image.display().to_string()]).collect()))
}

/// The emulator of a board and its words, but for the program.
fn emulator_words(board: &Board) -> Result<(&'static str, Vec<&'static str>)> {
    let Kind::Qemu { program, words } = board.kind else {
        return Err(Failure::usage(format!("{} is no emulated board", board.name)));
    };
    // Any stdio device of QEMU's own would make standard output non-blocking, and frames would be lost.
    let quiet = ["-display", "none", "-monitor", "none", "-serial", "none"];
    let semihosting = ["-semihosting-config", "enable=on,target=native"];
    Ok((program, words.iter().copied().chain(quiet).chain(semihosting).collect()))
}

/// An emulated board.
///
/// # Errors
/// As [`open`].
pub fn emulated_place(board: &'static Board, settings: &Settings, engine: &Engine) -> Result<Remote> {
    let (process, counter) = emulator(board, &Firmware::find(settings.firmware.as_deref())?, settings)?;
    remote(Box::new(process), counter, &Target::Qemu(board), settings, engine)
}

fn remote(
    channel: Box<dyn Channel>,
    counter: Option<Counter>,
    target: &Target,
    settings: &Settings,
    engine: &Engine,
) -> Result<Remote> {
    let link = link(channel, target, settings)?;
    Ok(Remote { link, counter, schedule: settings.schedule, ram: settings.ram, quiet: engine.quiet })
}

fn link(channel: Box<dyn Channel>, target: &Target, settings: &Settings) -> Result<Link> {
    Link::open(channel, settings.timeout).map_err(|error| Failure::failed(format!("{target}: {error}")))
}

/// A board's program in QEMU, frames on its standard input and output.
///
/// # Errors
/// Firmware that cannot be built, an emulator that is not installed.
pub fn emulator(board: &Board, firmware: &Firmware, settings: &Settings) -> Result<(Process, Option<Counter>)> {
    let (program, words) = emulator_words(board)?;
    let (image, count) = (firmware.program_with(board, settings.models)?, settings.count);
    let counter = if count != Counting::Off {
        let made = Counter::new(firmware.counter()?);
        Some(made.map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?)
    } else {
        None
    };
    let mut command = Command::new(program);
    command.args(words);
    if let Some(counter) = &counter {
        command.args(counter.words((count == Counting::Memory).then_some((0, 0))));
    }
    command.arg("-kernel").arg(image);
    Ok((Process::start(&mut command)?, counter))
}
