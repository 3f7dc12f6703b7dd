//! The elements of a step of Adam on registers.
use super::Isa;
use super::lanes::{Job, Lanes};

/// What all parameters share, and weight decay: in the gradient, beside it.
#[derive(Clone, Copy)]
pub(crate) struct Adam {
    pub size: f32,
    pub root: f32,
    pub betas: [f32; 2],
    pub rests: [f32; 2],
    pub eps: f32,
    pub within: Option<f32>,
    pub beside: Option<f32>,
}

/// Parameters at a time.
pub(crate) const STEP: usize = 16;

/// Updates whole steps of parameters; false, and nothing done, where there are no registers.
pub(crate) fn adam(
    isa: Isa,
    rule: &Adam,
    weights: &mut [[f32; STEP]],
    gradients: &[[f32; STEP]],
    moments: &mut [[[f32; 2]; STEP]],
) -> bool {
    isa.run(Update { rule, weights, gradients, moments })
}

struct Update<'a> {
    rule: &'a Adam,
    weights: &'a mut [[f32; STEP]],
    gradients: &'a [[f32; STEP]],
    moments: &'a mut [[[f32; 2]; STEP]],
}

impl Job for Update<'_> {
    type Output = bool;

    #[inline(always)]
    fn portable(self) -> bool {
        false
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> bool {
        let rule = *self.rule;
        let splat = |x| lanes.splat(x);
        let (size, root, eps) = (splat(rule.size), splat(rule.root), splat(rule.eps));
        let ([beta1, beta2], [rest1, rest2]) = (rule.betas.map(splat), rule.rests.map(splat));
        let (within, beside) = (rule.within.map(splat), rule.beside.map(splat));
        for ((weights, gradients), moments) in self.weights.iter_mut().zip(self.gradients).zip(self.moments) {
            let (mut means, mut squares) = (moments.map(|[m, _]| m), moments.map(|[_, v]| v));
            for at in 0..STEP / L::N {
                let (mut w, mut g) = (lanes.load(weights, at), lanes.load(gradients, at));
                if let Some(decay) = within {
                    g = lanes.add(g, lanes.mul(decay, w));
                }
                if let Some(decay) = beside {
                    w = lanes.sub(w, lanes.mul(decay, w));
                }
                let m = lanes.add(lanes.mul(beta1, lanes.load(&means, at)), lanes.mul(rest1, g));
                let v = lanes.add(lanes.mul(beta2, lanes.load(&squares, at)), lanes.mul(rest2, lanes.mul(g, g)));
                let below = lanes.add(lanes.div(lanes.sqrt(v), root), eps);
                lanes.store(lanes.sub(w, lanes.mul(size, lanes.div(m, below))), weights, at);
                lanes.store(m, &mut means, at);
                lanes.store(v, &mut squares, at);
            }
            for ((to, m), v) in moments.iter_mut().zip(means).zip(squares) {
                *to = [m, v];
            }
        }
        true
    }
}
