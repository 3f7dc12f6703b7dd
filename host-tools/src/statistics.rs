//! From runs to statistics: averages in binary64, in run order.
use crate::Result;
use crate::engine::Run;
use crate::rank::{EffectiveRank, MOST, gaussian_rank, stable_rank};
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
    /// Pairs of points of several inputs.
    pub pairs: Option<Pairs>,
    /// In how many directions the gradients point.
    pub rank: std::result::Result<RankOf, NoRank>,
}

/// How the gradients of two points, drawn independently, correlate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairs {
    /// <g_i . g_k> / <|g_i|^2>, both averaged over points and runs.
    pub correlation: f64,
    /// Its standard error; None below two runs.
    pub error: Option<f64>,
    /// Standard error of the mean square; None below two runs.
    pub mean_square_error: Option<f64>,
}

/// The effective rank of a matrix of gradients, and which matrix that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankOf {
    /// Its rank, mean over runs where each has a matrix.
    pub rank: EffectiveRank,
    /// Standard error over runs; None where they share one matrix.
    pub error: Option<f64>,
    /// Runs or inputs.
    pub rows: usize,
    /// Points.
    pub columns: usize,
    /// Whether the rows are runs.
    pub stacked: bool,
}

/// Why there is no effective rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRank {
    /// One run of a scalar input.
    OneRow,
    /// A gradient of zeros.
    Zero,
    /// No extent is small enough.
    TooLarge,
}

impl std::fmt::Display for NoRank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoRank::OneRow => {
                "one run of a scalar input is a matrix of one row, of rank 1 whatever the network: use --runs to stack runs, or \
                 --inputs for vectors"
            }
            NoRank::Zero => "a gradient of zeros has none",
            NoRank::TooLarge => {
                return write!(f, "rows and columns both exceed {MOST}: use fewer runs, inputs or points");
            }
        })
    }
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
    /// Of the gradients of these runs, one number a point, at lags 0..=lags.
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
            pairs: None,
            rank: rank_of_runs(runs),
        })
    }

    /// Of the gradients of these runs, `inputs` numbers a point, which have no order: pairs of points instead of lags.
    ///
    /// # Errors
    /// None in practice: the lengths are those of a run.
    pub fn of_vectors(runs: &[Run], inputs: usize) -> Result<Self> {
        let moments: Vec<_> = runs.iter().map(|run| pair_moments(&run.gradient, inputs)).collect();
        let n = runs.len() as f64;
        let sum = |f: &dyn Fn(&(f64, f64)) -> f64| moments.iter().map(f).sum::<f64>();
        let (own, pair) = (sum(&|m| m.0) / n, sum(&|m| m.1) / n);
        let pairs = (own > 0.0).then(|| {
            let ratio = pair / own;
            let residual = sum(&|m| (m.1 - ratio * m.0).powi(2));
            (ratio, (runs.len() > 1).then(|| (residual / (n * (n - 1.0))).sqrt() / own))
        });
        let deviation = (sum(&|m| (m.0 - own).powi(2)) / (n * (n - 1.0)).max(1.0)).sqrt();
        Ok(Self {
            autocorrelation_runs: vec![None; runs.len()],
            autocorrelation: None,
            autocorrelation_sd: None,
            ensemble_correlation: None,
            ensemble_correlation_se: None,
            gradient_mean_square: own / inputs as f64,
            constant_runs: runs.iter().filter(|run| is_constant(&run.gradient, inputs)).count(),
            pairs: pairs.map(|(correlation, error)| Pairs {
                correlation,
                error,
                mean_square_error: (runs.len() > 1).then_some(deviation / inputs as f64),
            }),
            rank: rank_of_vectors(runs, inputs),
        })
    }
}

/// (mean_i |g_i|^2, mean over pairs of distinct points of g_i . g_k)
fn pair_moments(gradient: &[f32], inputs: usize) -> (f64, f64) {
    let points = (gradient.len() / inputs) as f64;
    let own: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
    let mut sum = vec![0.0; inputs];
    for point in gradient.chunks_exact(inputs) {
        sum.iter_mut().zip(point).for_each(|(sum, &g)| *sum += f64::from(g));
    }
    let all: f64 = sum.iter().map(|sum| sum * sum).sum();
    (own / points, (all - own) / (points * (points - 1.0)).max(1.0))
}

fn is_constant(gradient: &[f32], inputs: usize) -> bool {
    let mut points = gradient.chunks_exact(inputs);
    points.next().is_none_or(|first| points.all(|point| point == first))
}

/// Runs below one another, each scaled to length 1, so that none outweighs the others.
fn rank_of_runs(runs: &[Run]) -> std::result::Result<RankOf, NoRank> {
    if runs.len() == 1 {
        return Err(NoRank::OneRow);
    }
    let length = |run: &Run| run.gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
    let lengths: Vec<f64> = runs.iter().map(length).collect();
    if lengths.contains(&0.0) {
        return Err(NoRank::Zero);
    }
    let columns = runs.first().map_or(0, |run| run.gradient.len());
    let element = |i: usize, k: usize| f64::from(runs[i].gradient[k]) / lengths[i];
    let rank = stable_rank(runs.len(), columns, element);
    let gaussian = gaussian_rank(runs.len(), columns);
    let rank = rank.zip(gaussian).map(|(rank, gaussian)| EffectiveRank { rank, gaussian }).ok_or(NoRank::TooLarge)?;
    Ok(RankOf { rank, error: None, rows: runs.len(), columns, stacked: true })
}

/// One matrix a run, a point a column; mean and standard error over runs.
fn rank_of_vectors(runs: &[Run], inputs: usize) -> std::result::Result<RankOf, NoRank> {
    let columns = runs.first().map_or(0, |run| run.gradient.len() / inputs);
    if inputs.min(columns) > MOST {
        return Err(NoRank::TooLarge);
    }
    let of = |run: &Run| stable_rank(inputs, columns, |i, k| f64::from(run.gradient[k * inputs + i]));
    let ranks = runs.iter().map(|run| of(run).map(|rank| vec![rank])).collect::<Vec<_>>();
    if ranks.iter().any(Option::is_none) {
        return Err(NoRank::Zero);
    }
    let (mean, deviation) = mean_and_deviation(&ranks);
    let rank = mean.and_then(|mean| mean.first().copied()).ok_or(NoRank::Zero)?;
    let gaussian = gaussian_rank(inputs, columns).ok_or(NoRank::TooLarge)?;
    let error = deviation.map(|deviation| deviation[0] / (runs.len() as f64).sqrt());
    Ok(RankOf { rank: EffectiveRank { rank, gaussian }, error, rows: inputs, columns, stacked: false })
}
