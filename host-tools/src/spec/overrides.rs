//! Fields as they are given, from a file, a preset or the command line, and how they become a whole spec.
use super::{Derivative, Endpoint, Family, Init, Math, Norm, Normal, Readout, Spec, Statistics};
use crate::{Failure, Result, decimal};
use serde::{Deserialize, Serialize};
use shatterscope::spec;

/// Fields that are given; the rest has defaults. A spec file and the command line are both of this form.
#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// Family of networks [default: feedforward]
    #[arg(long)]
    pub family: Option<Family>,
    /// Layers, the stem included [default: 24]
    #[arg(long)]
    pub depth: Option<u32>,
    /// Units of a layer, before CReLU [default: 200]
    #[arg(long)]
    pub width: Option<u32>,
    /// What stands before each ReLU [default: none]
    #[arg(long)]
    pub norm: Option<Norm>,
    /// How hidden matrices are drawn [default: he]
    #[arg(long)]
    pub init: Option<Init>,
    /// Times the standard deviation of the initialisation [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub gain: Option<f64>,
    /// Standard deviation of the biases of layers 2 and deeper [default: 0]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub bias_std: Option<f64>,
    /// Standard deviation of the stem's weights [default: sqrt(1/inputs)]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub first_weight_std: Option<f64>,
    /// Standard deviation of the stem's biases [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub first_bias_std: Option<f64>,
    /// Standard deviation of the readout's weights [default: sqrt(1/width)]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub readout_std: Option<f64>,
    /// What stands before the readout [default: relu; norm-relu for feedforward and crelu with a norm]
    #[arg(long)]
    pub readout: Option<Readout>,
    /// Resnets: scale of a block [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub alpha: Option<f64>,
    /// Resnets: scale of the branch [default: 1]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub beta: Option<f64>,
    /// Highways: scale of the skip, sqrt(1 - transform^2) [default: sqrt(1/2)]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub carry: Option<f64>,
    /// Highways: scale of the branch, sqrt(1 - carry^2)
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub transform: Option<f64>,
    /// Under the root of batch norm [default: 1e-5]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub eps: Option<f64>,
    /// Maths library; micromath is an experiment of its own contract [default: libm]
    #[arg(long)]
    pub math: Option<Math>,
    /// Inputs; with more than one the points are vectors of standard normals instead of a grid [default: 1]
    #[arg(long)]
    pub inputs: Option<u32>,
    /// Points [default: 256]
    #[arg(long)]
    pub points: Option<u32>,
    /// Left end of the grid [default: -2]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub from: Option<f64>,
    /// Right end of the grid [default: 2]
    #[arg(long, allow_negative_numbers = true, value_parser = decimal::parse_wide)]
    pub to: Option<f64>,
    /// Whether the right end is a grid point [default: exclusive]
    #[arg(long)]
    pub endpoint: Option<Endpoint>,
    /// Norms: statistics held constant in the derivative, or differentiated through [default: detached]
    #[arg(long)]
    pub statistics: Option<Statistics>,
    /// Independent draws of the weights [default: 20]
    #[arg(long)]
    pub runs: Option<u32>,
    /// Seed of all random numbers [default: 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How normals are made [default: irwin-hall]
    #[arg(long)]
    pub normal: Option<Normal>,
    /// How the derivative is taken; each mode has its own digest [default: reverse]
    #[arg(long)]
    pub derivative: Option<Derivative>,
}

impl From<&Spec> for Overrides {
    fn from(spec: &Spec) -> Self {
        let wide = |x: f32| Some(decimal::wide(x));
        Self {
            family: Some(spec.family),
            depth: Some(spec.depth),
            width: Some(spec.width),
            norm: Some(spec.norm),
            init: Some(spec.init),
            gain: wide(spec.gain),
            bias_std: wide(spec.bias_std),
            first_weight_std: wide(spec.first_weight_std),
            first_bias_std: wide(spec.first_bias_std),
            readout_std: wide(spec.readout_std),
            readout: Some(spec.readout),
            alpha: spec.alpha.and_then(wide),
            beta: spec.beta.and_then(wide),
            carry: spec.carry.and_then(wide),
            transform: spec.transform.and_then(wide),
            eps: wide(spec.eps),
            math: Some(spec.math),
            inputs: Some(spec.inputs),
            points: Some(spec.points),
            from: wide(spec.from),
            to: wide(spec.to),
            endpoint: Some(spec.endpoint),
            statistics: spec.statistics,
            runs: Some(spec.runs),
            seed: Some(spec.seed),
            normal: Some(spec.normal),
            derivative: Some(spec.derivative),
        }
    }
}

impl Overrides {
    /// The names of all fields.
    pub fn names() -> Vec<String> {
        let command = <Self as clap::Args>::augment_args(clap::Command::new("spec"));
        command.get_arguments().map(|argument| argument.get_id().to_string()).collect()
    }

    /// These fields where given, those of `base` elsewhere; a field that decides which others belong (family, norm)
    /// drops what no longer does.
    pub fn over(self, base: Self) -> Self {
        let family = self.family.is_some() && self.family != base.family;
        let norm = self.norm.is_some() && self.norm != base.norm;
        let width = self.width.is_some() && self.width != base.width;
        let inputs = self.inputs.is_some_and(|inputs| inputs != base.inputs.unwrap_or(1));
        let base = Self {
            alpha: base.alpha.filter(|_| !family),
            beta: base.beta.filter(|_| !family),
            carry: base.carry.filter(|_| !family && self.transform.is_none()),
            transform: base.transform.filter(|_| !family && self.carry.is_none()),
            readout: base.readout.filter(|_| !family && !norm),
            statistics: base.statistics.filter(|_| self.norm != Some(Norm::None)),
            readout_std: base.readout_std.filter(|_| !width),
            first_weight_std: base.first_weight_std.filter(|_| !inputs),
            ..base
        };
        macro_rules! merge {
            ($($field:ident),*) => { Self { $($field: self.$field.or(base.$field)),* } };
        }
        merge!(
            family,
            depth,
            width,
            norm,
            init,
            gain,
            bias_std,
            first_weight_std,
            first_bias_std,
            readout_std,
            readout,
            alpha,
            beta,
            carry,
            transform,
            eps,
            math,
            inputs,
            points,
            from,
            to,
            endpoint,
            statistics,
            runs,
            seed,
            normal,
            derivative
        )
    }

    /// Every field, or the reason why some do not belong together.
    ///
    /// # Errors
    /// Wrong use: options of another family, a statistics mode without a norm, a grid or scale that cannot be run.
    pub fn resolve(self) -> Result<Spec> {
        let family = self.family.unwrap_or(Family::Feedforward);
        let norm = self.norm.unwrap_or(Norm::None);
        let belongs = |given: bool, belongs: bool, what: &str, to: &str| match given && !belongs {
            true => Err(Failure::usage(format!("{what} belongs to {to}: leave it out or choose {to}"))),
            false => Ok(()),
        };
        belongs(self.alpha.is_some(), family == Family::Resnet, "--alpha", "--family resnet")?;
        belongs(self.beta.is_some(), family == Family::Resnet, "--beta", "--family resnet")?;
        belongs(self.carry.is_some(), family == Family::Highway, "--carry", "--family highway")?;
        belongs(self.transform.is_some(), family == Family::Highway, "--transform", "--family highway")?;
        belongs(self.statistics.is_some(), norm != Norm::None, "--statistics", "--norm centre or --norm batch")?;
        let inputs = self.inputs.unwrap_or(1);
        if inputs > 1 {
            let range = self.from.is_some_and(|x| x != -2.0) || self.to.is_some_and(|x| x != 2.0);
            if range || self.endpoint == Some(Endpoint::Inclusive) {
                let option = if range { "--from or --to has" } else { "--endpoint has" };
                return Err(Failure::usage(format!(
                    "{option} no effect with --inputs {inputs}, which has no grid: leave it out, or give --inputs 1"
                )));
            }
            let forward = self.derivative == Some(Derivative::Forward);
            belongs(forward, false, "--derivative forward, which takes one direction,", "--inputs 1")?;
        }
        let normed = self.readout == Some(Readout::NormRelu) && norm == Norm::None;
        belongs(normed, false, "--readout norm-relu", "--norm centre or --norm batch")?;
        let (carry, transform) = unit_circle(self.carry, self.transform)?;
        let width = self.width.unwrap_or(200);
        let readout = match (self.readout, family, norm) {
            (Some(readout), _, _) => readout,
            (None, Family::Feedforward | Family::Crelu, Norm::Centre | Norm::Batch) => Readout::NormRelu,
            (None, ..) => Readout::Relu,
        };
        let math = self.math.unwrap_or(Math::Libm);
        let narrow =
            |name: &str, x: f64| decimal::narrow(x).map_err(|error| Failure::usage(format!("--{name}: {error}")));
        let (resnet, highway) = (family == Family::Resnet, family == Family::Highway);
        let spec = Spec {
            family,
            depth: self.depth.unwrap_or(24),
            width,
            norm,
            init: self.init.unwrap_or(Init::He),
            gain: narrow("gain", self.gain.unwrap_or(1.0))?,
            bias_std: narrow("bias-std", self.bias_std.unwrap_or(0.0))?,
            first_weight_std: narrow(
                "first-weight-std",
                // `Spec::check` names a number of 0.
                self.first_weight_std.unwrap_or(f64::from(inputs.max(1)).recip().sqrt()),
            )?,
            first_bias_std: narrow("first-bias-std", self.first_bias_std.unwrap_or(1.0))?,
            readout_std: match self.readout_std {
                Some(x) => narrow("readout-std", x)?,
                None => spec::Spec::feedforward(1, width.max(1)).resolved_readout_std(),
            },
            readout,
            alpha: resnet.then(|| narrow("alpha", self.alpha.unwrap_or(1.0))).transpose()?,
            beta: resnet.then(|| narrow("beta", self.beta.unwrap_or(1.0))).transpose()?,
            carry: highway.then(|| narrow("carry", carry)).transpose()?,
            transform: highway.then(|| narrow("transform", transform)).transpose()?,
            eps: narrow("eps", self.eps.unwrap_or(1e-5))?,
            math,
            inputs,
            points: self.points.unwrap_or(256),
            from: narrow("from", self.from.unwrap_or(-2.0))?,
            to: narrow("to", self.to.unwrap_or(2.0))?,
            endpoint: self.endpoint.unwrap_or(Endpoint::Exclusive),
            statistics: (norm != Norm::None).then(|| self.statistics.unwrap_or(Statistics::Detached)),
            runs: self.runs.unwrap_or(20),
            seed: self.seed.unwrap_or(1),
            normal: self.normal.unwrap_or(Normal::IrwinHall),
            derivative: self.derivative.unwrap_or(Derivative::Reverse),
        };
        spec.check()?;
        Ok(spec)
    }
}

/// One of carry and transform gives the other; together they lie on the unit circle.
fn unit_circle(carry: Option<f64>, transform: Option<f64>) -> Result<(f64, f64)> {
    let other = |x: f64, what: &str| match (0.0..=1.0).contains(&(x * x)) {
        true => Ok((1.0 - x * x).sqrt()),
        false => Err(Failure::usage(format!("--{what} must lie between -1 and 1: carry^2 + transform^2 = 1"))),
    };
    match (carry, transform) {
        (Some(carry), Some(transform)) => Ok((carry, transform)),
        (Some(carry), None) => Ok((carry, other(carry, "carry")?)),
        (None, Some(transform)) => Ok((other(transform, "transform")?, transform)),
        (None, None) => Ok((0.5f64.sqrt(), 0.5f64.sqrt())),
    }
}
