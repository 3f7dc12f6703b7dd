use super::batch_norm::{inverse_deviation, through_batch};
use super::channel_norm::gathered_len;
use super::facts::compiled;
use super::{BackwardFacts, Facts, Image, Moments, Saved};
use crate::contract::Red16;
use crate::error::{Error, InvalidSpec};
use crate::math::Math;
use crate::shape::Shape;
use core::ops::Range;

/// Normalises each point over groups of neighbouring channels: one group is a layer norm over the image, as many as channels an
/// instance norm.
///
/// # References
/// Wu and He, "Group normalization", ECCV 2018, equations 1 to 6.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct GroupNorm {
    /// What comes in, and goes out.
    pub input: Image,
    /// Groups; they divide the channels.
    pub groups: u32,
    /// Added to the variance under the root.
    pub eps: f32,
}

impl GroupNorm {
    /// Units of a group.
    pub(crate) fn units(&self) -> usize {
        (self.input.channels as usize / (self.groups as usize).max(1)).saturating_mul(self.plane())
    }

    pub(crate) fn plane(&self) -> usize {
        self.input.plane() as usize
    }

    /// (elements, channel of each unit) of each group at each point, of an image `[c][place][points]`.
    fn series(&self, points: usize) -> impl Iterator<Item = impl Iterator<Item = (usize, usize)> + Clone> {
        let (units, plane) = (self.units(), self.plane().max(1));
        let groups: Range<usize> = 0..self.groups as usize;
        // Nothing wraps: elements of a slice.
        let unit = move |group: usize, k: usize| group.wrapping_mul(units).wrapping_add(k);
        groups.flat_map(move |group| {
            (0..points).map(move |p| {
                (0..units)
                    .map(move |k| (unit(group, k).wrapping_mul(points).wrapping_add(p), unit(group, k) / plane.max(1)))
            })
        })
    }
}

fn at(x: &[f32], element: usize) -> f32 {
    invariant!(x.get(element).copied())
}

fn put(y: &mut [f32], element: usize, value: f32) {
    if let Some(y) = y.get_mut(element) {
        *y = value;
    }
}

/// RED16 over the units of a group, unit k in lane k mod 16, through their number.
fn mean(series: impl Iterator<Item = (usize, usize)> + Clone, f: impl Fn(usize, usize) -> f32) -> f32 {
    let n = series.clone().count() as f32;
    Red16::sum(series.map(|(element, channel)| f(element, channel))) / n
}

/// Mean, variance and inverse deviation of each group at each point: groups, and of each its points.
pub fn group_norm_moments(norm: &GroupNorm, points: usize, x: &[f32]) -> impl Iterator<Item = Moments> {
    norm.series(points).map(|series| {
        let middle = mean(series.clone(), |e, _| at(x, e));
        let variance = mean(series, |e, _| (at(x, e) - middle) * (at(x, e) - middle));
        Moments { mean: middle, variance, inv: inverse_deviation(variance, norm.eps, Math::Libm) }
    })
}

/// `y = (((x - mean) * inv) * gamma) + beta`.
///
/// # Shapes
/// `gamma` and `beta` `[c]`, `x` and `y` `[c][place][points]`. What a slice lacks is 0, or left out.
pub fn group_norm_forward(norm: &GroupNorm, (gamma, beta): (&[f32], &[f32]), points: usize, x: &[f32], y: &mut [f32]) {
    for (series, moments) in norm.series(points).zip(group_norm_moments(norm, points, x)) {
        for (e, c) in series {
            put(y, e, (((at(x, e) - moments.mean) * moments.inv) * at(gamma, c)) + at(beta, c));
        }
    }
}

/// `((q - RED16(q)/n) - (xhat * (RED16(q*xhat)/n))) * inv` with q = `g * gamma` for gradients, or q = g and the result times gamma for
/// tangents: overwrites `to`.
///
/// # Shapes
/// As [`group_norm_forward`].
pub fn group_norm_backward_input(
    norm: &GroupNorm,
    gamma: &[f32],
    points: usize,
    (x, g): (&[f32], &[f32]),
    tangent: bool,
    to: &mut [f32],
) {
    for (series, moments) in norm.series(points).zip(group_norm_moments(norm, points, x)) {
        let q = |e: usize, c: usize| if tangent { at(g, e) } else { at(g, e) * at(gamma, c) };
        let xhat = |e: usize| (at(x, e) - moments.mean) * moments.inv;
        let (c1, c2) = (mean(series.clone(), q), mean(series.clone(), |e, c| q(e, c) * xhat(e)));
        for (e, c) in series {
            let through = through_batch(q(e, c), xhat(e), c1, c2, moments.inv);
            put(to, e, if tangent { through * at(gamma, c) } else { through });
        }
    }
}

/// `grad_gamma = chain(grad_gamma; g * xhat)`, `grad_beta = chain(grad_beta; g)`, points and then positions ascending: accumulates.
///
/// # Shapes
/// As [`group_norm_forward`].
pub fn group_norm_backward_parameters(
    norm: &GroupNorm,
    points: usize,
    (x, g): (&[f32], &[f32]),
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    // Each channel meets its elements point by point.
    for p in 0..points {
        let of_point = norm.series(points).zip(group_norm_moments(norm, points, x)).skip(p).step_by(points.max(1));
        for (series, moments) in of_point {
            for (e, c) in series {
                let xhat = (at(x, e) - moments.mean) * moments.inv;
                if let (Some(gamma), Some(beta)) = (grad_gamma.get_mut(c), grad_beta.get_mut(c)) {
                    *gamma += at(g, e) * xhat;
                    *beta += at(g, e);
                }
            }
        }
    }
}

/// A group norm of a graph.
pub(crate) const fn facts(x: Shape, groups: u32, eps: f32) -> Result<Facts, Error> {
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
    if groups == 0 || !x.channels.is_multiple_of(groups) {
        return Err(Error::InvalidSpec(InvalidSpec::Operation));
    }
    Ok(facts.with_parameters(x.channels as u64, x.channels as u64).starting_at(1.0))
}

/// Bytes of tape: mean and inverse deviation of each group at each point of a tile.
pub(crate) const fn tape(groups: u32, tile: u32) -> u64 {
    (groups as u64).saturating_mul(tile as u64).saturating_mul(8)
}

/// The backward pass of a group norm.
pub(crate) const fn backward(x: Shape, groups: u32, tile: u32, learns: bool) -> BackwardFacts {
    let channels = x.channels as u64;
    BackwardFacts {
        saved: Saved::Operands,
        saved_for_parameters: Saved::Operands,
        tape: tape(groups, tile),
        scratch: [0, channels, channels],
        gathered: if learns { gathered_len(x, tile, 1) } else { 0 },
        ..BackwardFacts::NOTHING
    }
}
