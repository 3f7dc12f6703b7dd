//! What is to be run: options, preset or file, resolved to every field.
mod choices;
mod idle;
mod overrides;

pub use choices::{Acf, Derivative, Endpoint, Family, Init, Math, Norm, Normal, Readout, Statistics};
pub use idle::{Idle, Shown};
pub use overrides::Overrides;

use crate::limits::{MOST_DEPTH, MOST_RUNS, at_most};
use crate::{Failure, Result, decimal};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shatterscope::probe;
use shatterscope::random::{Purpose, Stream};
use std::path::Path;

/// A spec with every field resolved; fields that do not belong to the network are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Family of networks.
    pub family: Family,
    /// Layers, the stem included.
    pub depth: u32,
    /// Units before CReLU.
    pub width: u32,
    /// Before each ReLU.
    pub norm: Norm,
    /// Hidden matrices.
    pub init: Init,
    /// Times the deviation of `init`.
    #[serde(with = "crate::decimal")]
    pub gain: f32,
    /// Biases of layers 2 and deeper.
    #[serde(with = "crate::decimal")]
    pub bias_std: f32,
    /// Weights of the stem.
    #[serde(with = "crate::decimal")]
    pub first_weight_std: f32,
    /// Biases of the stem.
    #[serde(with = "crate::decimal")]
    pub first_bias_std: f32,
    /// Weights of the readout.
    #[serde(with = "crate::decimal")]
    pub readout_std: f32,
    /// Before the readout.
    pub readout: Readout,
    /// Resnets: scale of the block.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::decimal")]
    pub alpha: Option<f32>,
    /// Resnets: scale of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::decimal")]
    pub beta: Option<f32>,
    /// Highways: scale of the skip.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::decimal")]
    pub carry: Option<f32>,
    /// Highways: scale of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::decimal")]
    pub transform: Option<f32>,
    /// Under the root of batch norm.
    #[serde(with = "crate::decimal")]
    pub eps: f32,
    /// Maths library.
    pub math: Math,
    /// Inputs; above one the points are vectors of standard normals.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub inputs: u32,
    /// Points.
    pub points: u32,
    /// Left end of the grid.
    #[serde(with = "crate::decimal")]
    pub from: f32,
    /// Right end of the grid.
    #[serde(with = "crate::decimal")]
    pub to: f32,
    /// Whether the right end is a point.
    pub endpoint: Endpoint,
    /// Statistics of a norm in the derivative; absent without a norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Independent draws of the weights.
    pub runs: u32,
    /// Seed of all of them.
    pub seed: u64,
    /// How normals are made.
    pub normal: Normal,
    /// How the derivative is taken.
    pub derivative: Derivative,
}

fn one() -> u32 {
    1
}

fn is_one(inputs: &u32) -> bool {
    *inputs == 1
}

impl Spec {
    /// Most inputs of a network.
    pub const MOST_INPUTS: u32 = 16_384;

    /// Refuses what cannot be run, wherever the spec comes from.
    ///
    /// # Errors
    /// Wrong use: the field, its range, and the core's reasons.
    pub fn check(&self) -> Result<()> {
        if self.runs == 0 {
            return Err(Failure::usage("--runs must be at least 1"));
        }
        at_most("--runs", self.runs, MOST_RUNS, "for each has an entry in the record")?;
        if !(1..=Self::MOST_INPUTS).contains(&self.inputs) {
            return Err(Failure::usage(format!("--inputs {}: from 1 to {}", self.inputs, Self::MOST_INPUTS)));
        }
        if self.readout_std == 0.0 {
            return Err(Failure::usage("--readout-std must be positive: a readout of zeros has no gradient"));
        }
        self.check_scales()?;
        self.network().check()?;
        at_most("--depth", self.depth, MOST_DEPTH, "for every layer has an entry in several lists")?;
        self.grid().check()?;
        if self.points == 1 && self.norm_used() {
            return Err(Failure::usage(
                "--points 1 with a norm: the statistics of one point make every preactivation 0; give --points 2 or more, or --norm none",
            ));
        }
        Ok(())
    }

    /// Refuses scales that the core refuses, by their names.
    fn check_scales(&self) -> Result<()> {
        let deviations = [
            ("bias-std", self.bias_std),
            ("first-weight-std", self.first_weight_std),
            ("first-bias-std", self.first_bias_std),
            ("readout-std", self.readout_std),
        ];
        if let Some((name, x)) = deviations.into_iter().find(|(_, x)| !(x.is_finite() && *x >= 0.0)) {
            return Err(Failure::usage(format!("--{name} {x}: a standard deviation must be finite and not negative")));
        }
        if !self.gain.is_finite() {
            return Err(Failure::usage(format!("--gain {}: must be finite", self.gain)));
        }
        match (self.family, self.alpha, self.beta) {
            (Family::Resnet, Some(alpha), Some(beta)) if !(alpha.is_finite() && (alpha * beta).is_finite()) => {
                Err(Failure::usage(format!(
                    "--alpha {alpha} with --beta {beta}: alpha and alpha * beta must be finite in f32"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether a norm stands anywhere in the network.
    pub fn norm_used(&self) -> bool {
        self.norm != Norm::None && (self.depth > 1 || self.readout == Readout::NormRelu)
    }

    /// Reads a resolved or partial spec from TOML; what it leaves out has the default.
    ///
    /// # Errors
    /// A file that cannot be read or holds an unknown field.
    pub fn overrides_from_file(path: &Path) -> Result<Overrides> {
        let text = crate::read::text(path, "cannot read the spec")?;
        Self::overrides_from_text(&text)
            .map_err(|error| Failure::usage(format!("the spec {} is not understood: {error}", path.display())))
    }

    /// The same of a file's text.
    ///
    /// # Errors
    /// A text that is no TOML, or holds an unknown field.
    pub fn overrides_from_text(text: &str) -> Result<Overrides> {
        decimal::check_toml(text).map_err(Failure::usage)?;
        toml::from_str(text).map_err(|error| Failure::usage(error.message().replace('\n', " ")))
    }

    /// The spec as TOML.
    ///
    /// # Errors
    /// None in practice: every field has a TOML form.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Failure::failed(format!("cannot print the spec: {error}")))
    }

    /// The network in half a line.
    pub fn describe(&self) -> String {
        let mut text = format!("{:?} {} x {}", self.family, self.depth, self.width).to_lowercase();
        let mut add = |name: &str, value: Option<f32>| {
            if let Some(value) = value {
                text += &format!(", {name} {value}");
            }
        };
        add("alpha", self.alpha);
        add("beta", self.beta);
        add("carry", self.carry);
        add("transform", self.transform);
        if let Some(statistics) = self.statistics {
            text += &format!(", norm {:?} ({statistics:?} statistics)", self.norm).to_lowercase();
        }
        if self.inputs > 1 {
            text += &format!(", {} inputs", self.inputs);
        }
        text
    }

    /// The network in the core's terms.
    pub fn network(&self) -> shatterscope::spec::Spec {
        let family = match self.family {
            Family::Feedforward => shatterscope::spec::Family::Feedforward,
            Family::Crelu => shatterscope::spec::Family::Crelu,
            Family::Resnet => {
                shatterscope::spec::Family::Resnet { alpha: self.alpha.unwrap_or(1.0), beta: self.beta.unwrap_or(1.0) }
            }
            Family::Highway => shatterscope::spec::Family::Highway {
                carry: self.carry.unwrap_or(0.0),
                transform: self.transform.unwrap_or(1.0),
            },
        };
        shatterscope::spec::Spec {
            inputs: self.inputs,
            norm: self.norm.core(),
            init: self.init.core(),
            readout: self.readout.core(),
            gain: self.gain,
            bias_std: self.bias_std,
            first_weight_std: self.first_weight_std,
            first_bias_std: self.first_bias_std,
            readout_std: self.readout_std,
            eps: self.eps,
            ..shatterscope::spec::Spec::feedforward(self.depth, self.width).with_family(family)
        }
    }

    /// The points of a run where they are vectors: standard normals, `[point][input]`.
    pub fn vectors(&self, run: u32) -> Option<Vec<f32>> {
        // Layer 0 of the same purpose is the white noise of Figure 1.
        let stream = Stream::new(self.seed, run, Purpose::Noise, 1, self.normal.core());
        let point = |point| (0..self.inputs).map(move |input| stream.value(point, input));
        (self.inputs > 1).then(|| (0..self.points).flat_map(point).collect())
    }

    /// Refuses several inputs.
    ///
    /// # Errors
    /// Wrong use, in the name of `what`.
    pub fn one_input(&self, what: &str) -> Result<()> {
        match self.inputs {
            1 => Ok(()),
            inputs => Err(Failure::usage(format!("{what} takes networks of one input: leave out --inputs {inputs}"))),
        }
    }

    /// The grid in the core's terms.
    pub fn grid(&self) -> probe::Grid {
        probe::Grid { points: self.points, from: self.from, to: self.to, endpoint: self.endpoint.core() }
    }

    /// The weights of a run.
    pub fn seeded(&self, run: u32) -> shatterscope::weights::Seeded {
        shatterscope::weights::Seeded::with(&self.network(), self.seed, run, self.normal.core(), self.math.core())
    }

    /// Contract id.
    pub fn contract(&self) -> &'static str {
        shatterscope::contract::contract_id(self.math.core())
    }

    /// Name of the random numbers.
    pub fn generator(&self) -> String {
        let normal = self.normal.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        format!("philox4x32-10/{normal}")
    }
}
