use crate::progress::Progress;
use crate::spec::{Spec, Statistics};
use rayon::prelude::*;
use shatterscope::graph::Graph;
use shatterscope_engine::theory::{Draws, Moments, is_sampled, moments_behind, power, stem};
use std::fmt;

/// Why there is no prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTheory {
    /// The statistics of the norm are differentiated.
    FullStatistics,
    /// The inputs are vectors.
    SeveralInputs,
    /// The weights are given.
    StoredWeights,
    /// Nobody asked.
    NotAsked,
    /// More grid points than matrices of them fit.
    TooManyPoints {
        /// The most there may be.
        most: u32,
    },
    /// The matrices or the draws of all layers take days.
    TooLong,
    /// The draws need more memory than there is.
    TooLarge,
    /// Nothing reaches the output.
    ZeroGradient,
    /// The spec cannot be run.
    Refused,
}

impl fmt::Display for NoTheory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoTheory::FullStatistics => {
                "with full statistics the gradient at one point runs through all others, and no closed recursion is known; \
                 --statistics detached has one"
            }
            NoTheory::SeveralInputs => "the recursion is that of a scalar input; --inputs 1 has one",
            NoTheory::StoredWeights => "the weights are given, not drawn: there is nothing to average over",
            NoTheory::NotAsked => "left out by --no-theory",
            NoTheory::ZeroGradient => "the gradient tends to zero, or leaves the range of binary64",
            NoTheory::TooLong => "it would take days: lower --depth, --points or --theory-draws",
            NoTheory::TooLarge => "its draws need more memory than there is: lower --theory-draws or --points",
            NoTheory::Refused => "the spec cannot be run",
            NoTheory::TooManyPoints { most } => {
                return write!(f, "the theory keeps matrices of points x points; it has room for {most} points");
            }
        })
    }
}

/// Most grid points: six matrices of them take 400 MB.
const MOST_POINTS: u32 = 2048;
/// The same with batch norm, whose covariances are factored, 2M x 2M, in each group of draws.
const MOST_POINTS_SAMPLED: u32 = 512;

/// The wide limit of the gradients of a spec.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// One, or one a group of draws.
    groups: Vec<Moments>,
    sampled: bool,
    depth: u32,
    width: u32,
}

/// The wide limit for a spec with a scalar input: width to infinity at this depth, on this grid.
///
/// # Errors
/// The reason why there is none.
pub fn predict(spec: &Spec, draws: Draws, progress: &Progress) -> Result<Prediction, NoTheory> {
    if spec.statistics == Some(Statistics::Full) {
        return Err(NoTheory::FullStatistics);
    }
    let groups = walk(spec, draws, progress, |moments| moments)?.into_iter().map(|(moments, _)| moments).collect();
    Ok(Prediction { groups, sampled: is_sampled(&spec.network()), depth: spec.depth, width: spec.width })
}

/// For each ReLU, the share of pairs of distinct points that a unit is active for, in the wide limit; its sampling error with
/// batch norm. A unit is active for half of the points.
///
/// # Errors
/// The reason why there is none.
pub fn predict_coactivation(
    spec: &Spec,
    draws: Draws,
    progress: &Progress,
) -> Result<(Vec<f64>, Option<Vec<f64>>), NoTheory> {
    let groups = walk(spec, draws, progress, Moments::without_slopes)?;
    let rows: Vec<_> = groups.into_iter().map(|(_, coactivations)| coactivations).collect();
    Ok(mean_and_error(&rows))
}

type Walked = (Moments, Vec<f64>);

/// Every group of draws through the layers, in parallel.
fn walk(
    spec: &Spec,
    draws: Draws,
    progress: &Progress,
    prepare: impl Fn(Moments) -> Moments + Sync,
) -> Result<Vec<Walked>, NoTheory> {
    if spec.inputs > 1 {
        return Err(NoTheory::SeveralInputs);
    }
    let network = spec.network();
    let nodes = Graph::family(&network).map_err(|_| NoTheory::Refused)?.len();
    let sampled = is_sampled(&network);
    let most = if sampled { MOST_POINTS_SAMPLED } else { MOST_POINTS };
    if spec.points > most {
        return Err(NoTheory::TooManyPoints { most });
    }
    check_cost(spec, draws, sampled)?;
    let grid = spec.grid();
    let grid: Vec<f64> = (0..spec.points).map(|i| f64::from(grid.point(i))).collect();
    let groups = if sampled { draws.groups.max(1) } else { 1 };
    progress.set(0, u64::from(groups) * nodes as u64);
    let walk = |group| {
        let mut coactivations = Vec::new();
        let stem = prepare(stem(&network, &grid));
        let moments = moments_behind(&network, stem, draws, group, progress, &mut coactivations);
        moments.map(|moments| (moments, coactivations)).map_err(|_| NoTheory::Refused)
    };
    (0..groups).into_par_iter().map(walk).collect()
}

/// Refuses a walk that takes days, or more memory than there is.
fn check_cost(spec: &Spec, draws: Draws, sampled: bool) -> Result<(), NoTheory> {
    /// Entries of matrices, each with a few transcendental functions (40 ns were measured), and multiply-adds (2.5e10 a second and
    /// thread): about a day of one thread either.
    const MOST: [u64; 2] = [2_000_000_000_000, 2_000_000_000_000_000];
    let (depth, points) = (u64::from(spec.depth), u64::from(spec.points));
    let (square, count) = (points * points, if sampled { u64::from(draws.count) } else { 0 });
    // No overflow: the number of points is bounded, and so are depth and draws by 2^32.
    let each = square.saturating_mul(depth);
    if each > MOST[0] || each.saturating_mul(7 * count) > MOST[1] {
        return Err(NoTheory::TooLong);
    }
    // Values, slopes and normals of every group, two at a time or more.
    let bytes = count * points * 12 / u64::from(draws.groups.max(1)) * 2;
    crate::limits::memory(bytes, "the draws", "--theory-draws").map_err(|_| NoTheory::TooLarge)
}

impl Prediction {
    /// (mean_i Cov(g_i, g_{i+k}) / mean_i Cov(g_i, g_i), its sampling error), k = 0..=lags; the error None where the
    /// recursion is exact. None where every gradient is zero or a lag is not below the number of points.
    pub fn correlation(&self, lags: u32) -> Option<(Vec<f64>, Option<Vec<f64>>)> {
        self.over_groups(lags, |moments| &moments.d)
    }

    /// The same for the gradients with respect to one unit of the first layer: the product of kappa0 over the layers. None
    /// behind batch norm, which divides by the deviation of that unit, |v| times that of the grid: 1/v^2 has no mean.
    pub fn neuron_correlation(&self, lags: u32) -> Option<Vec<f64>> {
        if self.sampled {
            return None;
        }
        self.over_groups(lags, |moments| &moments.n).map(|(correlation, _)| correlation)
    }

    fn over_groups(&self, lags: u32, of: impl Fn(&Moments) -> &Vec<f64>) -> Option<(Vec<f64>, Option<Vec<f64>>)> {
        let points = self.groups.first()?.points;
        if lags as usize >= points {
            return None;
        }
        let mut each = Vec::new();
        for group in &self.groups {
            let means: Vec<f64> = (0..=lags as usize).map(|lag| mean_at_lag(of(group), points, lag)).collect();
            let at_zero = *means.first().filter(|&&at_zero| at_zero > 0.0)?;
            each.push(means.into_iter().map(|mean| mean / at_zero).collect::<Vec<_>>());
        }
        Some(mean_and_error(&each))
    }

    /// (mean_i E[g_i^2], its sampling error); None where it leaves binary64.
    pub fn mean_square(&self) -> Option<(f64, Option<f64>)> {
        let each = self.groups.iter().map(|group| {
            let scale = power(group.slopes);
            mean_at_lag(&group.d, group.points, 0) * scale * scale
        });
        let each: Vec<_> = each.map(|square| vec![square]).collect();
        let (mean, error) = mean_and_error(&each);
        mean.first().filter(|mean| mean.is_finite()).map(|&mean| (mean, error.map(|error| error[0])))
    }

    /// E[g_i g_j] up to a power of two, `[i][j]`: the mean over the groups of draws.
    pub fn covariance(&self) -> Vec<f64> {
        let top = self.groups.iter().map(|group| group.slopes).max().unwrap_or(0);
        let mut sum = vec![0.0; self.groups.first().map_or(0, |group| group.d.len())];
        for group in &self.groups {
            let scale = power(group.slopes - top);
            let scale = scale * scale / self.groups.len() as f64;
            sum.iter_mut().zip(&group.d).for_each(|(sum, d)| *sum += d * scale);
        }
        sum
    }

    /// How far a network of this width may be from its limit, in units of correlation: 0.3 depth / width.
    ///
    /// The deviation is of first order in depth / width; the factor is the bound that measurements are held to.
    pub fn finite_width(&self) -> f64 {
        0.3 * f64::from(self.depth) / f64::from(self.width)
    }
}

/// mean_i matrix[i][i + lag]
fn mean_at_lag(matrix: &[f64], points: usize, lag: usize) -> f64 {
    matrix.iter().skip(lag).step_by(points + 1).take(points - lag).sum::<f64>() / (points - lag) as f64
}

/// Mean over rows and standard error of the mean, None below two rows.
fn mean_and_error(rows: &[Vec<f64>]) -> (Vec<f64>, Option<Vec<f64>>) {
    let n = rows.len() as f64;
    let columns = rows.first().map_or(0, Vec::len);
    let mean: Vec<f64> = (0..columns).map(|k| rows.iter().map(|row| row[k]).sum::<f64>() / n).collect();
    let error = (rows.len() > 1).then(|| {
        let square = |k: usize| rows.iter().map(|row| (row[k] - mean[k]).powi(2)).sum::<f64>();
        (0..columns).map(|k| (square(k) / (n * (n - 1.0))).sqrt()).collect()
    });
    (mean, error)
}
