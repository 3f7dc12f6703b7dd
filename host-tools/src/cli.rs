//! The command line: one binary, the same words everywhere.
use crate::compare::{Entry, suite};
use crate::device::{BOARDS, Board, Settings, Target};
use crate::engine::{Engine, Isa};
use crate::plan::calibrate::calibrate;
use crate::preset::{Preset, find};
use crate::spec::{Acf, Overrides, Spec};
use crate::tensors::Bundle;
use crate::theory::Draws;
use crate::{Failure, Result, command};
use clap::{Args, Parser, Subcommand};
use shatterscope::network::Schedule;
use std::path::PathBuf;
use std::time::Duration;

/// Runs deep ReLU networks with the same bits everywhere and measures how shattered their gradients are.
#[derive(Debug, Parser)]
#[command(name = "shatterscope", version, max_term_width = 110, args_override_self = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// How to talk
    #[command(flatten)]
    pub common: Common,
}

/// Options of every command.
#[derive(Clone, Copy, Debug, Args)]
pub struct Common {
    /// Exactly one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, no summary
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw the paper's figures: SVG, PNG, CSV, JSON and one index.html
    Figures(Figures),
    /// Gradients of one network, their autocorrelation and ensemble correlation
    Probe(Probe),
    /// The exact wide limit of those gradients, without running anything
    Theory(Theory),
    /// The same spec on this machine and on devices: a table of digests, and where they first differ
    Compare(Compare),
    /// Boards: list them, run on them, test them, flash them
    Device {
        /// What to do
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Memory, flash and work of a network on a board, before anything is flashed
    Plan(Plan),
    /// Print the resolved spec as TOML
    Spec(Network),
    /// Write weights, inputs, outputs and gradients of a run as .safetensors and .npz
    Export(Export),
    /// A network of your own, weights and layers, as a const Rust module for flash
    Pack(Pack),
    /// Presets
    Preset {
        /// What to do with them
        #[command(subcommand)]
        command: PresetCommand,
    },
}

/// Commands on presets.
#[derive(Debug, Subcommand)]
pub enum PresetCommand {
    /// One line each
    List,
}

/// Commands on devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Boards known, emulators and probes found
    List,
    /// Run a spec on one target
    Run {
        /// `host`, `wasm`, `qemu:NAME`, `serial:PORT[@BAUD]`, `probe:NAME` or `pipe:COMMAND`
        #[arg(long)]
        target: String,
        /// The network
        #[command(flatten)]
        network: Box<Network>,
        /// How to reach it
        #[command(flatten)]
        devices: Devices,
        /// Where to compute
        #[command(flatten)]
        computing: Computing,
    },
    /// Ask a device who it is; it tests its arithmetic at its start
    Selftest {
        /// `host`, `wasm`, `qemu:NAME`, `serial:PORT[@BAUD]`, `probe:NAME` or `pipe:COMMAND`
        #[arg(long)]
        target: String,
        /// How to reach it
        #[command(flatten)]
        devices: Devices,
    },
    /// Build a board's firmware and write it to its flash, through probe-rs
    Flash {
        /// probe:NAME
        #[arg(long)]
        target: String,
        /// How to reach it
        #[command(flatten)]
        devices: Devices,
    },
}

/// How devices are reached and used.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Devices (changes no bit)")]
pub struct Devices {
    /// Repository that firmware is built from [default: around the working directory]
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// Seconds of silence after which a device counts as gone
    #[arg(long, default_value_t = 60.0)]
    pub timeout: f64,
    /// Order of work on devices: whole-batch, or blocks:N with N points resident [default: what costs least]
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// Bytes of memory that the whole firmware may use, K and M allowed [default: all]
    #[arg(long, value_name = "BYTES")]
    pub ram: Option<String>,
    /// Do not count instructions under the emulator
    #[arg(long)]
    pub no_count: bool,
}

impl Devices {
    /// The settings that these options mean.
    ///
    /// # Errors
    /// Wrong use: a schedule, size or time that is not understood.
    pub fn settings(&self) -> Result<Settings> {
        let schedule = match self.schedule.as_deref() {
            None => None,
            Some("whole-batch") => Some(Schedule::WholeBatch),
            Some(text) => match text.strip_prefix("blocks:").and_then(|n| n.parse().ok()) {
                Some(resident @ 1..) => Some(Schedule::Blocks { resident }),
                _ => {
                    return Err(Failure::usage(format!(
                        "--schedule {text}: whole-batch, or blocks:N with N at least 1"
                    )));
                }
            },
        };
        let ram = match &self.ram {
            None => 0,
            Some(text) => {
                bytes(text).ok_or_else(|| Failure::usage(format!("--ram {text}: give bytes, or 128K or 1M")))?
            }
        };
        if !(self.timeout > 0.0 && self.timeout < 1e6) {
            return Err(Failure::usage(format!("--timeout {}: give seconds above 0", self.timeout)));
        }
        let timeout = Duration::from_secs_f64(self.timeout);
        Ok(Settings { firmware: self.firmware.clone(), timeout, schedule, ram, count: !self.no_count })
    }
}

/// A number of bytes above 0, with K or M.
fn bytes(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<u32>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Name of a board, as `device list` has it
    #[arg(long, required_unless_present = "calibrate")]
    pub board: Option<String>,
    /// Count instructions on every emulated board, fit the prices of work, and write them as TOML
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["board", "preset", "spec"])]
    pub calibrate: Option<PathBuf>,
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// How to reach devices
    #[command(flatten)]
    pub devices: Devices,
}

impl Plan {
    fn run(&self, common: &Common) -> Result<()> {
        if let Some(path) = &self.calibrate {
            let engine = Engine::new(None, Isa::Auto, true)?;
            return calibrate(&self.devices.settings()?, &engine)?.write(path);
        }
        let name = self.board.as_deref().unwrap_or_default();
        let name = name.strip_prefix("qemu:").or(name.strip_prefix("probe:")).unwrap_or(name);
        let Some(board) = Board::find(name) else {
            let known: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
            return Err(Failure::usage(format!("no board {name}; there are {}", known.join(", "))));
        };
        command::plan::run(&self.network.resolve_over(None)?, board, &self.devices, common)
    }
}

/// `compare`
#[derive(Debug, Args)]
pub struct Compare {
    /// Targets with commas between; the first is what the others are compared with
    #[arg(long, default_value = "host,qemu:all")]
    pub targets: String,
    /// The built-in suite: every part of the contract, small enough for 16 KiB of memory
    #[arg(long, conflicts_with_all = ["preset", "spec"])]
    pub suite: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE.xml")]
    pub junit: Option<PathBuf>,
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// How to reach devices
    #[command(flatten)]
    pub devices: Devices,
    /// Where to compute
    #[command(flatten)]
    pub computing: Computing,
}

impl Compare {
    fn run(&self, common: &Common) -> Result<()> {
        let targets = Target::list(&self.targets)?;
        let entries = if self.suite {
            suite()?
        } else {
            vec![Entry { name: None, spec: self.network.resolve_over(None)?, schedule: None }]
        };
        let engine = self.computing.engine(common)?;
        command::compare::run(&entries, &targets, &self.devices, self.junit.as_deref(), &engine, common)
    }
}

/// Where to compute; none of it changes a bit.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Computing (changes no bit)")]
pub struct Computing {
    /// Threads [default: all]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Force a kernel
    #[arg(long, value_enum, default_value_t)]
    pub isa: Isa,
}

impl Computing {
    fn engine(&self, common: &Common) -> Result<Engine> {
        Engine::new(self.threads, self.isa, common.quiet)
    }
}

/// The network options, with a preset or a file under them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// Start from a preset; other options change it
    #[arg(long, conflicts_with = "spec")]
    pub preset: Option<String>,
    /// Start from a TOML file as `spec` prints it; other options change it
    #[arg(long, value_name = "FILE.toml")]
    pub spec: Option<PathBuf>,
    /// Single fields
    #[command(flatten)]
    pub overrides: Overrides,
}

impl Network {
    fn preset(&self) -> Result<Option<Preset>> {
        match &self.preset {
            None => Ok(None),
            Some(name) => match find(name) {
                None => Err(Failure::usage(format!("no preset {name}: `shatterscope preset list` has them"))),
                preset => Ok(preset),
            },
        }
    }

    /// Options over preset or file over `base`.
    fn resolve_over(&self, base: Option<Overrides>) -> Result<Spec> {
        let under = match (&self.spec, self.preset()?) {
            (Some(path), _) => Spec::overrides_from_file(path)?,
            (None, Some(preset)) => preset.overrides,
            (None, None) => base.unwrap_or_default(),
        };
        self.overrides.clone().over(under).resolve()
    }
}

/// `probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// Weights of one run, .safetensors or .npz with the names of `export`; its spec is the default
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Which autocorrelation [default: mean-removed]
    #[arg(long)]
    pub acf: Option<Acf>,
    /// Largest lag [default: 15]
    #[arg(long)]
    pub lags: Option<u32>,
    /// Measure only, without the wide limit
    #[arg(long)]
    pub no_theory: bool,
    /// How the wide limit is found
    #[command(flatten)]
    pub sampling: Sampling,
    /// Where to compute
    #[command(flatten)]
    pub computing: Computing,
}

/// How batch norm is averaged in the wide limit; all else is exact.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Theory")]
pub struct Sampling {
    /// Units a layer that batch norm is averaged over, in 8 groups, whose spread is the error [default: 20000; probe: 4000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(256..=10_000_000))]
    pub theory_draws: Option<u32>,
    /// Seed of these units [default: 1]
    #[arg(long, value_name = "SEED")]
    pub theory_seed: Option<u64>,
}

impl Sampling {
    fn draws(&self, default: Draws) -> Draws {
        let Draws { count, seed, groups } = default;
        Draws { count: self.theory_draws.unwrap_or(count), seed: self.theory_seed.unwrap_or(seed), groups }
    }
}

/// `theory`
#[derive(Debug, Args)]
pub struct Theory {
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// Largest lag
    #[arg(long, default_value_t = 15)]
    pub lags: u32,
    /// How
    #[command(flatten)]
    pub sampling: Sampling,
}

impl Probe {
    fn run(&self, common: &Common) -> Result<()> {
        let preset = self.network.preset()?;
        let question = command::probe::Question {
            acf: self.acf.or(preset.as_ref().map(|p| p.acf)).unwrap_or(Acf::MeanRemoved),
            lags: self.lags.or(preset.as_ref().map(|p| p.lags)).unwrap_or(15),
            theory: (!self.no_theory).then(|| self.sampling.draws(Draws::BESIDE_RUNS)),
        };
        let engine = self.computing.engine(common)?;
        let Some(path) = &self.weights else {
            return command::probe::run(&self.network.resolve_over(None)?, question, None, &engine, common);
        };
        if self.network.overrides.runs.is_some_and(|runs| runs != 1) {
            return Err(Failure::usage("--weights holds one run: leave out --runs"));
        }
        let bundle = Bundle::read(path)?;
        let spec = Spec { runs: 1, ..self.network.resolve_over(bundle.overrides()?)? };
        command::probe::run(&spec, question, Some((path, &bundle)), &engine, common)
    }
}

/// `export`
#[derive(Debug, Args)]
pub struct Export {
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// Folder for run.safetensors and run.npz
    #[arg(long)]
    pub out: PathBuf,
    /// Which run, from 0
    #[arg(long, default_value_t = 0)]
    pub run: u32,
    /// Where to compute
    #[command(flatten)]
    pub computing: Computing,
}

/// `pack`
#[derive(Debug, Args)]
pub struct Pack {
    /// Weights, .safetensors or .npz
    pub model: PathBuf,
    /// List of layers
    #[arg(long, value_name = "NET.toml")]
    pub net: PathBuf,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE.rs")]
    pub out: Option<PathBuf>,
}

/// `figures`
#[derive(Debug, Args)]
pub struct Figures {
    /// Which: 1, 2, all; alone: every figure that needs no data set and fits a minute
    pub which: Vec<String>,
    /// Folder for the files
    #[arg(long, default_value = "out")]
    pub out: PathBuf,
    /// List the figures
    #[arg(long)]
    pub list: bool,
    /// Open index.html afterwards
    #[arg(long)]
    pub open: bool,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs that Figure 2 averages over
    #[arg(long, default_value_t = 20)]
    pub runs: u32,
    /// Run the networks there instead of here: a target as `device run` takes it
    #[arg(long)]
    pub target: Option<String>,
    /// How to reach it
    #[command(flatten)]
    pub devices: Devices,
    /// Where to compute
    #[command(flatten)]
    pub computing: Computing,
}

impl DeviceCommand {
    fn run(&self, common: &Common) -> Result<()> {
        let engine = || Engine::new(None, Isa::Auto, common.quiet);
        match self {
            DeviceCommand::List => command::device::list(common),
            DeviceCommand::Run { target, network, devices, computing } => {
                let (target, spec) = (Target::parse(target)?, network.resolve_over(None)?);
                command::device::run(&spec, &target, devices, &computing.engine(common)?, common)
            }
            DeviceCommand::Selftest { target, devices } => {
                command::device::self_test(&Target::parse(target)?, devices, &engine()?, common)
            }
            DeviceCommand::Flash { target, devices } => command::device::flash(&Target::parse(target)?, devices),
        }
    }
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// One line and an exit code.
    pub fn run(&self) -> Result<()> {
        let common = &self.common;
        match &self.command {
            Command::Figures(figures) => command::figures::run(figures, &figures.computing.engine(common)?, common),
            Command::Probe(probe) => probe.run(common),
            Command::Theory(theory) => {
                let spec = theory.network.resolve_over(None)?;
                command::theory::run(&spec, theory.lags, theory.sampling.draws(Draws::default()), common)
            }
            Command::Compare(compare) => compare.run(common),
            Command::Device { command } => command.run(common),
            Command::Plan(plan) => plan.run(common),
            Command::Spec(network) => command::spec::run(&network.resolve_over(None)?, common),
            Command::Export(export) => {
                let spec = export.network.resolve_over(None)?;
                command::export::run(&spec, export.run, &export.out, &export.computing.engine(common)?, common)
            }
            Command::Pack(pack) => command::pack::run(&pack.model, &pack.net, pack.out.as_deref(), common.quiet),
            Command::Preset { command: PresetCommand::List } => command::preset::list(common),
        }
    }
}
