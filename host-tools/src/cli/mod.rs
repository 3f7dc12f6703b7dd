//! The command line: one binary, the same words everywhere.
mod device;
mod given;
mod given_training;
mod measure;
mod model;
mod options;
mod predict;
mod train;
mod wrong;

pub use device::{Compare, DeviceCommand, Plan};
pub use given::Given;
pub use measure::{Export, Figures, Pack, Probe, Theory};
pub use model::{Import, ModelInputs, ModelOptions, Run};
pub use options::{Computing, Devices, Network, Sampling};
pub use predict::Predict;
pub use train::{PlanTraining, ProfileTraining, Reach, StepResult, Train};

use crate::files::refuse_inputs;
use crate::spec::Shown;
use crate::{Result, command, output};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

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
    /// What was typed
    #[arg(skip)]
    pub given: Given,
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
    /// Memory of a training on a board, before anything is flashed
    #[command(hide = true, name = "plan-train")]
    PlanTraining(Box<PlanTraining>),
    /// Print the resolved spec as TOML
    Spec(Network),
    /// Write weights, inputs, outputs and gradients of a run as .safetensors and .npz
    Export(Export),
    /// A network of your own, weights and layers, as a const Rust module for flash
    Pack(Pack),
    /// Train a network on images: the built-in digits, or IDX or CIFAR-10 files of a folder
    Train(Box<Train>),
    /// Run a trained network on test data, here and on a device, and compare the outputs
    Predict(Box<Predict>),
    /// Read a model of your own: a table of its nodes, or the native form
    Import(Import),
    /// Run a model of your own on inputs, here and on devices
    Run(Box<Run>),
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

impl Cli {
    /// Reads the words of the command line; `plan --train` and `device profile --train` take the options of `train`, which have the names of their
    /// own.
    pub fn of_words(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut words: Vec<OsString> = words.into_iter().collect();
        let mut named = (1..words.len()).filter(|&at| !words[at].to_string_lossy().starts_with('-'));
        let name = match named.next() {
            Some(plan) if words[plan] == "plan" => Some((plan, "plan-train")),
            Some(device) if words[device] == "device" => {
                named.next().filter(|&at| words[at] == "profile").map(|at| (at, "profile-train"))
            }
            _ => None,
        };
        if let Some((at, name)) = name
            && let Some(train) = words.iter().position(|word| word == "--train")
        {
            words[at] = name.into();
            words.remove(train);
        }
        let mut matches = Self::command().try_get_matches_from(words).unwrap_or_else(|error| refuse(&error));
        let given = Given::of(&matches);
        let cli = Self::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| refuse(&error));
        Self { given, ..cli }
    }

    /// Whether the command writes to standard output at all: some only leave files when they are quiet.
    pub fn prints(&self) -> bool {
        match &self.command {
            Command::Figures(figures) => figures.list || self.common.json || !self.common.quiet,
            Command::Export(_) => self.common.json || !self.common.quiet,
            Command::Pack(pack) => pack.out.is_none() || self.common.json,
            Command::Plan(plan) => plan.calibrate.is_none() || self.common.json,
            _ => true,
        }
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// One line and an exit code.
    pub fn run(&self) -> Result<()> {
        let (common, given) = (&self.common, &self.given);
        match &self.command {
            Command::Figures(figures) => figures.run(given, common),
            Command::Probe(probe) => probe.run(given, common),
            Command::Theory(theory) => theory.run(given, common),
            Command::Compare(compare) => compare.run(given, common),
            Command::Device { command } => command.run(given, common),
            Command::Plan(plan) => plan.run(given, common),
            Command::PlanTraining(plan) => plan.run(given, common),
            Command::Spec(network) => command::spec::run(&network.resolve(given, Shown::All)?, common),
            Command::Export(export) => {
                let spec = export.network.resolve(given, Shown::All)?;
                given.refuse(&["runs"], "on an export, which is of one run", "choose it with --run")?;
                if let Some(input) = &export.network.spec {
                    refuse_inputs(&export.out, &command::export::FILES, &[input])?;
                }
                command::export::run(&spec, export.run, &export.out, &export.computing.engine(common)?, common)
            }
            Command::Pack(pack) => command::pack::run(pack, common),
            Command::Train(train) => train.run(given, common),
            Command::Predict(predict) => predict.run(given, common),
            Command::Import(import) => import.run(common),
            Command::Run(run) => run.run(given, common),
            Command::Preset { command: PresetCommand::List } => command::preset::list(common),
        }
    }
}

/// Ends the program: with the help that was asked for, or with one line about words that are not understood.
fn refuse(error: &clap::Error) -> ! {
    match wrong::failure(error) {
        None => error.exit(),
        Some(failure) => {
            output::say(&format!("error: {failure}"));
            std::process::exit(failure.code.into())
        }
    }
}
