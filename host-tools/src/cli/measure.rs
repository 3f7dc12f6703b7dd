//! Commands that measure, predict, draw and write on this machine.
use super::{Common, Computing, Devices, Network, Sampling};
use crate::figure::Scale;
use crate::spec::{Acf, Spec};
use crate::tensors::Bundle;
use crate::theory::Draws;
use crate::{Failure, Result, command};
use clap::Args;
use std::path::PathBuf;

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

impl Probe {
    pub(super) fn run(&self, common: &Common) -> Result<()> {
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
        let within = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
        let spec = Spec { runs: 1, ..self.network.resolve_over(bundle.overrides().map_err(within)?)? };
        command::probe::run(&spec, question, Some((path, &bundle)), &engine, common)
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

impl Theory {
    pub(super) fn run(&self, common: &Common) -> Result<()> {
        let draws = self.sampling.draws(Draws::default());
        command::theory::run(&self.network.resolve_over(None)?, self.lags, draws, common)
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
#[command(after_help = "\
The list of layers, in the order of the data:
  layers = [ { dense = \"fc1\" }, \"relu\", \"fork\", { dense = \"fc2\" }, { join = { a = 1.0, b = 0.5 } } ]
There are also \"crelu\", \"centre\" and { batch-norm = { eps = 1e-5 } }. A batch-norm computes its statistics from the points and has no
parameters: a model that has some for it is refused, because they would be lost.

Example: shatterscope pack model.safetensors --net net.toml --out src/network.rs")]
pub struct Pack {
    /// Weights, .safetensors or .npz; tensors that no layer takes may be of any type
    pub model: PathBuf,
    /// List of layers, TOML
    #[arg(long, value_name = "NET.toml")]
    pub net: PathBuf,
    /// File to write [default: standard output; with --json the field `module`]
    #[arg(long, value_name = "FILE.rs")]
    pub out: Option<PathBuf>,
    /// Refuse a model with tensors that no layer takes, instead of a warning that names them
    #[arg(long)]
    pub strict: bool,
}

/// `figures`
#[derive(Debug, Args)]
pub struct Figures {
    /// Which, as --list has them, or all; alone: every figure that needs no data set and fits a minute
    pub which: Vec<String>,
    /// Folder for the files
    #[arg(long, default_value = "out")]
    pub out: PathBuf,
    /// Folder with CIFAR-10 (5, 6) or IDX files (fashion), as `train` takes it; again for another
    #[arg(long, value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// How much of the figures that take data is run
    #[arg(long, value_enum, default_value_t)]
    pub scale: Scale,
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
