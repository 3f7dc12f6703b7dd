//! The paper's figures: what is run for each, and what a reader must know of it.
mod clusters;
mod fashion;
mod figure1;
mod figure2;
mod figure3;
mod figure4;
mod figure5;
mod figure6;
mod learning;
mod networks;
mod statistics_mode;
mod textbook;
mod theorems;
mod width;

pub use fashion::fashion;
pub use figure1::figure1;
pub use figure2::figure2;
pub use figure3::figure3;
pub use figure4::figure4;
pub use figure5::figure5;
pub use figure6::figure6;
pub use learning::{DataInputs, Scale};
pub use statistics_mode::{invariants, statistics_mode};
pub use textbook::textbook;
pub use theorems::theorems;
pub use width::width;

use crate::device::{OpenTarget, Outcome, Target};
use crate::engine::{Engine, Run};
use crate::plot::{Choice, Figure, Ran};
use crate::record::record_digest;
use crate::spec::{Overrides, Spec};
use crate::{Failure, Result};
use shatterscope::contract::Digest;
use std::cell::RefCell;

/// A figure that can be asked for.
#[derive(Debug)]
pub struct FigureEntry {
    /// As the command line takes it.
    pub name: &'static str,
    /// What the names of its files begin with.
    pub stem: &'static str,
    /// One line.
    pub about: &'static str,
    /// Drawn when none is named: needs no data set and fits the minute.
    pub by_default: bool,
    /// Can be drawn from networks that run on a device: needs their gradients alone.
    pub on_device: bool,
    /// Averages over the runs that `--runs` counts.
    pub averages: bool,
    /// The function that draws it.
    pub draw: Draw,
}

/// The function that draws a figure.
#[derive(Clone, Copy, Debug)]
pub enum Draw {
    /// From networks that it runs.
    Networks(DrawNetworks),
    /// From networks that it runs on a data set.
    Data(Needs, DrawData),
}

/// The data set of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// CIFAR-10, binary version.
    Cifar,
    /// Grey images as IDX files.
    Idx,
}

/// All figures of this version: the list, the checks of options, the page and the tests are made from it.
pub const FIGURES: [FigureEntry; 11] = [
    first("1", "figure-1", "gradients of one draw and their covariance, against noise", figure1).by_gradients(),
    first("2", "figure-2", "autocorrelation against lag, by depth", figure2).by_gradients().averaged(),
    first("3", "figure-3", "how often neurons are active, by layer, with and without batch norm", figure3),
    first("4", "figure-4", "which neurons are active where: rasters and histograms", figure4),
    with_data(
        "5",
        "figure-5",
        "convnets on CIFAR-10: covariance and effective rank of their input gradients",
        Needs::Cifar,
        figure5,
    ),
    with_data(
        "6",
        "figure-6",
        "convnets on CIFAR-10: test accuracy against depth, looks-linear, resnet and plain",
        Needs::Cifar,
        figure6,
    ),
    with_data(
        "fashion",
        "fashion",
        "200 dense layers without skips on Fashion-MNIST or its kin, by learning rate",
        Needs::Idx,
        fashion,
    ),
    longer("theorems", "theorems 1 to 4: measured, stated, and at infinite width", theorems),
    longer("textbook", "why the textbook's reproduction does not shatter, one change at a time", textbook),
    longer("statistics-mode", "batch statistics held constant in the derivative, or differentiated", statistics_mode),
    longer("width", "distance from infinite width, and the log-normal law", width),
];

type DrawNetworks = fn(&FigureContext) -> Result<Figure>;
type DrawData = fn(&FigureContext, &DataInputs) -> Result<Figure>;

const fn first(name: &'static str, stem: &'static str, about: &'static str, draw: DrawNetworks) -> FigureEntry {
    let draw = Draw::Networks(draw);
    FigureEntry { name, stem, about, by_default: true, on_device: false, averages: false, draw }
}

/// Drawn when it is named.
const fn longer(name: &'static str, about: &'static str, draw: DrawNetworks) -> FigureEntry {
    FigureEntry { by_default: false, ..first(name, name, about, draw) }
}

/// Drawn when it is named, or with `all` where there are data.
const fn with_data(
    name: &'static str,
    stem: &'static str,
    about: &'static str,
    needs: Needs,
    draw: DrawData,
) -> FigureEntry {
    let draw = Draw::Data(needs, draw);
    FigureEntry { name, stem, about, by_default: false, on_device: false, averages: false, draw }
}

impl FigureEntry {
    const fn by_gradients(self) -> Self {
        Self { on_device: true, ..self }
    }

    const fn averaged(self) -> Self {
        Self { averages: true, ..self }
    }

    /// The data set that it takes besides the program.
    pub fn needs(&self) -> Option<Needs> {
        match self.draw {
            Draw::Networks(_) => None,
            Draw::Data(needs, _) => Some(needs),
        }
    }

    /// Whether a command line that names these figures asks for it.
    pub fn is_asked(&self, which: &[String]) -> bool {
        if which.is_empty() { self.by_default } else { which.iter().any(|w| w == "all" || w == self.name) }
    }

    /// The figure; `data` returns the inputs of a kind.
    ///
    /// # Errors
    /// Those of the function that draws it, and of `data`.
    pub fn drawn<'a>(
        &self,
        context: &FigureContext,
        data: impl FnOnce(Needs) -> Result<DataInputs<'a>>,
    ) -> Result<Figure> {
        let figure = match self.draw {
            Draw::Networks(draw) => draw(context)?,
            Draw::Data(needs, draw) => draw(context, &data(needs)?)?,
        };
        // What was tried before the first figure are files of this name.
        Ok(Figure { name: self.stem.to_owned(), ..figure })
    }
}

/// What figures share: seed and size.
pub struct FigureContext<'a> {
    /// Threads and kernel.
    pub engine: &'a Engine,
    /// Where the networks run instead of this machine, and its name.
    pub device: Option<(&'a Target, RefCell<Box<dyn OpenTarget>>)>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Runs that Figure 2 averages over.
    pub runs: u32,
    /// What has run since a figure was begun.
    pub ran: RefCell<Vec<Ran>>,
}

impl<'a> FigureContext<'a> {
    /// Networks that run on this machine.
    pub fn new(engine: &'a Engine, seed: u64, runs: u32) -> Self {
        Self { engine, device: None, seed, runs, ran: RefCell::default() }
    }

    /// The runs of a spec given by what differs from the defaults.
    fn run(&self, overrides: Overrides, runs: u32, what: &str) -> Result<(Spec, Vec<Run>)> {
        let spec = Overrides { seed: Some(self.seed), runs: Some(runs), ..overrides }.resolve()?;
        if let Some((_, place)) = &self.device {
            let run = |run| on_device(&mut **place.borrow_mut(), &spec, run, what);
            let runs = (0..runs).map(run).collect::<Result<Vec<_>>>()?;
            self.note(what, &spec, &runs);
            return Ok((spec, runs));
        }
        match self.engine.runs(&spec, what)? {
            Ok(runs) => {
                self.note(what, &spec, &runs);
                Ok((spec, runs))
            }
            Err(fault) => Err(non_finite(what, fault.run, fault.fault)),
        }
    }

    /// Keeps what ran for the figure's provenance.
    fn note(&self, what: &str, spec: &Spec, runs: &[Run]) {
        self.ran.borrow_mut().push(Ran {
            what: what.to_owned(),
            network: spec.describe(),
            runs: spec.runs,
            digest: record_digest(runs),
            spec: serde_json::to_value(spec).unwrap_or_default(),
        });
    }
}

/// One run on a device.
fn on_device(place: &mut dyn OpenTarget, spec: &Spec, run: u32, what: &str) -> Result<Run> {
    let floats = |bits: Vec<u32>| bits.into_iter().map(f32::from_bits).collect::<Vec<_>>();
    match place.gradient(spec, run)?.outcome {
        Outcome::NonFinite(fault) => Err(non_finite(what, run, fault)),
        Outcome::Results { gradient, outputs } => {
            let gradient = floats(gradient);
            let digest = Digest::of(&gradient);
            Ok(Run { outputs: floats(outputs), gradient, digest })
        }
    }
}

fn non_finite(what: &str, run: u32, fault: shatterscope::NonFinite) -> Failure {
    let error = Failure::from(shatterscope::Error::NonFinite(fault));
    Failure { message: format!("{what}, run {run}: {error}"), ..error }
}

/// An f32 as the f64 with the same shortest decimal: data files show what was computed, not its binary tail.
fn decimal(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

fn choice(what: &str, value: &str, why: &str) -> Choice {
    Choice { what: what.into(), value: value.into(), why: why.into() }
}

/// Choices of both figures.
fn common_choices() -> Vec<Choice> {
    vec![
        choice(
            "Which feedforward network",
            "mean-centred: each preactivation minus its mean over the 256 points",
            "without centring or batch norm a He-initialised network hardly shatters (lag 1 at 50 layers is about .75)",
        ),
        choice("Grid", "256 points of [-2, 2), right end left out", "the right end would change the step to 4/255"),
        choice(
            "Stem and readout",
            "f = r . h, stem weights and biases N(0, 1), readout N(0, 1/200), deeper biases 0",
            "the stem's biases place the kinks of the first layer within the grid",
        ),
        choice(
            "Statistics in the backward pass",
            "detached: means and deviations are constants for the derivative",
            "the reading under which batch norm is a rescaling, as the paper's theory treats it; full statistics lower the resnet's correlations",
        ),
        choice(
            "Readout of the resnet",
            "rectifies the last layer, without a norm",
            "it changes the correlations visibly; --readout of `probe` has the others",
        ),
        choice("Batch norm", "no learned scale, eps 1e-5", "at initialisation the learned scale is 1"),
    ]
}

/// How every figure was made.
fn provenance(context: &FigureContext) -> Vec<(String, String)> {
    let pair = |what: &str, value: String| (what.to_owned(), value);
    let mut all = vec![
        pair("contract", shatterscope::contract::CONTRACT.into()),
        pair("generator", "philox4x32-10/irwin-hall".into()),
        pair("seed", context.seed.to_string()),
        pair("commit", env!("SHATTERSCOPE_COMMIT").into()),
        pair("target", env!("SHATTERSCOPE_TARGET").into()),
    ];
    if let Some((target, place)) = &context.device {
        all.push(pair("networks run on", target.to_string()));
        if let Some(device) = place.borrow().identity() {
            all.push(pair("device", format!("{}, {}", device.board, device.core)));
            all.push(pair("its firmware", format!("commit {}, {}", device.commit, device.compiler)));
        }
    }
    all
}
