use crate::contract::Red16;
use crate::math::Math;

/// What batch norm knows of one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moments {
    /// RED16(z) / n.
    pub mean: f32,
    /// RED16((z - mean)^2) / n, biased.
    pub variance: f32,
    /// 1 / sqrt(variance + eps).
    pub inv: f32,
}

/// The learned part of batch norm for one unit: `y = (xhat * gamma) + beta`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Affine {
    /// Scale.
    pub gamma: f32,
    /// Shift.
    pub beta: f32,
}

/// `1 / sqrt(variance + eps)`.
pub(crate) fn inverse_deviation(variance: f32, eps: f32, math: Math) -> f32 {
    1.0 / math.sqrt(variance + eps)
}

/// RED16 / n.
pub(super) fn mean(terms: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = terms.len() as f32;
    Red16::sum(terms) / n
}

/// The statistics of one unit over its points.
pub fn batch_norm_moments(z: &[f32], eps: f32, math: Math) -> Moments {
    let middle = mean(z.iter().copied());
    let variance = mean(z.iter().map(|z| (z - middle) * (z - middle)));
    Moments { mean: middle, variance, inv: inverse_deviation(variance, eps, math) }
}

/// `y = ((z - mean) * inv) [* gamma + beta]` for the points of one unit, or of all units of a channel; z becomes xhat, `y` the output.
///
/// # References
/// Ioffe and Szegedy, "Batch normalization", ICML 2015.
pub fn batch_norm_forward(z: &mut [f32], moments: Moments, affine: Option<Affine>, y: &mut [f32]) {
    for (z, y) in z.iter_mut().zip(y) {
        *z = (*z - moments.mean) * moments.inv;
        *y = affine.map_or(*z, |affine| (*z * affine.gamma) + affine.beta);
    }
}

/// `g * inv`, or `(g * gamma) * inv`, in place: the statistics held constant.
pub fn batch_norm_backward_detached(g: &mut [f32], inv: f32, affine: Option<Affine>) {
    for g in g {
        *g = affine.map_or(*g, |affine| *g * affine.gamma) * inv;
    }
}

/// `((q - RED16(q)/n) - (xhat * (RED16(q*xhat)/n))) * inv` with q = g, or g * gamma, in place.
pub fn batch_norm_backward_full(g: &mut [f32], xhat: &[f32], inv: f32, affine: Option<Affine>) {
    if let Some(Affine { gamma, .. }) = affine {
        for g in g.iter_mut() {
            *g *= gamma;
        }
    }
    let (c1, c2) = (mean(g.iter().copied()), mean(g.iter().zip(xhat).map(|(q, xhat)| q * xhat)));
    for (g, &xhat) in g.iter_mut().zip(xhat) {
        *g = through_batch(*g, xhat, c1, c2, inv);
    }
}

/// One element of [`batch_norm_backward_full`].
#[inline(always)]
pub(crate) fn through_batch(q: f32, xhat: f32, c1: f32, c2: f32, inv: f32) -> f32 {
    ((q - c1) - (xhat * c2)) * inv
}

/// `grad_gamma = chain(grad_gamma; g * xhat)`, `grad_beta = chain(grad_beta; g)`: accumulates.
pub fn batch_norm_backward_parameters(g: &[f32], xhat: &[f32], grad_gamma: &mut f32, grad_beta: &mut f32) {
    for (g, xhat) in g.iter().zip(xhat) {
        *grad_gamma += g * xhat;
        *grad_beta += g;
    }
}
