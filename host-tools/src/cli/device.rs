//! Commands that reach devices, or plan for them.
use super::given::RUNS;
use super::{Common, Computing, Devices, Given, ModelInputs, ModelOptions, Network, ProfileTraining};
use crate::compare::{Entry, suite};
use crate::device::firmware::Firmware;
use crate::device::{BOARDS, Board, Settings, Target};
use crate::engine::{Engine, Isa};
use crate::files::{Destination, refuse_input};
use crate::plan::calibrate::calibrate;
use crate::plan::stacks::measure_all;
use crate::spec::{Overrides, Shown};
use crate::{Failure, Result, command};
use clap::{Args, Subcommand};
use shatterscope::plan::Want;
use std::path::PathBuf;

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
    /// What each operation of a run takes: instructions, loads and stores in the emulator, ticks on a chip with a clock
    Profile {
        /// `qemu:NAME`, or a device with a clock: `serial:PORT[@BAUD]`, `probe:NAME`, `pipe:COMMAND`
        #[arg(long)]
        target: String,
        /// Which run
        #[arg(long, default_value_t = 0)]
        run: u32,
        /// Profile a step of a training instead, with the options of `train`: `device profile --train --help` lists them
        #[arg(long)]
        train: bool,
        /// The network
        #[command(flatten)]
        network: Box<Network>,
        /// How to reach it
        #[command(flatten)]
        devices: Devices,
    },
    /// What each operation of the first step of a training takes, forward and backward
    #[command(hide = true, name = "profile-train")]
    ProfileTraining(Box<ProfileTraining>),
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

impl DeviceCommand {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let engine = || Engine::new(None, Isa::Auto, common.quiet);
        match self {
            DeviceCommand::List => command::device::list(common),
            DeviceCommand::Run { target, network, devices, computing } => {
                let (target, spec) = (Target::parse(target)?, network.resolve(given, Shown::All)?);
                devices.settings()?;
                given.check_devices(std::slice::from_ref(&target), &RUNS)?;
                given.check_host(std::slice::from_ref(&target))?;
                command::device::run(&spec, &target, devices, &computing.engine(common)?, common)
            }
            DeviceCommand::Profile { target, run, network, devices, .. } => {
                let (target, spec) = (Target::parse(target)?, network.resolve(given, Shown::All)?);
                given.refuse(&["runs", "no_count"], "on the profile of one run", "choose it with --run")?;
                command::profile::run(&spec, *run, &target, devices, &engine()?, common)
            }
            DeviceCommand::ProfileTraining(profile) => profile.run(given, &engine()?, common),
            DeviceCommand::Selftest { target, devices } => {
                let target = Target::parse(target)?;
                devices.settings()?;
                given.check_devices(std::slice::from_ref(&target), &RUNS)?;
                given.refuse(&["schedule", "ram"], "on a self-test, which runs no network", "")?;
                command::device::self_test(&target, devices, &engine()?, common)
            }
            DeviceCommand::Flash { target, devices } => {
                given.refuse(&["timeout", "schedule", "ram", "no_count"], "on flashing, which runs nothing", "")?;
                command::device::flash(&Target::parse(target)?, devices, common)
            }
        }
    }
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Name of a board, as `device list` has it
    #[arg(long, required_unless_present_any = ["calibrate", "stacks"])]
    pub board: Option<String>,
    /// Count instructions on every emulated board, fit the prices of work, and write them as TOML
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["board", "preset", "spec"])]
    pub calibrate: Option<PathBuf>,
    /// Measure the stack of every emulated board with runs and trainings of every kind, and write its bounds as TOML
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["board", "calibrate", "preset", "spec"])]
    pub stacks: Option<PathBuf>,
    /// Plan inference instead, with the checkpoint that `train --out` wrote into this folder
    #[arg(long, value_name = "DIR", requires = "board", conflicts_with_all = ["preset", "spec"])]
    pub checkpoint: Option<PathBuf>,
    /// With --checkpoint: folder with the data it was trained on [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR", requires = "checkpoint")]
    pub data: Option<PathBuf>,
    /// Plan inference with a model of your own instead: .onnx, .tflite, .safetensors of `import`, a checkpoint of `train`, or weights (--net)
    #[arg(long, value_name = "FILE", requires = "board", conflicts_with_all = ["preset", "spec", "checkpoint"])]
    pub model: Option<PathBuf>,
    /// How the model is read
    #[command(flatten)]
    pub options: ModelOptions,
    /// With --checkpoint or --model: examples in one forward pass
    #[arg(long, value_name = "EXAMPLES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: u32,
    /// Plan a training instead, with the options of `train`: `plan --train --help` lists them
    #[arg(long)]
    pub train: bool,
    /// The network
    #[command(flatten)]
    pub network: Network,
    /// How to reach devices
    #[command(flatten)]
    pub devices: Devices,
}

impl Plan {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        if let Some(path) = &self.calibrate {
            given.refuse(&Overrides::names(), "with --calibrate, which has networks of its own", "leave that out")?;
            let engine = Engine::new(None, Isa::Auto, true)?;
            let out = Destination::open(path)?;
            out.write(calibrate(&self.devices.settings()?, &engine)?.to_toml()?.as_bytes())?;
            let written = serde_json::json!({ "file": path.display().to_string() });
            return if common.json { command::print_json(&written) } else { Ok(()) };
        }
        if let Some(path) = &self.stacks {
            let own = "with --stacks, which has networks and settings of its own";
            given.refuse(&Overrides::names(), own, "leave that out")?;
            given.refuse(&["timeout", "schedule", "ram", "no_count"], own, "leave that out")?;
            let out = Destination::open(path)?;
            let firmware = Firmware::find(self.devices.firmware.as_deref())?;
            out.write(measure_all(&firmware)?.to_toml()?.as_bytes())?;
            let written = serde_json::json!({ "file": path.display().to_string() });
            return if common.json { command::print_json(&written) } else { Ok(()) };
        }
        const OPTIONS: [&str; 6] = ["net", "model_batch", "shape", "bind", "fold", "no_recognise"];
        given.refuse_if(self.model.is_none(), &OPTIONS, "without a model of your own", "give --model")?;
        let own = self.model.is_some() || self.checkpoint.is_some();
        given.refuse_if(!own, &["batch"], "on a run from a seed", "give --checkpoint or --model")?;
        let board = board(self.board.as_deref().unwrap_or_default())?;
        if let Some(model) = &self.model {
            given.refuse(&Overrides::names(), "with --model, which is a network of its own", "leave that out")?;
            given.refuse(&["timeout", "schedule", "no_count"], "on a plan of inference, which asks no device", "")?;
            let network = self.options.source(model)?.network(Want::Output)?;
            let settings = Settings { models: true, ..self.devices.settings()? };
            return command::plan_inference::placed(&network.placed, board, self.batch, &settings, common);
        }
        if let Some(from) = &self.checkpoint {
            given.refuse(
                &Overrides::names(),
                "with --checkpoint, whose network is in the checkpoint",
                "leave that out",
            )?;
            given.refuse(&["timeout", "schedule", "no_count"], "on a plan of inference, which asks no device", "")?;
            let place = (from.as_path(), self.data.as_deref());
            return command::plan_inference::run(place, board, self.batch, &self.devices.settings()?, common);
        }
        let spec = self.network.resolve(given, Shown::All)?;
        given.refuse(&["runs"], "on the plan of one run", "")?;
        given.refuse(&["timeout", "no_count"], "on a plan, which asks no device", "")?;
        command::plan::run(&spec, board, &self.devices, common)
    }
}

/// The board of this name, with or without its target's prefix.
pub(super) fn board(name: &str) -> Result<&'static Board> {
    let name = name.strip_prefix("qemu:").or(name.strip_prefix("probe:")).unwrap_or(name);
    Board::find(name).ok_or_else(|| {
        let known: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        Failure::usage(format!("no board {name}; there are {}", known.join(", ")))
    })
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
    /// Compare a model of your own instead, run on --input
    #[arg(long, value_name = "FILE", requires = "input", conflicts_with_all = ["suite", "junit", "preset", "spec"])]
    pub model: Option<PathBuf>,
    /// What the model is run on
    #[command(flatten)]
    pub inputs: ModelInputs,
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
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let targets = Target::list(&self.targets)?;
        self.devices.settings()?;
        given.check_devices(&targets, &RUNS)?;
        given.check_host(&targets)?;
        given.refuse_if(
            self.suite,
            &Overrides::names(),
            "with --suite, which has networks of its own",
            "leave that out",
        )?;
        given.refuse_if(self.suite, &["schedule"], "with --suite, which has schedules of its own", "leave that out")?;
        const INPUTS: [&str; 9] =
            ["input", "scaling", "net", "model_batch", "shape", "bind", "fold", "no_recognise", "profile"];
        given.refuse_if(self.model.is_none(), &INPUTS, "without a model of your own", "give --model")?;
        if let Some(model) = &self.model {
            given.refuse(&Overrides::names(), "with --model, which is a network of its own", "leave that out")?;
            given.refuse(&["schedule"], "with --model, whose inference has no schedule", "leave that out")?;
            let (settings, engine) = (self.devices.settings()?, self.computing.engine(common)?);
            return command::compare_model::run((model, &self.inputs), &targets, &settings, &engine, common);
        }
        if let (Some(report), Some(spec)) = (&self.junit, &self.network.spec) {
            refuse_input(report, &[spec])?;
        }
        let report = self.junit.as_deref().map(Destination::open).transpose()?;
        let entries = if self.suite {
            suite()?
        } else {
            vec![Entry { name: None, spec: self.network.resolve(given, Shown::All)?, schedule: None }]
        };
        let engine = self.computing.engine(common)?;
        command::compare::run(&entries, &targets, &self.devices, report.as_ref(), &engine, common)
    }
}
