//! Options of commands on model files.
use super::given::TRAININGS;
use super::train::Reach;
use super::{Common, Computing, Given};
use crate::device::Target;
use crate::model::Source;
use crate::{Result, command};
use clap::Args;
use std::path::PathBuf;

/// A model file.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// List of layers, TOML, for weights alone, .safetensors or .npz; of a plain torch.nn.Sequential it is inferred
    #[arg(long, value_name = "NET.toml")]
    pub net: Option<PathBuf>,
    /// Size of the first dimension of inputs that leave it open, for models that mix examples [default: 1]
    #[arg(long, value_name = "N")]
    pub model_batch: Option<usize>,
    /// Shape of an input that leaves other dimensions open, again for another input
    #[arg(long, value_name = "NAME=1x3x32x32")]
    pub shape: Vec<String>,
    /// A graph input that is constant: weights, shapes or axes that an operator needs, again for another
    #[arg(long, value_name = "NAME=FILE.npy")]
    pub bind: Vec<String>,
    /// Merge each batch norm into the convolution before it; changes bits
    #[arg(long)]
    pub fold: bool,
    /// Run GELU, SiLU, hard swish, softplus and layer norm that an exporter wrote out as they are written; changes bits
    #[arg(long)]
    pub no_recognise: bool,
    /// Whose fixed point and rounding int8 has: TensorFlow Lite for Microcontrollers' or those of LiteRT's reference kernels
    #[arg(long, value_enum, default_value_t = Profile::Tflm)]
    pub profile: Profile,
}

/// An interpreter of TensorFlow Lite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// TensorFlow Lite for Microcontrollers
    Tflm,
    /// LiteRT's reference kernels
    LitertRef,
}

impl ModelOptions {
    /// The file with these options.
    ///
    /// # Errors
    /// Wrong use; a file of `--bind` that cannot be read.
    pub fn source(&self, path: &std::path::Path) -> Result<Source> {
        let mut source = Source::new(path, self.model_batch, &self.shape, &self.bind, [!self.no_recognise, self.fold])?;
        source.options.profile = match self.profile {
            Profile::Tflm => shatterscope_model::Profile::Tflm,
            Profile::LitertRef => shatterscope_model::Profile::LitertRef,
        };
        Ok(Source { net: self.net.clone(), ..source })
    }
}

/// Inputs of a model.
#[derive(Clone, Debug, Args)]
pub struct ModelInputs {
    /// Examples: .npy, .npz, .csv, .png, IDX or CIFAR-10 .bin; NAME=FILE for each of several inputs
    #[arg(long, value_name = "FILE", visible_alias = "data")]
    pub input: Vec<String>,
    /// From bytes of images to numbers: 0..1, -1..1, none, or mean=..,std=.. for each channel
    #[arg(long, default_value = "0..1", allow_hyphen_values = true)]
    pub scaling: String,
    /// How the model is read
    #[command(flatten)]
    pub options: ModelOptions,
}

/// Options of `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --out it prints a table of the nodes. Operations that are not supported are all named at once.
Weights alone, as torch.save or safetensors write a state dict, need the list of their layers (docs/own-network.md):
  layers = [ { dense = \"fc1\" }, \"relu\", { dense = \"fc2\" } ]

Example: shatterscope import model.onnx --out model.safetensors")]
pub struct Import {
    /// .onnx, .tflite, .safetensors of `import`, a checkpoint of `train`, or weights (--net)
    pub file: PathBuf,
    /// Write the network in the native form: weights, and the graph in the metadata
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: Option<PathBuf>,
    /// How the model is read
    #[command(flatten)]
    pub options: ModelOptions,
}

impl Import {
    pub(super) fn run(&self, common: &Common) -> Result<()> {
        command::import::run(self, common)
    }
}

/// Options of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Inputs are in the layout of the model's file: [example, channel, row, column] from ONNX, [example, row, column, channel] from TensorFlow Lite.
PNG, IDX and CIFAR-10 images take the layout of the model by themselves.

Example: shatterscope run --model model.onnx --input images.npy --scaling 0..1 --top 5 --out outputs.npy")]
pub struct Run {
    /// .onnx, .tflite, .safetensors of `import`, a checkpoint of `train`, or weights (--net)
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// What it is run on
    #[command(flatten)]
    pub inputs: ModelInputs,
    /// Write the outputs: .npy or .csv (one output), .npz or .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Of models with inputs or outputs of int8: take real numbers and quantise them, and give real numbers
    #[arg(long)]
    pub real: bool,
    /// Print the largest outputs of each example
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Names of the classes, a line each
    #[arg(long, value_name = "FILE", requires = "top")]
    pub labels: Option<PathBuf>,
    /// Examples in one forward pass [default: 64; 1 on a device]
    #[arg(long, value_name = "EXAMPLES", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: Option<u32>,
    /// Also run on these devices and compare the outputs bit by bit: `qemu:NAME`, `qemu:all`, `serial:PORT[@BAUD]`, `probe:NAME`, `wasm`,
    /// `pipe:COMMAND`
    #[arg(long, value_name = "TARGETS")]
    pub targets: Option<String>,
    /// How to compute
    #[command(flatten)]
    pub computing: Computing,
    /// How to reach devices
    #[command(flatten)]
    pub reach: Reach,
}

impl Run {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let mut targets = self.targets.as_deref().map(Target::list).transpose()?.unwrap_or_default();
        // This machine always computes.
        targets.retain(|target| *target != Target::Host);
        given.check_devices(&targets, &TRAININGS)?;
        command::run::run(self, &targets, &self.computing.engine(common)?, common)
    }
}
