//! Commands that measure, predict, draw and write on this machine.
use super::given::RUNS;
use super::{Common, Computing, Devices, Given, Network, Sampling};
use crate::device::Target;
use crate::engine::Engine;
use crate::figure::{FIGURES, FigureEntry, Scale};
use crate::model::probe::Of;
use crate::spec::{Acf, Init, Overrides, Shown, Spec};
use crate::tensors::Bundle;
use crate::theory::Draws;
use crate::{Failure, Result, command};
use clap::Args;
use shatterscope::train::Initializer;
use std::path::{Path, PathBuf};

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
    /// Probe a model of your own instead, at the examples of --data: .onnx, .tflite, .safetensors of `import`, a checkpoint of `train`, or weights (--net)
    #[arg(long, value_name = "FILE", requires = "input", conflicts_with_all = ["preset", "spec", "weights"])]
    pub model: Option<PathBuf>,
    /// With --model: what the gradients are of: random, output:N, or loss [default: random]
    #[arg(long, value_name = "WHAT", requires = "model")]
    pub of: Option<String>,
    /// With --model: the label of each example, a number a line
    #[arg(long, value_name = "FILE", requires = "model")]
    pub classes: Option<PathBuf>,
    /// With --model: also along the straight line between two examples, counted from 0, at --points points [default: 256]
    #[arg(long, value_name = "A:B", requires = "model")]
    pub path: Option<String>,
    /// With --model: beside it the same graph with drawn weights, over --runs runs [default: 20] of --seed
    #[arg(long, value_name = "INIT", requires = "model")]
    pub reinit: Option<Init>,
    /// With --model: folder for a page with plots, and the numbers as CSV and JSON
    #[arg(long, value_name = "DIR", requires = "model")]
    pub out: Option<PathBuf>,
    /// The examples of a model
    #[command(flatten)]
    pub inputs: super::ModelInputs,
    /// How the wide limit is found
    #[command(flatten)]
    pub sampling: Sampling,
    /// Where to compute
    #[command(flatten)]
    pub computing: Computing,
}

impl Probe {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        const INPUTS: [&str; 9] =
            ["input", "scaling", "net", "model_batch", "shape", "bind", "fold", "no_recognise", "profile"];
        given.refuse_if(self.model.is_none(), &INPUTS, "without a model of your own", "give --model")?;
        if let Some(model) = &self.model {
            return self.own_model(model, given, common);
        }
        let preset = self.network.preset()?;
        let question = command::probe::Question {
            acf: self.acf.or(preset.as_ref().map(|p| p.acf)).unwrap_or(Acf::MeanRemoved),
            lags: self.lags.or(preset.as_ref().map(|p| p.lags)).unwrap_or(15),
            theory: (!self.no_theory).then(|| self.sampling.draws(Draws::BESIDE_RUNS)),
        };
        let engine = self.computing.engine(common)?;
        let Some(path) = &self.weights else {
            let spec = self.network.resolve(given, Shown::Gradients)?;
            self.check(given, &spec)?;
            return command::probe::run(&spec, question, None, &engine, common);
        };
        if self.network.overrides.runs.is_some_and(|runs| runs != 1) {
            return Err(Failure::usage("--weights holds one run: leave out --runs"));
        }
        let bundle = Bundle::read(path)?;
        let within = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
        // What is true of the weights of a spec need not be true of those that are given.
        let spec = self.network.resolve_over(bundle.overrides().map_err(within)?, given, Shown::All)?;
        let spec = Spec { runs: 1, ..spec };
        given.refuse(&DRAWN, "on weights that are given", "leave out --weights")?;
        self.check(given, &spec)?;
        command::probe::run(&spec, question, Some((path, &bundle)), &engine, common)
    }
}

impl Probe {
    fn own_model(&self, model: &Path, given: &Given, common: &Common) -> Result<()> {
        let used = ["points", "runs", "seed"];
        let idle: Vec<String> = Overrides::names().into_iter().filter(|name| !used.contains(&name.as_str())).collect();
        given.refuse(&idle, "with --model, which is a network of its own", "leave that out")?;
        given.refuse(
            &["no_theory", "theory_draws", "theory_seed", "acf"],
            "with --model, which has no wide limit",
            "",
        )?;
        given.refuse_if(self.reinit.is_none(), &["runs"], "on the weights of the model", "give --reinit")?;
        given.refuse_if(self.path.is_none(), &["points", "lags"], "without a path", "give --path A:B")?;
        let overrides = &self.network.overrides;
        let seed = overrides.seed.unwrap_or(1);
        let of = match self.of.as_deref() {
            None | Some("random") => Of::Random(seed),
            Some("loss") => Of::Loss,
            Some(word) => match word.strip_prefix("output:").and_then(|n| n.parse().ok()) {
                Some(output) => Of::Output(output),
                None => return Err(Failure::usage(format!("--of {word}: give random, output:N or loss"))),
            },
        };
        let path = self.path.as_deref().map(|word| {
            let ends = word.split_once(':').and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
            ends.ok_or_else(|| {
                Failure::usage(format!("--path {word}: write A:B, the numbers of two examples from 0 on"))
            })
        });
        let points = overrides.points.unwrap_or(256) as usize;
        if points < 3 {
            return Err(Failure::usage("--points: a path has at least 3 points"));
        }
        let reinit = self.reinit.map(|init| (initializer(init), overrides.runs.unwrap_or(20), seed));
        let question = command::probe_model::Question {
            model,
            inputs: &self.inputs,
            of,
            path: path.transpose()?,
            points,
            lags: self.lags.unwrap_or(15) as usize,
            reinit,
            classes: self.classes.as_deref(),
            out: self.out.as_deref(),
        };
        command::probe_model::run(&question, &self.computing.engine(common)?, common)
    }
}

fn initializer(init: Init) -> Initializer {
    match init {
        Init::He => Initializer::He,
        Init::Glorot => Initializer::Glorot,
        Init::Orthogonal => Initializer::Orthogonal,
        Init::LooksLinear => Initializer::LooksLinear,
    }
}

/// What weights are drawn by, and the wide limit of their law.
const DRAWN: [&str; 11] = [
    "seed",
    "normal",
    "init",
    "gain",
    "bias_std",
    "first_weight_std",
    "first_bias_std",
    "readout_std",
    "no_theory",
    "theory_draws",
    "theory_seed",
];

impl Probe {
    /// Refuses options of statistics that this network has not.
    fn check(&self, given: &Given, spec: &Spec) -> Result<()> {
        let vectors = spec.inputs > 1;
        given.refuse_if(vectors, &["acf", "lags"], "on vectors, which have no order", "give --inputs 1")?;
        given.refuse_if(self.no_theory, &["theory_draws", "theory_seed"], "with --no-theory", "leave that out")?;
        given.check_draws(spec)
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
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        let draws = self.sampling.draws(Draws::default());
        let spec = self.network.resolve(given, Shown::Limit)?;
        let drawn = ["seed", "runs", "normal", "derivative", "math"];
        given.refuse(&drawn, "on the infinite-width limit, which draws and runs no network", "run `probe`")?;
        given.check_draws(&spec)?;
        command::theory::run(&spec, self.lags, draws, common)
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
A model file becomes a module with its graph, plan and weights. For weights alone, --net lists the layers, in the order of the data:
  layers = [ { dense = \"fc1\" }, { batch-norm = \"bn1\" }, \"relu\", \"fork\", { dense = \"fc2\" }, { join = { a = 1.0, b = 0.5 } } ]
All operations of docs/operations.md can be listed; docs/own-network.md describes their keys.

Example: shatterscope pack model.onnx --out src/network.rs")]
pub struct Pack {
    /// A model: .onnx, .tflite, .safetensors of `import`, a checkpoint of `train`, or weights (--net)
    pub model: Option<PathBuf>,
    /// Instead of a model and a list: folder with the checkpoint that `train --out` wrote, for inference
    #[arg(long, value_name = "DIR", conflicts_with_all = ["model", "net", "strict"])]
    pub checkpoint: Option<PathBuf>,
    /// Folder with the data it was trained on [default: digits 8x8, built in]
    #[arg(long, value_name = "DIR", requires = "checkpoint")]
    pub data: Option<PathBuf>,
    /// File to write [default: standard output; with --json the field `module`]
    #[arg(long, value_name = "FILE.rs")]
    pub out: Option<PathBuf>,
    /// Refuse a model with tensors that no layer takes, instead of a warning that names them
    #[arg(long)]
    pub strict: bool,
    /// How the model is read
    #[command(flatten)]
    pub options: super::ModelOptions,
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

impl Figures {
    pub(super) fn run(&self, given: &Given, common: &Common) -> Result<()> {
        const DRAWN: [&str; 7] = ["out", "data", "scale", "open", "seed", "runs", "target"];
        given.refuse_if(self.list, &DRAWN, "with --list", "leave that out")?;
        let asked = |has: fn(&FigureEntry) -> bool| FIGURES.iter().any(|f| has(f) && f.is_asked(&self.which));
        let names = |has: fn(&FigureEntry) -> bool| {
            FIGURES.iter().filter(|f| has(f)).map(|f| f.name).collect::<Vec<_>>().join(", ")
        };
        let must = format!("draw figure {}", names(|f| f.averages));
        given.refuse_if(!asked(|f| f.averages), &["runs"], "on these figures", &must)?;
        let must = format!("draw {} or all", names(|f| f.needs().is_some()));
        let learning = asked(|f| f.needs().is_some());
        given.refuse_if(!learning, &["data", "scale"], "on these figures, which take no data", &must)?;
        let target = self.target.as_deref().map(Target::parse).transpose()?;
        self.devices.settings()?;
        given.check_devices(&[target.unwrap_or(Target::Host)], &RUNS)?;
        given.refuse(&["long"], "on figures, whose length --scale and --runs say", "")?;
        let engine = Engine { long: true, ..self.computing.engine(common)? };
        command::figures::run(self, &engine, common)
    }
}
