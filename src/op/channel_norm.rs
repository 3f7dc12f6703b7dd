//! Batch norm of images: a channel's statistics go over its units as well as over the points.
use super::batch_norm::{Affine, Moments, inverse_deviation, through_batch};
use super::facts::compiled;
use super::{BackwardFacts, Facts, Saved};
use crate::contract::Red16;
use crate::error::{Error, InvalidSpec};
use crate::math::Math;
use crate::shape::COLUMNS;
use crate::shape::Shape;

/// The elements of a channel `[plane][points]` with their points, points and then positions ascending.
pub(super) fn by_points(channel: &[f32], points: usize) -> impl Iterator<Item = (usize, &f32)> {
    (0..points).flat_map(move |p| channel.iter().skip(p).step_by(points.max(1)).map(move |x| (p, x)))
}

/// RED16 over the points, positions ascending within a point, through the number of elements.
fn mean(channel: &[f32], points: usize, f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = Red16::new();
    for (p, x) in by_points(channel, points) {
        lanes.add(p, f(*x));
    }
    lanes.fold() / channel.len() as f32
}

/// Mean, variance and inverse deviation of a channel: RED16 where the element at (point p, position q) goes to lane p mod 16, points
/// and then positions ascending, n = points * plane. [`batch_norm_forward`](super::batch_norm_forward) and
/// [`batch_norm_backward_detached`](super::batch_norm_backward_detached) take it from there, element by element.
///
/// # Shapes
/// `z` `[plane][points]`.
///
/// # References
/// Ioffe and Szegedy, "Batch normalization", ICML 2015, section 3.2.
pub fn channel_norm_moments(z: &[f32], points: usize, eps: f32, math: Math) -> Moments {
    let mean_of_z = mean(z, points, |z| z);
    let variance = mean(z, points, |z| (z - mean_of_z) * (z - mean_of_z));
    Moments { mean: mean_of_z, variance, inv: inverse_deviation(variance, eps, math) }
}

/// `((q - RED16(q)/n) - (xhat * (RED16(q*xhat)/n))) * inv` with q = g, or g * gamma, in place; the sums as in
/// [`channel_norm_moments`].
///
/// # Shapes
/// `g` and `xhat` `[plane][points]`.
pub fn channel_norm_backward_full(g: &mut [f32], xhat: &[f32], points: usize, inv: f32, affine: Option<Affine>) {
    if let Some(Affine { gamma, .. }) = affine {
        for g in g.iter_mut() {
            *g *= gamma;
        }
    }
    let c1 = mean(g, points, |q| q);
    let mut lanes = Red16::new();
    for ((p, q), (_, xhat)) in by_points(g, points).zip(by_points(xhat, points)) {
        lanes.add(p, q * xhat);
    }
    let c2 = lanes.fold() / g.len() as f32;
    for (g, &xhat) in g.iter_mut().zip(xhat) {
        *g = through_batch(*g, xhat, c1, c2, inv);
    }
}

/// `grad_gamma = chain(grad_gamma; g * xhat)`, `grad_beta = chain(grad_beta; g)`, points and then positions ascending: accumulates.
///
/// # Shapes
/// `g` and `xhat` `[plane][points]`.
pub fn channel_norm_backward_parameters(
    g: &[f32],
    xhat: &[f32],
    points: usize,
    grad_gamma: &mut f32,
    grad_beta: &mut f32,
) {
    for ((_, g), (_, xhat)) in by_points(g, points).zip(by_points(xhat, points)) {
        *grad_gamma += g * xhat;
        *grad_beta += g;
    }
}

/// What batch norm remembers of the batches of one channel, for inference.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Running {
    /// Of the means.
    pub mean: f32,
    /// Of the variances, unbiased.
    pub variance: f32,
}

impl Running {
    /// What an untrained norm remembers: mean 0, variance 1.
    pub const fn new() -> Self {
        Self { mean: 0.0, variance: 1.0 }
    }

    /// `r = ((1 - momentum) * r) + (momentum * batch)` for mean and variance; the batch's variance is unbiased first, `variance *
    /// (n / (n - 1))`, where n = `count` elements are more than one.
    pub fn update(&mut self, batch: Moments, count: usize, momentum: f32) {
        let n = count as f32;
        let variance = if count > 1 { batch.variance * (n / (n - 1.0)) } else { batch.variance };
        self.mean = ((1.0 - momentum) * self.mean) + (momentum * batch.mean);
        self.variance = ((1.0 - momentum) * self.variance) + (momentum * variance);
    }

    /// What stands for the moments of a batch in inference: `inv = 1 / sqrt(variance + eps)`.
    pub fn moments(&self, eps: f32, math: Math) -> Moments {
        Moments { mean: self.mean, variance: self.variance, inv: inverse_deviation(self.variance, eps, math) }
    }
}

impl Default for Running {
    fn default() -> Self {
        Self::new()
    }
}

/// `((z - mean) * inv) [* gamma + beta]` in place, for moments that do not come from these points.
pub fn batch_norm_inference(z: &mut [f32], moments: Moments, affine: Option<Affine>) {
    for z in z {
        let xhat = (*z - moments.mean) * moments.inv;
        *z = affine.map_or(xhat, |affine| (xhat * affine.gamma) + affine.beta);
    }
}

/// A batch norm of a graph. The scratch holds the inverse deviations.
pub(crate) const fn facts(x: Shape, eps: f32, momentum: f32) -> Result<Facts, Error> {
    if let Err(error) = compiled(cfg!(feature = "norm")) {
        return Err(error);
    }
    let facts = match Facts::in_place(x) {
        Ok(facts) => facts,
        Err(error) => return Err(error),
    };
    if !(0.0 <= eps && eps < f32::INFINITY) {
        return Err(Error::InvalidSpec(InvalidSpec::Eps));
    }
    if !(0.0 <= momentum && momentum <= 1.0) {
        return Err(Error::InvalidSpec(InvalidSpec::Scale));
    }
    let channels = x.channels as u64;
    let facts = facts.with_parameters(channels, channels).starting_at(1.0);
    Ok(Facts { running: x.channels, scratch: [channels, channels], ..facts })
}

/// The facts of a batch norm without parameters.
pub(crate) const fn normalise_facts(x: Shape, eps: f32) -> Result<Facts, Error> {
    if let Err(error) = compiled(cfg!(feature = "norm")) {
        return Err(error);
    }
    if 0.0 <= eps && eps < f32::INFINITY { Facts::in_place(x) } else { Err(Error::InvalidSpec(InvalidSpec::Eps)) }
}

/// Centring in a graph.
pub(crate) const fn centre_facts(x: Shape) -> Result<Facts, Error> {
    match compiled(cfg!(feature = "norm")) {
        Ok(()) => Facts::in_place(x),
        Err(error) => Err(error),
    }
}

/// The backward pass of a batch norm without parameters.
pub(crate) const NORMALISE_BACKWARD: BackwardFacts =
    BackwardFacts { saved: Saved::Normalised, ..BackwardFacts::IN_PLACE };

/// The backward pass of a batch norm in a graph.
pub(crate) const fn backward(x: Shape, tile: u32) -> BackwardFacts {
    // Nothing saturates: fewer than 2^32 channels.
    let both = (x.channels as u64).saturating_mul(2);
    BackwardFacts {
        saved: Saved::Normalised,
        saved_for_parameters: Saved::Normalised,
        scratch: [0, both, both],
        gathered: gathered_len(x, tile, 2),
        ..BackwardFacts::NOTHING
    }
}

/// Elements of so many operands of a tile, and what is read past them.
pub(super) const fn gathered_len(x: Shape, tile: u32, operands: u64) -> u64 {
    let units = match x.units() {
        Some(units) => units as u64,
        None => 0,
    };
    // Nothing saturates: fewer than 2^32 units, tiles of at most 64.
    operands.saturating_mul(units).saturating_mul(tile as u64).saturating_add(COLUMNS as u64)
}
