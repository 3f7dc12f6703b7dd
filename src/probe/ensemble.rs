use crate::error::{Buffer, Error, InvalidSpec};
use crate::math::is_finite;

/// The ensemble correlation `mean_i <g_i g_{i+k}> / mean_i <g_i^2>`, accumulated run by run; < > is over runs.
///
/// It is not the average of per-run autocorrelations: no mean is removed, and the ratio is taken once, at the end. This
/// is what wide-limit theory predicts.
///
/// # Shapes
/// The caller's sums are `[3][lags]`: products A_k, their squares, and A_k * A_0, each summed over runs.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ensemble<'a> {
    sums: &'a mut [f64],
    lags: usize,
    runs: u32,
}

impl<'a> Ensemble<'a> {
    /// f64 elements that an accumulator of `lags` lags (lag 0 among them) needs.
    pub const fn sums_len(lags: usize) -> usize {
        lags.saturating_mul(3)
    }

    /// Starts from no run.
    ///
    /// # Errors
    /// [`Error::TooShort`] where the sums do not hold their shape.
    pub fn new(sums: &'a mut [f64], lags: usize) -> Result<Self, Error> {
        let (need, have) = (Self::sums_len(lags) as u64, sums.len() as u64);
        match sums.get_mut(..Self::sums_len(lags)) {
            Some(sums) => {
                sums.fill(0.0);
                Ok(Self { sums, lags, runs: 0 })
            }
            None => Err(Error::TooShort { buffer: Buffer::Result, need, have }),
        }
    }

    /// Adds the series of one run; runs in their order give the same bits each time.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] for a lag that is not below the number of points, [`Error::InvalidValue`] for a NaN or infinity.
    ///
    /// # Numerics
    /// Binary64; products of f32 are exact in it and cannot overflow.
    pub fn add(&mut self, series: &[f32]) -> Result<(), Error> {
        if self.lags > series.len() {
            return Err(Error::InvalidSpec(InvalidSpec::Lag));
        }
        if let Some(index) = series.iter().position(|&g| !is_finite(g)) {
            return Err(Error::InvalidValue { buffer: Buffer::Series, layer: 0, index: index as u64 });
        }
        let at_zero = mean_product(series, 0);
        let (products, rest) = invariant!(self.sums.split_at_mut_checked(self.lags));
        let (squares, crosses) = invariant!(rest.split_at_mut_checked(self.lags));
        for (lag, ((product, square), cross)) in products.iter_mut().zip(squares).zip(crosses).enumerate() {
            let at_lag = mean_product(series, lag);
            *product += at_lag;
            *square += at_lag * at_lag;
            *cross += at_lag * at_zero;
        }
        self.runs = self.runs.saturating_add(1);
        Ok(())
    }

    /// mean_i <g_i^2>, None before the first run.
    pub fn mean_square(&self) -> Option<f64> {
        (self.runs > 0).then(|| self.sums.first().map(|sum| sum / self.runs as f64)).flatten()
    }

    /// (correlation, its standard error) at a lag; None where it is 0/0, the error None for a single run.
    ///
    /// The error is that of a ratio of means (delta method): sqrt(sum_r (A_k - R A_0)^2 / (runs (runs - 1))) / mean A_0.
    pub fn correlation(&self, lag: usize) -> Option<(f64, Option<f64>)> {
        let at = |row: usize, lag: usize| self.sums.get(row.saturating_mul(self.lags).saturating_add(lag)).copied();
        if lag >= self.lags {
            return None;
        }
        let (product, at_zero) = (at(0, lag)?, at(0, 0)?);
        if at_zero == 0.0 {
            return None;
        }
        let ratio = product / at_zero;
        let residual = at(1, lag)? - 2.0 * ratio * at(2, lag)? + ratio * ratio * at(1, 0)?;
        let runs = self.runs as f64;
        let error = (self.runs > 1).then(|| {
            let residual = if residual > 0.0 { residual } else { 0.0 };
            libm::sqrt(residual * runs / (runs - 1.0)) / at_zero
        });
        Some((ratio, error))
    }
}

/// (1 / (M - lag)) sum_i g_i g_{i+lag}
fn mean_product(series: &[f32], lag: usize) -> f64 {
    let later = invariant!(series.get(lag..));
    let mut sum = 0.0;
    for (g, later) in series.iter().zip(later) {
        sum += *g as f64 * *later as f64;
    }
    sum / later.len() as f64
}
