//! Moments of rectified Gaussians, and what follows from them alone.
use std::f64::consts::PI;

/// kappa1(r) = 2 E[relu(u) relu(v)] for standard normals u, v with correlation r: (sqrt(1 - r^2) + (pi - arccos r) r) / pi.
///
/// # References
/// Cho and Saul, "Kernel methods for deep learning", NIPS 2009, equation 6.
pub fn kappa1(r: f64) -> f64 {
    let r = r.clamp(-1.0, 1.0);
    ((1.0 - r * r).sqrt() + (PI - r.acos()) * r) / PI
}

/// kappa0(r) = 2 P(u > 0, v > 0) for standard normals u, v with correlation r: 1 - arccos(r) / pi.
pub fn kappa0(r: f64) -> f64 {
    1.0 - r.clamp(-1.0, 1.0).acos() / PI
}

/// Correlation of df/dx between x <= y for one hidden layer whose weights and biases have the same deviation:
/// 1 - (atan y - atan x)/pi - (y/(1 + y^2) - x/(1 + x^2))/pi.
///
/// Near each other it falls linearly with y - x, like the correlation of a random walk: the gradient of a one-layer network is
/// brown noise.
pub fn one_layer(x: f64, y: f64) -> f64 {
    let curve = |x: f64| x.atan() + x / (1.0 + x * x);
    1.0 - (curve(y) - curve(x)) / PI
}

/// What a ReLU makes of two jointly Gaussian preactivations of zero mean: the numbers that its moments are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// E[relu(z_i) relu(z_j)] = (s + (pi - theta) c) / (2 pi)
    pub product: f64,
    /// P(z_i > 0, z_j > 0) = (pi - theta) / (2 pi)
    pub both: f64,
    /// s = sqrt(ab - c^2)
    pub area: f64,
}

impl Pair {
    /// Of variances a, b > 0 and covariance c.
    pub fn of(a: f64, b: f64, c: f64) -> Self {
        let area = (a * b - c * c).max(0.0).sqrt();
        let open = PI - area.atan2(c);
        Self { product: (area + open * c) / (2.0 * PI), both: open / (2.0 * PI), area }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_the_arc_cosine_kernels() {
        for r in [-1.0, -0.7, 0.0, 0.3, 0.99, 1.0] {
            let (a, b) = (0.3f64, 7.0f64);
            let pair = Pair::of(a, b, r * (a * b).sqrt());
            assert!((pair.product - (a * b).sqrt() * kappa1(r) / 2.0).abs() < 1e-8, "{r}: {pair:?}");
            assert!((pair.both - kappa0(r) / 2.0).abs() < 1e-8, "{r}: {pair:?}");
        }
    }
}
