mod rule;

pub use rule::{Adam, Decay, Momentum, Sgd};

use super::{is_not_negative, is_positive, restored, stored, word};
use crate::error::{Buffer, Error, InvalidConfig, InvalidSpec};
use crate::kernel::Isa;
use crate::math::Math;

/// The rule by which a gradient changes a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Optimiser {
    /// SGD: `w <- w - rate g`.
    #[default]
    Sgd,
    /// SGD with momentum: `v <- mu v + g`, `w <- w - rate v`.
    ///
    /// # References
    /// Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    Momentum {
        /// How much of the last step is kept.
        mu: f32,
    },
    /// SGD with Nesterov momentum.
    ///
    /// # References
    /// Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
    Nesterov {
        /// How much of the last step is kept.
        mu: f32,
    },
    /// Adam.
    ///
    /// # References
    /// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, section 2.
    Adam {
        /// Decay of the mean gradient, usually 0.9.
        beta1: f32,
        /// Decay of the mean square, usually 0.999.
        beta2: f32,
        /// Added to the root of the mean square, usually 1e-8.
        eps: f32,
    },
}

impl Optimiser {
    /// Adam with beta1 0.9, beta2 0.999 and eps 1e-8.
    pub const ADAM: Self = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

    /// Floats of state of one parameter.
    const fn kept(&self) -> u64 {
        match self {
            Optimiser::Sgd => 0,
            Optimiser::Momentum { .. } | Optimiser::Nesterov { .. } => 1,
            Optimiser::Adam { .. } => 2,
        }
    }

    /// The number of f32 elements of state for this many parameters, all +0.0 before the first step; u64::MAX if they cannot be counted.
    pub const fn state_len(&self, parameters: u64) -> u64 {
        parameters.saturating_mul(self.kept())
    }
}

/// beta1^t and beta2^t after t steps, as running products: what a step shares with those before it, besides each
/// parameter's state.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Powers {
    /// beta1^t
    pub beta1: f32,
    /// beta2^t
    pub beta2: f32,
}

impl Powers {
    /// Before the first step: 1 and 1.
    pub const fn new() -> Self {
        Self { beta1: 1.0, beta2: 1.0 }
    }

    /// beta1, beta2, little-endian.
    pub fn to_le_bytes(&self) -> [u8; 8] {
        stored([word(self.beta1), word(self.beta2)])
    }

    /// What [`Self::to_le_bytes`] gave.
    pub fn from_le_bytes(bytes: [u8; 8]) -> Self {
        let [beta1, beta2] = restored(bytes).map(f32::from_bits);
        Self { beta1, beta2 }
    }
}

impl Default for Powers {
    fn default() -> Self {
        Self::new()
    }
}

/// Update rule, weight decay and maths library.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Settings {
    /// The rule.
    pub optimiser: Optimiser,
    /// Weight decay.
    pub decay: Decay,
    /// Adam's square roots.
    pub math: Math,
}

impl Settings {
    /// An update rule without weight decay.
    pub const fn new(optimiser: Optimiser) -> Self {
        Self { optimiser, decay: Decay::None, math: Math::Libm }
    }

    /// Sets the weight decay.
    pub const fn with_decay(self, decay: Decay) -> Self {
        Self { decay, ..self }
    }

    /// Sets the functions behind Adam's square roots.
    pub const fn with_math(self, math: Math) -> Self {
        Self { math, ..self }
    }

    /// Whether all settings are in their ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]; [`InvalidSpec::Feature`] for functions that are not compiled in.
    pub fn check(&self) -> Result<(), Error> {
        if !self.math.is_available() {
            return Err(Error::InvalidSpec(InvalidSpec::Feature));
        }
        let fraction = |x: f32| (0.0..1.0).contains(&x);
        let good = match self.optimiser {
            Optimiser::Sgd => true,
            Optimiser::Momentum { mu } | Optimiser::Nesterov { mu } => fraction(mu),
            Optimiser::Adam { beta1, beta2, eps } => fraction(beta1) && fraction(beta2) && is_positive(eps),
        };
        if !good {
            return Err(Error::InvalidConfig(InvalidConfig::Optimiser));
        }
        match self.decay {
            Decay::L2(decay) | Decay::Decoupled(decay) if !is_not_negative(decay) => {
                Err(Error::InvalidConfig(InvalidConfig::Decay))
            }
            _ => Ok(()),
        }
    }

    /// Begins a step: multiplies Adam's powers by their betas, and forms what all parameters share.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Error::InvalidConfig`] for a rate that is negative or not finite; the powers are as before
    /// then.
    pub fn step(&self, rate: f32, powers: &mut Powers) -> Result<UpdateRule, Error> {
        self.check()?;
        if !is_not_negative(rate) {
            return Err(Error::InvalidConfig(InvalidConfig::Rate));
        }
        let decay = self.decay.at(rate);
        let momentum = |mu, nesterov| UpdateRule::Momentum(Momentum { rate, mu, nesterov, decay });
        Ok(match self.optimiser {
            Optimiser::Sgd => UpdateRule::Sgd(Sgd { rate, decay }),
            Optimiser::Momentum { mu } => momentum(mu, false),
            Optimiser::Nesterov { mu } => momentum(mu, true),
            Optimiser::Adam { beta1, beta2, eps } => {
                powers.beta1 *= beta1;
                powers.beta2 *= beta2;
                UpdateRule::Adam(Adam {
                    size: rate / (1.0 - powers.beta1),
                    root: self.math.sqrt(1.0 - powers.beta2),
                    betas: [beta1, beta2],
                    rests: [1.0 - beta1, 1.0 - beta2],
                    eps,
                    decay,
                    math: self.math,
                })
            }
        })
    }
}

/// One step of all parameters: the element functions of the rule, for a backward pass to call, and the same over
/// slices.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UpdateRule {
    /// Plain descent.
    Sgd(Sgd),
    /// Momentum, or Nesterov's.
    Momentum(Momentum),
    /// Adam.
    Adam(Adam),
}

impl UpdateRule {
    /// Floats of state of one parameter.
    pub(crate) const fn kept(&self) -> usize {
        match self {
            UpdateRule::Sgd(_) => 0,
            UpdateRule::Momentum(_) => 1,
            UpdateRule::Adam(_) => 2,
        }
    }

    /// The rate of plain descent.
    pub(crate) fn plain(&self) -> Option<f32> {
        match self {
            UpdateRule::Sgd(rule) => rule.plain(),
            _ => None,
        }
    }

    /// Updates weights by their gradient, element by element: parameters may be cut in any slices.
    ///
    /// An update makes no -0.0 of a weight that is not -0.0. Non-finite weights are not looked for.
    ///
    /// # Shapes
    /// `weight`, `gradient` `[parameters]`; `state` `[parameters][0, 1 or 2]`, see [`Optimiser::state_len`]: v, or m
    /// and v.
    ///
    /// # Errors
    /// [`Error::TooShort`] for a gradient or state that does not hold the weights' parameters; nothing is written then.
    pub fn apply(&self, weight: &mut [f32], gradient: &[f32], state: &mut [f32]) -> Result<(), Error> {
        self.apply_with(Isa::Portable, weight, gradient, state)
    }

    /// The same by the instructions given; no bit depends on them.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_with(&self, isa: Isa, weight: &mut [f32], gradient: &[f32], state: &mut [f32]) -> Result<(), Error> {
        let short = |buffer, need: u64, have: usize| match have as u64 {
            have if have < need => Err(Error::TooShort { buffer, need, have }),
            _ => Ok(()),
        };
        let parameters = weight.len() as u64;
        short(Buffer::Gradient, parameters, gradient.len())?;
        match self {
            UpdateRule::Sgd(rule) => {
                isa.compiled(sgd, (weight, gradient), rule);
            }
            UpdateRule::Momentum(rule) => {
                short(Buffer::State, parameters, state.len())?;
                isa.compiled(momentum, (weight, gradient), (rule, state));
            }
            UpdateRule::Adam(rule) => {
                short(Buffer::State, parameters.saturating_mul(2), state.len())?;
                let moments = state.as_chunks_mut::<2>().0;
                let done = rule.on_registers(isa, weight, gradient, moments);
                let weight = weight.iter_mut().zip(gradient).zip(moments).skip(done);
                for ((w, g), moments) in weight {
                    *w = rule.update(*w, *g, moments);
                }
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn sgd((weight, gradient): (&mut [f32], &[f32]), rule: &Sgd) {
    for (w, g) in weight.iter_mut().zip(gradient) {
        *w = rule.update(*w, *g);
    }
}

#[inline(always)]
fn momentum((weight, gradient): (&mut [f32], &[f32]), (rule, state): (&Momentum, &mut [f32])) {
    for ((w, g), v) in weight.iter_mut().zip(gradient).zip(state) {
        *w = rule.update(*w, *g, v);
    }
}
