use super::{Series, normalise};
use crate::contract::Red16;
use crate::error::{Buffer, Error, InvalidSpec};

/// Which autocorrelation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Autocorrelation {
    /// `sum (g_i - m)(g_{i+k} - m) / sum (g_i - m)^2`, biased count.
    #[default]
    MeanRemoved,
    /// `sum g_i g_{i+k} / sum g_i^2`: what `numpy.correlate(g, g, "same")` divided by its centre gives.
    Raw,
}

/// Writes r_k for k = 0..r.len()-1; [`Series::Constant`] if the series has no autocorrelation, r then being untouched.
///
/// # Shapes
/// `series` `[point]` is scaled and centred in place; `r` `[lag]`, lag 0 first.
///
/// # Errors
/// [`Error::InvalidSpec`] for a lag that is not below the number of points, [`Error::InvalidValue`] for a NaN or infinity.
///
/// # Numerics
/// Contract, section 7: RED16 sums over i, scaled by a power of two before.
pub fn autocorrelation(series: &mut [f32], mode: Autocorrelation, r: &mut [f32]) -> Result<Series, Error> {
    if series.is_empty() {
        return Err(Error::TooShort { buffer: Buffer::Series, need: 1, have: 0 });
    }
    if r.len() > series.len() {
        return Err(Error::InvalidSpec(InvalidSpec::Lag));
    }
    let kind = normalise(series)?;
    if kind == Series::Constant {
        return Ok(kind);
    }
    if mode == Autocorrelation::MeanRemoved {
        crate::op::centre_forward(series);
    }
    let series = &*series;
    let at_zero = Red16::sum(series.iter().map(|d| d * d));
    for (lag, r) in r.iter_mut().enumerate() {
        let later = invariant!(series.get(lag..));
        *r = Red16::sum(series.iter().zip(later).map(|(d, later)| d * later)) / at_zero;
    }
    Ok(kind)
}
