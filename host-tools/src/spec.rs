//! What is to be run: options, preset or file, resolved to every field.
use crate::{Failure, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize, Serializer};
use shatterscope::{network, probe, random};
use std::path::Path;

/// Enums of the command line that stand for enums of the core, with the same words everywhere.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident: $core:ty { $($(#[$vdoc:meta])* $variant:ident => $value:expr),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// The core's word for it.
            pub fn core(self) -> $core {
                match self { $(Self::$variant => $value),* }
            }
        }
    )*};
}

choices! {
    /// What stands before a rectifier.
    Norm: network::Norm {
        /// Nothing.
        None => network::Norm::None,
        /// Minus the mean over the points.
        Centre => network::Norm::Centre,
        /// Batch norm without learned scale.
        Batch => network::Norm::Batch,
    }
    /// How hidden matrices are drawn.
    Init: network::Init {
        /// sqrt(2 / fan_in)
        He => network::Init::He,
        /// sqrt(2 / (fan_in + fan_out))
        Glorot => network::Init::Glorot,
        /// A random orthogonal matrix.
        Orthogonal => network::Init::Orthogonal,
        /// [W, -W] with W orthogonal.
        LooksLinear => network::Init::LooksLinear,
    }
    /// What stands before the readout.
    Readout: network::Readout {
        /// The rectifier.
        Relu => network::Readout::Relu,
        /// Nothing.
        Linear => network::Readout::Linear,
        /// The norm, then the rectifier.
        NormRelu => network::Readout::NormRelu,
    }
    /// Whether the grid holds its right end.
    Endpoint: probe::Endpoint {
        /// It does not.
        Exclusive => probe::Endpoint::Exclusive,
        /// It does.
        Inclusive => probe::Endpoint::Inclusive,
    }
    /// The statistics of a norm in the derivative.
    Statistics: network::Statistics {
        /// Held constant.
        Detached => network::Statistics::Detached,
        /// Differentiated through.
        Full => network::Statistics::Full,
    }
    /// How normals are made.
    Normal: random::Normal {
        /// A sum of uniforms, exact.
        IrwinHall => random::Normal::IrwinHall,
        /// The inverse distribution function.
        As241 => random::Normal::As241,
    }
    /// How the derivative is taken.
    Derivative: network::Derivative {
        /// Backward through a tape.
        Reverse => network::Derivative::Reverse,
        /// A tangent beside the value.
        Forward => network::Derivative::Forward,
    }
    /// The maths library behind square roots and logarithms.
    Math: shatterscope::math::Math {
        /// The contract's.
        Libm => shatterscope::math::Math::Libm,
        /// An approximation, as an experiment.
        Micromath => shatterscope::math::Math::Micromath,
    }
    /// Which autocorrelation.
    Acf: probe::Autocorrelation {
        /// The mean is removed first.
        MeanRemoved => probe::Autocorrelation::MeanRemoved,
        /// As numpy.correlate gives it.
        Raw => probe::Autocorrelation::Raw,
    }
}

/// The paper's families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Layers one after the other.
    Feedforward,
    /// alpha (x + beta F(x))
    Resnet,
    /// carry x + transform F(x)
    Highway,
    /// Feedforward with relu(x) and relu(-x).
    Crelu,
}

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
    /// Before each rectifier.
    pub norm: Norm,
    /// Hidden matrices.
    pub init: Init,
    /// Times the deviation of `init`.
    #[serde(serialize_with = "decimal")]
    pub gain: f32,
    /// Biases of layers 2 and deeper.
    #[serde(serialize_with = "decimal")]
    pub bias_std: f32,
    /// Weights of the stem.
    #[serde(serialize_with = "decimal")]
    pub first_weight_std: f32,
    /// Biases of the stem.
    #[serde(serialize_with = "decimal")]
    pub first_bias_std: f32,
    /// Weights of the readout.
    #[serde(serialize_with = "decimal")]
    pub readout_std: f32,
    /// Before the readout.
    pub readout: Readout,
    /// Resnets: scale of the block.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "optional_decimal")]
    pub alpha: Option<f32>,
    /// Resnets: scale of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "optional_decimal")]
    pub beta: Option<f32>,
    /// Highways: scale of the skip.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "optional_decimal")]
    pub carry: Option<f32>,
    /// Highways: scale of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "optional_decimal")]
    pub transform: Option<f32>,
    /// Under the root of batch norm.
    #[serde(serialize_with = "decimal")]
    pub eps: f32,
    /// Maths library.
    pub math: Math,
    /// Grid points.
    pub points: u32,
    /// Left end of the grid.
    #[serde(serialize_with = "decimal")]
    pub from: f32,
    /// Right end of the grid.
    #[serde(serialize_with = "decimal")]
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

/// The shortest decimal that parses back to the f32, also through an f64.
fn decimal<S: Serializer>(x: &f32, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64(x.to_string().parse().unwrap_or(*x as f64))
}

fn optional_decimal<S: Serializer>(x: &Option<f32>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match x {
        Some(x) => decimal(x, serializer),
        None => serializer.serialize_none(),
    }
}

impl Spec {
    /// Reads a resolved or partial spec from TOML; what it leaves out has the default.
    ///
    /// # Errors
    /// A file that cannot be read or holds an unknown field.
    pub fn overrides_from_file(path: &Path) -> Result<Overrides> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, "cannot read the spec", error))?;
        toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            Failure::usage(format!("the spec {} is not understood: {message}", path.display()))
        })
    }

    /// The spec as TOML.
    ///
    /// # Errors
    /// None in practice: every field has a TOML form.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Failure::failed(format!("cannot print the spec: {error}")))
    }

    /// The network in the core's terms.
    pub fn network(&self) -> network::Spec {
        let family = match self.family {
            Family::Feedforward => network::Family::Feedforward,
            Family::Crelu => network::Family::Crelu,
            Family::Resnet => {
                network::Family::Resnet { alpha: self.alpha.unwrap_or(1.0), beta: self.beta.unwrap_or(1.0) }
            }
            Family::Highway => {
                network::Family::Highway { carry: self.carry.unwrap_or(0.0), transform: self.transform.unwrap_or(1.0) }
            }
        };
        network::Spec {
            norm: self.norm.core(),
            init: self.init.core(),
            readout: self.readout.core(),
            gain: self.gain,
            bias_std: self.bias_std,
            first_weight_std: self.first_weight_std,
            first_bias_std: self.first_bias_std,
            readout_std: self.readout_std,
            eps: self.eps,
            ..network::Spec::feedforward(self.depth, self.width).with_family(family)
        }
    }

    /// The grid in the core's terms.
    pub fn grid(&self) -> probe::Grid {
        probe::Grid { points: self.points, from: self.from, to: self.to, endpoint: self.endpoint.core() }
    }

    /// The weights of a run.
    pub fn seeded(&self, run: u32) -> network::Seeded {
        network::Seeded::with(&self.network(), self.seed, run, self.normal.core(), self.math.core())
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

/// Fields that are given; the rest has defaults. A spec file and the command line are both of this form.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
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
    /// What stands before each rectifier [default: none]
    #[arg(long)]
    pub norm: Option<Norm>,
    /// How hidden matrices are drawn [default: he]
    #[arg(long)]
    pub init: Option<Init>,
    /// Times the standard deviation of the initialisation [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub gain: Option<f64>,
    /// Standard deviation of the biases of layers 2 and deeper [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    pub bias_std: Option<f64>,
    /// Standard deviation of the stem's weights [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub first_weight_std: Option<f64>,
    /// Standard deviation of the stem's biases [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub first_bias_std: Option<f64>,
    /// Standard deviation of the readout's weights [default: sqrt(1/width)]
    #[arg(long, allow_negative_numbers = true)]
    pub readout_std: Option<f64>,
    /// What stands before the readout [default: relu; norm-relu for feedforward and crelu with a norm]
    #[arg(long)]
    pub readout: Option<Readout>,
    /// Resnets: scale of a block [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub alpha: Option<f64>,
    /// Resnets: scale of the branch [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    pub beta: Option<f64>,
    /// Highways: scale of the skip, sqrt(1 - transform^2) [default: sqrt(1/2)]
    #[arg(long, allow_negative_numbers = true)]
    pub carry: Option<f64>,
    /// Highways: scale of the branch, sqrt(1 - carry^2)
    #[arg(long, allow_negative_numbers = true)]
    pub transform: Option<f64>,
    /// Under the root of batch norm [default: 1e-5]
    #[arg(long, allow_negative_numbers = true)]
    pub eps: Option<f64>,
    /// Maths library; micromath is an experiment of its own contract [default: libm]
    #[arg(long)]
    pub math: Option<Math>,
    /// Grid points [default: 256]
    #[arg(long)]
    pub points: Option<u32>,
    /// Left end of the grid [default: -2]
    #[arg(long, allow_negative_numbers = true)]
    pub from: Option<f64>,
    /// Right end of the grid [default: 2]
    #[arg(long, allow_negative_numbers = true)]
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
        let wide = |x: f32| Some(x.to_string().parse().unwrap_or(x as f64));
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
    /// These fields where given, those of `base` elsewhere; a field that decides which others belong (family, norm)
    /// drops what no longer does.
    pub fn over(self, base: Self) -> Self {
        let family = self.family.is_some() && self.family != base.family;
        let norm = self.norm.is_some() && self.norm != base.norm;
        let width = self.width.is_some() && self.width != base.width;
        let base = Self {
            alpha: base.alpha.filter(|_| !family),
            beta: base.beta.filter(|_| !family),
            carry: base.carry.filter(|_| !family && self.transform.is_none()),
            transform: base.transform.filter(|_| !family && self.carry.is_none()),
            readout: base.readout.filter(|_| !family && !norm),
            statistics: base.statistics.filter(|_| self.norm != Some(Norm::None)),
            readout_std: base.readout_std.filter(|_| !width),
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
        let (carry, transform) = highway(self.carry, self.transform)?;
        let width = self.width.unwrap_or(200);
        let readout = match (self.readout, family, norm) {
            (Some(Readout::NormRelu), _, Norm::None) => Readout::Relu,
            (Some(readout), _, _) => readout,
            (None, Family::Feedforward | Family::Crelu, Norm::Centre | Norm::Batch) => Readout::NormRelu,
            (None, ..) => Readout::Relu,
        };
        let math = self.math.unwrap_or(Math::Libm);
        let narrow = |x: Option<f64>, or: f64| x.unwrap_or(or) as f32;
        let resnet = family == Family::Resnet;
        let spec = Spec {
            family,
            depth: self.depth.unwrap_or(24),
            width,
            norm,
            init: self.init.unwrap_or(Init::He),
            gain: narrow(self.gain, 1.0),
            bias_std: narrow(self.bias_std, 0.0),
            first_weight_std: narrow(self.first_weight_std, 1.0),
            first_bias_std: narrow(self.first_bias_std, 1.0),
            readout_std: match self.readout_std {
                Some(x) => x as f32,
                None => network::Spec::feedforward(1, width.max(1)).resolved_readout_std(),
            },
            readout,
            alpha: resnet.then(|| narrow(self.alpha, 1.0)),
            beta: resnet.then(|| narrow(self.beta, 1.0)),
            carry: (family == Family::Highway).then_some(carry as f32),
            transform: (family == Family::Highway).then_some(transform as f32),
            eps: narrow(self.eps, 1e-5),
            math,
            points: self.points.unwrap_or(256),
            from: narrow(self.from, -2.0),
            to: narrow(self.to, 2.0),
            endpoint: self.endpoint.unwrap_or(Endpoint::Exclusive),
            statistics: (norm != Norm::None).then(|| self.statistics.unwrap_or(Statistics::Detached)),
            runs: self.runs.unwrap_or(20),
            seed: self.seed.unwrap_or(1),
            normal: self.normal.unwrap_or(Normal::IrwinHall),
            derivative: self.derivative.unwrap_or(Derivative::Reverse),
        };
        if spec.runs == 0 {
            return Err(Failure::usage("runs must be at least 1"));
        }
        if spec.readout_std == 0.0 {
            return Err(Failure::usage("readout-std must be positive: a readout of zeros has no gradient"));
        }
        spec.network().check()?;
        spec.grid().check()?;
        Ok(spec)
    }
}

/// One of carry and transform gives the other; together they lie on the unit circle.
fn highway(carry: Option<f64>, transform: Option<f64>) -> Result<(f64, f64)> {
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
