//! The networks of the paper, in numbers: family, initialisation, depth, width.
//!
//! ```
//! use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
//!
//! // 24 layers of 200 units with batch norm, as in figure 1 of the paper.
//! let spec = Spec::feedforward(24, 200).with_norm(Norm::Batch);
//! assert_eq!((spec.readout, spec.check()), (Readout::NormRelu, Ok(())));
//! let resnet = spec.with_family(Family::Resnet { alpha: 1.0, beta: 0.1 }).with_init(Init::Orthogonal);
//! assert!(resnet.check().is_ok());
//! ```
use crate::error::{Error, InvalidSpec};
use crate::math::{Math, is_finite};

/// The paper's families of networks.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Family {
    /// `x_l = W_l relu(x_{l-1})`.
    Feedforward,
    /// `x_l = alpha (x_{l-1} + beta W_l relu(x_{l-1}))`.
    Resnet {
        /// Scale of the whole block.
        alpha: f32,
        /// Scale of the branch.
        beta: f32,
    },
    /// `x_l = carry x_{l-1} + transform W_l relu(x_{l-1})`, carry^2 + transform^2 = 1.
    Highway {
        /// gamma 1 of the paper.
        carry: f32,
        /// gamma 2 of the paper.
        transform: f32,
    },
    /// Feedforward with relu(x) and relu(-x) as features; width counts units before the doubling.
    Crelu,
}

/// Normalisation before each activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Norm {
    /// Nothing.
    #[default]
    None,
    /// Minus the mean over the points.
    Centre,
    /// Batch norm without learned scale.
    Batch,
}

/// How hidden matrices are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Init {
    /// Standard deviation gain * sqrt(2 / fan_in).
    #[default]
    He,
    /// Standard deviation gain * sqrt(2 / (fan_in + fan_out)).
    Glorot,
    /// Uniform among orthogonal matrices (Stewart 1980), times gain.
    Orthogonal,
    /// `[W', -W']` with W' orthogonal: the network is linear at initialisation.
    LooksLinear,
}

/// What stands between the last preactivation and the readout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Readout {
    /// The ReLU.
    #[default]
    Relu,
    /// Nothing.
    Linear,
    /// The norm, then the ReLU.
    NormRelu,
}

/// A network of the paper's families in 52 bytes; each node of its [`Graph`](crate::graph::Graph) is a `const fn` of it.
///
/// Standard deviations are absolute but for `gain`, which multiplies the initialisation's own.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Spec {
    /// Which family.
    pub family: Family,
    /// Before each ReLU.
    pub norm: Norm,
    /// Hidden matrices.
    pub init: Init,
    /// Before the readout.
    pub readout: Readout,
    /// Layers, the stem included; at least 1.
    pub depth: u32,
    /// Units of every layer.
    pub width: u32,
    /// Units of the input.
    pub inputs: u32,
    /// Times the standard deviation of `init`.
    pub gain: f32,
    /// Biases of layers 2 and deeper.
    pub bias_std: f32,
    /// The stem's weights.
    pub first_weight_std: f32,
    /// The stem's biases.
    pub first_bias_std: f32,
    /// The readout's weights; 0 stands for sqrt(1 / width).
    pub readout_std: f32,
    /// Under the root of batch norm.
    pub eps: f32,
}

const _: () = assert!(size_of::<Spec>() <= 64);

impl Spec {
    /// He initialisation, no norm: the paper's plain network.
    pub const fn feedforward(depth: u32, width: u32) -> Self {
        Self {
            family: Family::Feedforward,
            norm: Norm::None,
            init: Init::He,
            readout: Readout::Relu,
            depth,
            width,
            inputs: 1,
            gain: 1.0,
            bias_std: 0.0,
            first_weight_std: 1.0,
            first_bias_std: 1.0,
            readout_std: 0.0,
            eps: 1e-5,
        }
    }

    /// The same network in another family.
    pub const fn with_family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// The same network with a norm, and the readout that goes with it: `norm-relu` for feedforward and CReLU networks.
    pub const fn with_norm(self, norm: Norm) -> Self {
        let readout = match (self.family, norm) {
            (Family::Feedforward | Family::Crelu, Norm::Centre | Norm::Batch) => Readout::NormRelu,
            _ => Readout::Relu,
        };
        Self { norm, readout, ..self }
    }

    /// The same network with another initialisation.
    pub const fn with_init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// The readout's standard deviation: `readout_std`, or sqrt(1 / width) where that is 0; part of the spec, so that it
    /// does not depend on the maths library under test.
    pub fn resolved_readout_std(&self) -> f32 {
        if self.readout_std == 0.0 { Math::Libm.sqrt(1.0 / self.width as f32) } else { self.readout_std }
    }

    /// Features that a ReLU hands on: twice the width under CReLU.
    pub const fn features(&self) -> u32 {
        match self.family {
            // `check` refuses widths above 2^20.
            Family::Crelu => self.width.saturating_mul(2),
            _ => self.width,
        }
    }

    /// Least panel that seeded weights need, f32 elements: one column of an orthogonal matrix and one reflector.
    pub const fn panel_len(&self) -> u64 {
        let order = self.features() as u64;
        match self.init {
            _ if self.depth < 2 => 1,
            Init::He | Init::Glorot => 1,
            Init::Orthogonal => 2 * order,
            // Two columns of N entries and a reflector of N.
            Init::LooksLinear => 3 * self.width as u64,
        }
    }

    /// Scales (a, b) of the residual join, None for families without.
    pub const fn join(&self) -> Option<(f32, f32)> {
        match self.family {
            Family::Resnet { alpha, beta } => Some((alpha, alpha * beta)),
            Family::Highway { carry, transform } => Some((carry, transform)),
            Family::Feedforward | Family::Crelu => None,
        }
    }

    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] with the reason.
    pub const fn check(&self) -> Result<(), Error> {
        const fn deviation(x: f32) -> bool {
            is_finite(x) && x >= 0.0
        }
        let reason = if !matches!(self.norm, Norm::None) && !cfg!(feature = "norm") {
            InvalidSpec::Feature
        } else if self.depth == 0 || self.depth >= 1 << 24 {
            InvalidSpec::Depth
        } else if self.width == 0 || self.width > 1 << 20 {
            InvalidSpec::Width
        } else if self.inputs == 0 || self.inputs > 1 << 20 {
            InvalidSpec::Inputs
        } else if !(is_finite(self.gain)
            && deviation(self.bias_std)
            && deviation(self.first_weight_std)
            && deviation(self.first_bias_std)
            && deviation(self.readout_std))
        {
            InvalidSpec::Scale
        } else if !(is_finite(self.eps) && self.eps >= 0.0) {
            InvalidSpec::Eps
        } else if matches!(self.init, Init::LooksLinear)
            && !matches!((self.family, self.norm), (Family::Crelu, Norm::None))
        {
            InvalidSpec::LooksLinear
        } else {
            match self.family {
                Family::Resnet { alpha, beta } if !(is_finite(alpha) && is_finite(alpha * beta)) => InvalidSpec::Scale,
                Family::Highway { carry, transform } if !on_unit_circle(carry, transform) => InvalidSpec::UnitCircle,
                _ => return Ok(()),
            }
        };
        Err(Error::InvalidSpec(reason))
    }
}

const fn on_unit_circle(carry: f32, transform: f32) -> bool {
    let defect = carry * carry + transform * transform - 1.0;
    defect <= 1e-6 && defect >= -1e-6
}
