//! From runs to statistics: averages in binary64, in run order.
use crate::Result;
use crate::engine::Run;
use crate::spec::Acf;
use shatterscope::probe::{Ensemble, Series, autocorrelation};

/// The statistics of the gradients of several runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `[run][lag]`, None for constant runs.
    pub autocorrelation_runs: Vec<Option<Vec<f64>>>,
    /// Mean over the runs that have one, `[lag]`; None where all are constant.
    pub autocorrelation: Option<Vec<f64>>,
    /// Standard deviation over runs, `[lag]`; None below two runs.
    pub autocorrelation_sd: Option<Vec<f64>>,
    /// mean_i <g_i g_{i+k}> / mean_i <g_i^2>, `[lag]`; None for gradients of zeros.
    pub ensemble_correlation: Option<Vec<f64>>,
    /// Its standard error, `[lag]`; None below two runs.
    pub ensemble_correlation_se: Option<Vec<f64>>,
    /// mean_i <g_i^2>
    pub gradient_mean_square: f64,
    /// Runs whose gradient is constant.
    pub constant_runs: usize,
}

/// The autocorrelation of one series at lags 0..=lags, None if it is constant.
///
/// # Errors
/// A lag that is not below the number of points.
pub fn autocorrelation_of(series: &[f32], acf: Acf, lags: u32) -> Result<Option<Vec<f64>>> {
    let mut scratch = series.to_vec();
    let mut r = vec![0.0; lags as usize + 1];
    Ok(match autocorrelation(&mut scratch, acf.core(), &mut r)? {
        Series::Constant => None,
        Series::Varying { .. } => Some(r.into_iter().map(f64::from).collect()),
    })
}

/// Mean and standard deviation by lag, over the runs that are not constant.
pub fn mean_and_deviation(runs: &[Option<Vec<f64>>]) -> (Option<Vec<f64>>, Option<Vec<f64>>) {
    let runs: Vec<_> = runs.iter().flatten().collect();
    let Some(first) = runs.first() else { return (None, None) };
    let n = runs.len() as f64;
    let mean: Vec<f64> = (0..first.len()).map(|k| runs.iter().map(|r| r[k]).sum::<f64>() / n).collect();
    let deviation = (runs.len() > 1).then(|| {
        let square = |k: usize| runs.iter().map(|r| (r[k] - mean[k]).powi(2)).sum::<f64>();
        (0..mean.len()).map(|k| (square(k) / (n - 1.0)).sqrt()).collect()
    });
    (Some(mean), deviation)
}

impl Statistics {
    /// Of the gradients of these runs at lags 0..=lags.
    ///
    /// # Errors
    /// A lag that is not below the number of points.
    pub fn of(runs: &[Run], acf: Acf, lags: u32) -> Result<Self> {
        let count = lags as usize + 1;
        let mut sums = vec![0.0; Ensemble::sums_len(count)];
        let mut ensemble = Ensemble::new(&mut sums, count)?;
        let mut autocorrelation_runs = Vec::with_capacity(runs.len());
        for run in runs {
            autocorrelation_runs.push(autocorrelation_of(&run.gradient, acf, lags)?);
            ensemble.add(&run.gradient)?;
        }
        let (autocorrelation, autocorrelation_sd) = mean_and_deviation(&autocorrelation_runs);
        let correlations: Option<Vec<_>> = (0..count).map(|lag| ensemble.correlation(lag)).collect();
        let errors = correlations.as_ref().and_then(|at| at.iter().map(|(_, error)| *error).collect());
        Ok(Self {
            constant_runs: autocorrelation_runs.iter().filter(|run| run.is_none()).count(),
            autocorrelation_runs,
            autocorrelation,
            autocorrelation_sd,
            ensemble_correlation: correlations.map(|at| at.into_iter().map(|(r, _)| r).collect()),
            ensemble_correlation_se: errors,
            gradient_mean_square: ensemble.mean_square().unwrap_or(0.0),
        })
    }
}
