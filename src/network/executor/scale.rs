//! The arithmetic of norms: what they find of a unit, and what they do to the units of a tile. Inlined into each
//! instruction set.
use crate::kernel::{ABREAST, Isa, Red16, red16_abreast, shift_and_scale};
use crate::layer::{Moments, Tiles, inverse_deviation, through_batch};
use crate::math::Math;

/// `z - mean`, or `(z - mean) * inv` for batch norm; `of` is (mean, inv) by unit.
pub(super) fn normalise<const T: usize>(
    isa: Isa,
    batch: bool,
    units: &mut [[f32; T]],
    of: impl Iterator<Item = (f32, f32)>,
) {
    if batch {
        shift_and_scale::<true, true, T>(isa, units, of)
    } else {
        shift_and_scale::<true, false, T>(isa, units, of)
    }
}

/// `g * inv`: the statistics held constant.
pub(super) fn scale<const T: usize>(isa: Isa, units: &mut [[f32; T]], inverse: impl Iterator<Item = f32>) {
    shift_and_scale::<false, true, T>(isa, units, inverse.map(|inv| (0.0, inv)));
}

/// `g - c1`: through the mean.
pub(super) fn through_mean<const T: usize>(isa: Isa, units: &mut [[f32; T]], c1: impl Iterator<Item = f32>) {
    shift_and_scale::<true, false, T>(isa, units, c1.map(|c1| (c1, 1.0)));
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

/// [`moments`] of ABREAST units from `units.unit` on, [`mean`] alone without eps; T a multiple of 16, whole tiles from point 0.
pub(super) fn moments_abreast<const T: usize>(
    isa: Isa,
    units: Tiles<'_>,
    eps: Option<f32>,
    math: Math,
) -> [Moments; ABREAST] {
    let n = units.count as f32;
    let shape = (units.stride, units.count / T);
    let data = units.data.as_chunks::<T>().0.get(units.unit..).unwrap_or_default();
    let means = red16_abreast::<false, T>(isa, data, shape, &[0.0; ABREAST]).map(|sum| sum.fold() / n);
    let mut all = means.map(|mean| Moments { mean, variance: 0.0, inv: 1.0 });
    if let Some(eps) = eps {
        for (moments, sum) in all.iter_mut().zip(&red16_abreast::<true, T>(isa, data, shape, &means)) {
            moments.variance = sum.fold() / n;
            moments.inv = inverse_deviation(moments.variance, eps, math);
        }
    }
    all
}
