use super::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::layer::{Affine, Running};
use crate::math::Math;
use crate::network::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Batch norm with its running statistics: `y = (((x - mean) * inv) * gamma) + beta`.
    #[inline(never)]
    pub(super) fn batch_norm(&mut self, node: &Node, eps: f32) -> bool {
        let (i, isa) = (self.node(), self.isa);
        let channels = node.shape.channels as usize;
        let plane = (node.shape.plane() as usize).wrapping_mul(T);
        let (gammas, betas) = (self.take(channels), self.take(channels));
        let (means, variances) = (self.take_running(channels), self.take_running(channels));
        let inverse = self.scratch.get_mut(..channels).unwrap_or_default();
        for (inverse, variance) in inverse.iter_mut().zip(variances) {
            *inverse = Running { mean: 0.0, variance: *variance }.moments(eps, Math::Libm).inv;
        }
        // An infinite variance would hide behind an inverse of zero.
        if !(all_finite(isa, means) && all_finite(isa, variances) && all_finite(isa, inverse)) {
            return false;
        }
        let inverse = &*inverse;
        self.memory.over(node.x, i, |y| {
            let moments = means.iter().zip(inverse);
            let affine = gammas.iter().zip(betas);
            for ((y, (mean, inv)), (gamma, beta)) in y.chunks_exact_mut(plane.max(1)).zip(moments).zip(affine) {
                isa.compiled(normalise, y, (*mean, *inv, Affine { gamma: *gamma, beta: *beta }));
            }
            all_finite(isa, y)
        })
    }
}

#[inline(always)]
fn normalise(x: &mut [f32], (mean, inv, affine): (f32, f32, Affine)) {
    for x in x {
        *x = (((*x - mean) * inv) * affine.gamma) + affine.beta;
    }
}
