//! The words of the command line, and the core's for them.
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shatterscope::{network, probe, random};

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
