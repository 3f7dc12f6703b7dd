use super::given::TRAININGS;
use super::{Common, Computing, Devices, Given};
use crate::data::Scaling;
use crate::device::{Settings, Target};
use crate::engine::Engine;
use crate::train::{Activation, Init, Kind, Net, Optimiser, Schedule, Skips, Spec};
use crate::{Failure, Result, command, decimal};
use clap::Args;
use std::path::PathBuf;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Folder with IDX files (MNIST, Fashion-MNIST; plain or .gz) or CIFAR-10's binary version [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder for checkpoint and metrics
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on from the checkpoint in --out
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// Steps between checkpoints, besides one after every epoch
    #[arg(long, value_name = "STEPS", requires = "out", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_every: Option<u32>,
    /// Stop after so many more steps, whatever the epoch; --resume goes on from there
    #[arg(long = "steps", value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// Folder for a record of each step: batch, gradient, parameters, state, for another program to check
    #[arg(long, value_name = "DIR", requires = "stop_after")]
    pub record: Option<PathBuf>,
    /// The network
    #[command(flatten)]
    pub network: TrainedNetwork,
    /// The steps
    #[command(flatten)]
    pub steps: Steps,
    /// How to compute
    #[command(flatten)]
    pub computing: Computing,
    /// Where else
    #[command(flatten)]
    pub device: StepResult,
}

/// A device that does the same steps.
#[derive(Debug, Args)]
#[command(next_help_heading = "Device (does the same steps, held to this machine after each)")]
pub struct StepResult {
    /// `host`, `wasm`, `qemu:NAME`, `serial:PORT[@BAUD]`, `probe:NAME` or `pipe:COMMAND`
    #[arg(long, default_value = "host")]
    pub target: String,
    /// Steps between states that the device keeps in its own flash; --resume goes on from there
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    pub flash_every: Option<u32>,
    /// How it is reached
    #[command(flatten)]
    pub reach: Reach,
}

/// A network that learns, for `plan --train`.
#[derive(Debug, Args)]
pub struct PlanTraining {
    /// Name of a board, as `device list` has it
    #[arg(long)]
    pub board: String,
    /// Folder with the images that it learns from [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The network
    #[command(flatten)]
    pub network: TrainedNetwork,
    /// The steps
    #[command(flatten)]
    pub steps: Steps,
    /// How the board is reached
    #[command(flatten)]
    pub reach: Reach,
}

/// A network that learns, for `device profile --train`.
#[derive(Debug, Args)]
pub struct ProfileTraining {
    /// `qemu:NAME`, or a device with a clock: `serial:PORT[@BAUD]`, `probe:NAME`, `pipe:COMMAND`
    #[arg(long)]
    pub target: String,
    /// Folder with the images that it learns from [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The network
    #[command(flatten)]
    pub network: TrainedNetwork,
    /// The steps
    #[command(flatten)]
    pub steps: Steps,
    /// How the board is reached
    #[command(flatten)]
    pub reach: Reach,
}

/// How devices that learn are reached.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// Repository that firmware is built from [default: around the working directory]
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// Seconds that a device has to answer a request; progress that it reports starts them anew
    #[arg(long, default_value_t = 60.0)]
    pub timeout: f64,
    /// Bytes of memory that the whole firmware may use, K and M allowed [default: all]
    #[arg(long, value_name = "BYTES")]
    pub ram: Option<String>,
    /// Do not count instructions under the emulator
    #[arg(long)]
    pub no_count: bool,
}

impl Reach {
    /// The settings that these options mean.
    ///
    /// # Errors
    /// Wrong use: a size or time that is not understood.
    pub fn settings(&self) -> Result<Settings> {
        let Reach { firmware, timeout, ram, no_count } = self.clone();
        Devices { firmware, timeout, schedule: None, ram, no_count }.settings()
    }
}

/// A network that learns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct TrainedNetwork {
    /// Its shape
    #[arg(long, value_enum, default_value = "dense")]
    pub net: Kind,
    /// Layers
    #[arg(long, default_value_t = 2)]
    pub depth: u32,
    /// Units of a layer, channels of the first section
    #[arg(long, default_value_t = 32)]
    pub width: u32,
    /// ReLU
    #[arg(long, value_enum, default_value = "relu")]
    pub activation: Activation,
    /// Slopes of prelu below zero, to begin with
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 1.0)]
    pub slope: f64,
    /// How weights are drawn
    #[arg(long, value_enum, default_value = "he")]
    pub init: Init,
    /// Batch norm before each ReLU
    #[arg(long)]
    pub batch_norm: bool,
    /// Skips over two layers each
    #[arg(long, value_enum, default_value = "none")]
    pub skips: Skips,
    /// Scale of a resnet's branches
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 1.0)]
    pub beta: f64,
    /// Share of units dropped in the first section of a convnet, once more as many in each later one
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.0)]
    pub dropout: f64,
}

/// How it learns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct Steps {
    /// Key of weights, shuffles, shifts and dropout
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Run of the seed
    #[arg(long, default_value_t = 0)]
    pub run: u32,
    /// Examples of a step
    #[arg(long, default_value_t = 32)]
    pub batch: u32,
    /// Times through the examples
    #[arg(long, default_value_t = 10)]
    pub epochs: u32,
    /// What becomes of gradients
    #[arg(long, value_enum, default_value = "sgd")]
    pub optimiser: Optimiser,
    /// Learning rate
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.05)]
    pub rate: f64,
    /// Of momentum and nesterov
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.9)]
    pub momentum: f64,
    /// Of adam
    #[arg(long, value_parser = decimal::parse_wide, num_args = 2, value_names = ["BETA1", "BETA2"], default_values_t = [0.9, 0.999])]
    pub betas: Vec<f64>,
    /// Of adam
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 1e-8)]
    pub eps: f64,
    /// Weight decay
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.0)]
    pub decay: f64,
    /// Weight decay beside the gradient, not in it
    #[arg(long)]
    pub decoupled: bool,
    /// Largest norm of the gradient; 0 for any
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.0)]
    pub clip_norm: f64,
    /// Largest element of the gradient; 0 for any
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.0)]
    pub clip_value: f64,
    /// Epochs over which the rate grows
    #[arg(long, default_value_t = 0)]
    pub warm_up: u32,
    /// When the rate falls
    #[arg(long, value_enum, default_value = "never")]
    pub schedule: Schedule,
    /// Epochs at which it falls, for the schedule steps
    #[arg(long, value_delimiter = ',')]
    pub at: Vec<u32>,
    /// To which part of itself it falls
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.1)]
    pub factor: f64,
    /// Epochs that a plateau waits for a better loss
    #[arg(long, default_value_t = 5)]
    pub patience: u32,
    /// By how much it must be better
    #[arg(long, value_parser = decimal::parse_wide, default_value_t = 0.0)]
    pub threshold: f64,
    /// How often a plateau lowers the rate at most
    #[arg(long, default_value_t = 2)]
    pub drops: u32,
    /// Parameters that keep their values, with commas between: `I.weight` or `I.bias` of layer I, counted from 0, or `I` for both
    #[arg(long, value_name = "PARAMETERS", value_delimiter = ',')]
    pub freeze: Vec<String>,
    /// What the network sees of a byte
    #[arg(long, value_enum, default_value = "standard")]
    pub scaling: Scaling,
    /// Shift images by up to so many pixels
    #[arg(long, default_value_t = 0)]
    pub shift: u32,
    /// Every so many steps, and before the first: correlation and effective rank of the input gradients of the first examples; 0 for never
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    pub probe_every: u32,
    /// Mirror every second image
    #[arg(long)]
    pub flip: bool,
}

impl Train {
    /// All of it resolved.
    ///
    /// # Errors
    /// Wrong use.
    pub fn spec(&self) -> Result<Spec> {
        spec(&self.network, &self.steps)
    }

    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        self.device.reach.settings()?;
        given.check_devices(&[Target::parse(&self.device.target)?], &TRAININGS)?;
        given.refuse(&["long"], "on a training, whose length its options say", "")?;
        command::train::run(self, given, &self.computing.engine(common)?, common)
    }
}

impl PlanTraining {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let board = super::device::board(&self.board)?;
        let data = crate::data::open(self.data.as_deref())?;
        let spec = spec(&self.network, &self.steps)?;
        spec.check()?;
        given.check_training(&spec, &data)?;
        given.refuse(&["timeout", "no_count"], "on a plan, which asks no device", "")?;
        command::plan_training::run(&spec, &data, board, &self.reach.settings()?, common)
    }
}

impl ProfileTraining {
    pub(super) fn run(&self, given: &Given, engine: &Engine, common: &Common) -> Result<()> {
        let target = Target::parse(&self.target)?;
        let data = crate::data::open(self.data.as_deref())?;
        let spec = spec(&self.network, &self.steps)?;
        spec.check()?;
        given.check_training(&spec, &data)?;
        given.refuse(&["no_count"], "on a profile", "")?;
        given.check_devices(std::slice::from_ref(&target), &["firmware"])?;
        command::profile::step(&spec, &data, &target, self.reach.settings()?, engine, common)
    }
}

fn spec(network: &TrainedNetwork, steps: &Steps) -> Result<Spec> {
    let narrow = |name: &str, x: f64| decimal::narrow(x).map_err(|error| Failure::usage(format!("--{name}: {error}")));
    let betas = steps.betas.iter().map(|&beta| narrow("betas", beta)).collect::<Result<Vec<f32>>>()?;
    let betas = <[f32; 2]>::try_from(betas.as_slice());
    Ok(Spec {
        net: Net {
            kind: network.net,
            depth: network.depth,
            width: network.width,
            activation: network.activation,
            slope: narrow("slope", network.slope)?,
            init: network.init,
            batch_norm: network.batch_norm,
            skips: network.skips,
            beta: narrow("beta", network.beta)?,
            dropout: narrow("dropout", network.dropout)?,
        },
        scaling: steps.scaling,
        shift: steps.shift,
        flip: steps.flip,
        seed: steps.seed,
        run: steps.run,
        batch: steps.batch,
        epochs: steps.epochs,
        optimiser: steps.optimiser,
        rate: narrow("rate", steps.rate)?,
        momentum: narrow("momentum", steps.momentum)?,
        betas: betas.map_err(|_| Failure::usage("--betas takes two numbers"))?,
        eps: narrow("eps", steps.eps)?,
        decay: narrow("decay", steps.decay)?,
        decoupled: steps.decoupled,
        clip_norm: narrow("clip-norm", steps.clip_norm)?,
        clip_value: narrow("clip-value", steps.clip_value)?,
        warm_up: steps.warm_up,
        schedule: steps.schedule,
        steps: steps.at.clone(),
        factor: narrow("factor", steps.factor)?,
        patience: steps.patience,
        threshold: narrow("threshold", steps.threshold)?,
        drops: steps.drops,
        freeze: steps.freeze.clone(),
        probe_every: steps.probe_every,
    })
}
