//! Specs that every target must agree on: small enough for 16 KiB of memory, each part of the contract at least once.
use crate::device::place::Settings;
use crate::spec::{Overrides, Spec};
use crate::{Failure, Result};
use shatterscope::plan::Schedule;

/// One spec to compare.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name in the suite.
    pub name: Option<&'static str>,
    /// The spec.
    pub spec: Spec,
    /// Order of work on devices, instead of what fits best.
    pub schedule: Option<Schedule>,
}

impl Entry {
    /// The settings with this entry's schedule.
    pub(super) fn settings(&self, settings: &Settings) -> Settings {
        Settings { schedule: self.schedule.or(settings.schedule), ..settings.clone() }
    }
}

const WHOLE: Option<Schedule> = Some(Schedule::WholeBatch);
const FOUR: Option<Schedule> = Some(Schedule::Blocks { resident: 4 });

/// Name, schedule on devices, and what differs from a feedforward network of 4 layers of 8 units at 20 points, seed 7.
const SUITE: [(&str, Option<Schedule>, &str); 20] = [
    ("feedforward", FOUR, "depth = 5\nwidth = 12"),
    ("feedforward-centre", WHOLE, "norm = 'centre'"),
    ("feedforward-centre-recompute", FOUR, "norm = 'centre'"),
    ("feedforward-centre-full-recompute", FOUR, "norm = 'centre'\nstatistics = 'full'"),
    ("feedforward-batch-full", WHOLE, "norm = 'batch'\nstatistics = 'full'"),
    ("feedforward-batch-full-recompute", FOUR, "norm = 'batch'\nstatistics = 'full'"),
    ("feedforward-batch-recompute", FOUR, "norm = 'batch'"),
    ("resnet", WHOLE, "family = 'resnet'\nbeta = 0.5\nbias_std = 0.1"),
    ("resnet-batch", WHOLE, "family = 'resnet'\nnorm = 'batch'\nbeta = 0.1\nruns = 2"),
    ("resnet-batch-full", WHOLE, "family = 'resnet'\nnorm = 'batch'\nstatistics = 'full'"),
    ("highway-forward-mode", WHOLE, "family = 'highway'\ncarry = 0.8\nderivative = 'forward'"),
    (
        "resnet-batch-full-forward-recompute",
        FOUR,
        "family = 'resnet'\nnorm = 'batch'\nstatistics = 'full'\nderivative = 'forward'",
    ),
    ("highway-centre-full", WHOLE, "family = 'highway'\nnorm = 'centre'\nstatistics = 'full'"),
    ("crelu-looks-linear", FOUR, "family = 'crelu'\ninit = 'looks-linear'\ndepth = 3\nwidth = 6"),
    ("crelu-he", FOUR, "family = 'crelu'\nwidth = 6"),
    ("orthogonal-as241", WHOLE, "init = 'orthogonal'\nnormal = 'as241'"),
    ("glorot-biases", FOUR, "init = 'glorot'\nbias_std = 0.3\nendpoint = 'inclusive'\npoints = 21"),
    ("fifty-layers", FOUR, "depth = 50\nwidth = 16"),
    (
        "fifty-layers-resnet-batch-recompute",
        FOUR,
        "family = 'resnet'\nnorm = 'batch'\ndepth = 50\nwidth = 4\npoints = 9",
    ),
    ("micromath-batch", WHOLE, "norm = 'batch'\nnormal = 'as241'\nmath = 'micromath'"),
];

/// All of them.
///
/// # Errors
/// None in practice: a test resolves them.
pub fn suite() -> Result<Vec<Entry>> {
    let entry = |&(name, schedule, text): &(&'static str, Option<Schedule>, &str)| {
        let overrides: Overrides = toml::from_str(text).map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        let spec = Overrides {
            depth: overrides.depth.or(Some(4)),
            width: overrides.width.or(Some(8)),
            points: overrides.points.or(Some(20)),
            runs: overrides.runs.or(Some(1)),
            seed: Some(7),
            ..overrides
        };
        Ok(Entry { name: Some(name), spec: spec.resolve()?, schedule })
    };
    SUITE.iter().map(entry).collect()
}
