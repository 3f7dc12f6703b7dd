use crate::kernel::{self, ADAM_STEP, Isa};
use crate::math::Math;

/// Weight decay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Decay {
    /// No weight decay.
    #[default]
    None,
    /// As a penalty: `g + (decay * w)` takes the gradient's place.
    L2(f32),
    /// Beside the gradient: `w - ((rate * decay) * w)` takes the weight's place, before all else.
    ///
    /// # References
    /// Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    Decoupled(f32),
}

impl Decay {
    /// With the rate multiplied into what does not change during a step.
    pub(super) fn at(self, rate: f32) -> Self {
        match self {
            Decay::Decoupled(decay) => Decay::Decoupled(rate * decay),
            other => other,
        }
    }

    /// Weight and gradient as the rule sees them.
    #[inline(always)]
    fn apply(self, w: f32, g: f32) -> (f32, f32) {
        match self {
            Decay::None => (w, g),
            Decay::L2(decay) => (w, g + (decay * w)),
            Decay::Decoupled(rate_decay) => (w - (rate_decay * w), g),
        }
    }
}

/// A step of plain descent: no state, so that a backward pass can update a weight where its gradient arises.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sgd {
    pub(super) rate: f32,
    pub(super) decay: Decay,
}

impl Sgd {
    /// The rate, where nothing decays.
    pub(in crate::train) fn plain(&self) -> Option<f32> {
        matches!(self.decay, Decay::None).then_some(self.rate)
    }

    /// `w - (rate * g)`: the new weight.
    #[inline(always)]
    pub fn update(&self, w: f32, g: f32) -> f32 {
        let (w, g) = self.decay.apply(w, g);
        w - (self.rate * g)
    }
}

/// A step with momentum, one float of state.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Momentum {
    pub(super) rate: f32,
    pub(super) mu: f32,
    pub(super) nesterov: bool,
    pub(super) decay: Decay,
}

impl Momentum {
    /// `v <- (mu * v) + g`; the new weight is `w - (rate * v)`, under Nesterov `w - (rate * (g + (mu * v)))`.
    #[inline(always)]
    pub fn update(&self, w: f32, g: f32, v: &mut f32) -> f32 {
        let (w, g) = self.decay.apply(w, g);
        *v = (self.mu * *v) + g;
        w - (self.rate * if self.nesterov { g + (self.mu * *v) } else { *v })
    }
}

/// A step of Adam, two floats of state.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam {
    /// rate / (1 - beta1^t)
    pub(super) size: f32,
    /// sqrt(1 - beta2^t)
    pub(super) root: f32,
    pub(super) betas: [f32; 2],
    /// 1 - beta
    pub(super) rests: [f32; 2],
    pub(super) eps: f32,
    pub(super) decay: Decay,
    pub(super) math: Math,
}

impl Adam {
    /// `m <- (beta1 * m) + ((1 - beta1) * g)`, `v <- (beta2 * v) + ((1 - beta2) * (g * g))`; the new weight is
    /// `w - (size * (m / ((sqrt(v) / root) + eps)))`, `size = rate / (1 - beta1^t)`, `root = sqrt(1 - beta2^t)`.
    #[inline(always)]
    pub fn update(&self, w: f32, g: f32, [m, v]: &mut [f32; 2]) -> f32 {
        let (w, g) = self.decay.apply(w, g);
        let ([beta1, beta2], [rest1, rest2]) = (self.betas, self.rests);
        *m = (beta1 * *m) + (rest1 * g);
        *v = (beta2 * *v) + (rest2 * (g * g));
        w - (self.size * (*m / ((self.math.sqrt(*v) / self.root) + self.eps)))
    }

    /// Updates as many of the first parameters as fill registers, and says how many: none by [`Math::Micromath`].
    pub(super) fn on_registers(
        &self,
        isa: Isa,
        weight: &mut [f32],
        gradient: &[f32],
        moments: &mut [[f32; 2]],
    ) -> usize {
        let Self { size, root, betas, rests, eps, decay, math } = *self;
        if math != Math::Libm {
            return 0;
        }
        let (within, beside) = match decay {
            Decay::None => (None, None),
            Decay::L2(decay) => (Some(decay), None),
            Decay::Decoupled(decay) => (None, Some(decay)),
        };
        let rule = kernel::Adam { size, root, betas, rests, eps, within, beside };
        let weights = weight.as_chunks_mut::<ADAM_STEP>().0;
        let steps = weights.len();
        let gradients = gradient.as_chunks::<ADAM_STEP>().0;
        let done = kernel::adam(isa, &rule, weights, gradients, moments.as_chunks_mut::<ADAM_STEP>().0);
        if done { steps * ADAM_STEP } else { 0 }
    }
}
