//! The words of the command line, and the core's for them.
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use shatterscope::{probe, random};

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
    /// What stands before a ReLU.
    Norm: shatterscope::spec::Norm {
        /// Nothing.
        None => shatterscope::spec::Norm::None,
        /// Minus the mean over the points.
        Centre => shatterscope::spec::Norm::Centre,
        /// Batch norm without learned scale.
        Batch => shatterscope::spec::Norm::Batch,
    }
    /// How hidden matrices are drawn.
    Init: shatterscope::spec::Init {
        /// sqrt(2 / fan_in)
        He => shatterscope::spec::Init::He,
        /// sqrt(2 / (fan_in + fan_out))
        Glorot => shatterscope::spec::Init::Glorot,
        /// A random orthogonal matrix.
        Orthogonal => shatterscope::spec::Init::Orthogonal,
        /// [W, -W] with W orthogonal.
        LooksLinear => shatterscope::spec::Init::LooksLinear,
    }
    /// What stands before the readout.
    Readout: shatterscope::spec::Readout {
        /// The ReLU.
        Relu => shatterscope::spec::Readout::Relu,
        /// Nothing.
        Linear => shatterscope::spec::Readout::Linear,
        /// The norm, then the ReLU.
        NormRelu => shatterscope::spec::Readout::NormRelu,
    }
    /// Whether the grid holds its right end.
    Endpoint: probe::Endpoint {
        /// It does not.
        Exclusive => probe::Endpoint::Exclusive,
        /// It does.
        Inclusive => probe::Endpoint::Inclusive,
    }
    /// The statistics of a norm in the derivative.
    Statistics: shatterscope::plan::Statistics {
        /// Held constant.
        Detached => shatterscope::plan::Statistics::Detached,
        /// Differentiated through.
        Full => shatterscope::plan::Statistics::Full,
    }
    /// How normals are made.
    Normal: random::Normal {
        /// A sum of uniforms, exact.
        IrwinHall => random::Normal::IrwinHall,
        /// The inverse distribution function.
        As241 => random::Normal::As241,
    }
    /// How the derivative is taken.
    Derivative: shatterscope::plan::Derivative {
        /// Backward through a tape.
        Reverse => shatterscope::plan::Derivative::Reverse,
        /// A tangent beside the value.
        Forward => shatterscope::plan::Derivative::Forward,
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
