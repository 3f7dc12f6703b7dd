//! The arithmetic of norms: what they find of a unit, and what they do to the units of a tile. Inlined into each
//! instruction set.
use crate::kernel::Red16;
use crate::layer::{Moments, Tiles, through_batch};
use crate::math::Math;

/// A loop, and no `map`: what the standard library does not inline would be compiled for the baseline.
#[inline(always)]
fn each<const T: usize>(lanes: &mut [f32; T], f: impl Fn(f32) -> f32) {
    for x in lanes {
        *x = f(*x);
    }
}

/// `z - mean`, or `(z - mean) * inv` for batch norm; `of` is (mean, inv) by unit.
#[inline(always)]
pub(super) fn normalise<const T: usize>(units: &mut [[f32; T]], (of, batch): (impl Iterator<Item = (f32, f32)>, bool)) {
    for (lanes, (mean, inv)) in units.iter_mut().zip(of) {
        each(lanes, |z| if batch { (z - mean) * inv } else { z - mean });
    }
}

/// `g * inv`: the statistics held constant.
#[inline(always)]
pub(super) fn scale<const T: usize>(units: &mut [[f32; T]], inverse: impl Iterator<Item = f32>) {
    for (lanes, inv) in units.iter_mut().zip(inverse) {
        each(lanes, |g| g * inv);
    }
}

/// `g - c1`: through the mean.
#[inline(always)]
pub(super) fn through_mean<const T: usize>(units: &mut [[f32; T]], c1: impl Iterator<Item = f32>) {
    for (lanes, c1) in units.iter_mut().zip(c1) {
        each(lanes, |g| g - c1);
    }
}

/// `((q - c1) - (xhat * c2)) * inv`: through the statistics of batch norm; `of` is (c1, c2, inv) by unit.
#[inline(always)]
pub(super) fn through_statistics<const T: usize>(
    units: &mut [[f32; T]],
    (xhat, of): (&[[f32; T]], impl Iterator<Item = (f32, f32, f32)>),
) {
    for ((lanes, xhat), (c1, c2, inv)) in units.iter_mut().zip(xhat).zip(of) {
        for (g, xhat) in lanes.iter_mut().zip(xhat) {
            *g = through_batch(*g, *xhat, c1, c2, inv);
        }
    }
}

/// RED16 of a unit, continued.
#[inline(always)]
pub(super) fn sum<const T: usize>(unit: Tiles<'_>, lanes: &mut Red16) {
    unit.sum_into::<T>(lanes, |z| z);
}

/// RED16 of the squares of a unit without its mean, continued.
#[inline(always)]
pub(super) fn sum_squares<const T: usize>((unit, mean): (Tiles<'_>, f32), lanes: &mut Red16) {
    unit.sum_into::<T>(lanes, |z| (z - mean) * (z - mean));
}

/// RED16 / n of a unit over the whole batch.
#[inline(always)]
pub(super) fn mean<const T: usize>(unit: Tiles<'_>, (): ()) -> f32 {
    unit.mean::<T>(|z| z)
}

/// RED16(q * xhat) / n.
#[inline(always)]
pub(super) fn mean_product<const T: usize>(q: Tiles<'_>, xhat: Tiles<'_>) -> f32 {
    q.mean_product::<T>(xhat)
}

/// Mean, variance and inverse deviation of a unit.
#[inline(always)]
pub(super) fn moments<const T: usize>(unit: Tiles<'_>, (eps, math): (f32, Math)) -> Moments {
    unit.moments::<T>(eps, math)
}
