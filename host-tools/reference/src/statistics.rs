//! Statistics of series in f64, from their definitions.

/// `r_k = sum_i (g_i - m)(g_{i+k} - m) / sum_i (g_i - m)^2` for k = 0..=lags; m = 0 unless the mean is removed.
/// None for a series with max - min <= 2^-20 max|g|.
pub fn autocorrelation(series: &[f64], lags: usize, mean_removed: bool) -> Option<Vec<f64>> {
    let n = series.len();
    let largest = series.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    let (low, high) = series.iter().fold((f64::MAX, f64::MIN), |(low, high), g| (low.min(*g), high.max(*g)));
    if high - low <= largest / 1_048_576.0 {
        return None;
    }
    let m = if mean_removed { series.iter().sum::<f64>() / n as f64 } else { 0.0 };
    let c = |k: usize| (0..n - k).map(|i| (series[i] - m) * (series[i + k] - m)).sum::<f64>();
    Some((0..=lags).map(|k| c(k) / c(0)).collect())
}

/// `mean_i <g_i g_{i+k}> / mean_i <g_i^2>` for k = 0..=lags over `runs[run][point]`.
pub fn ensemble_correlation(runs: &[Vec<f64>], lags: usize) -> Vec<f64> {
    let n = runs[0].len();
    let c =
        |k: usize| runs.iter().map(|g| (0..n - k).map(|i| g[i] * g[i + k]).sum::<f64>() / (n - k) as f64).sum::<f64>();
    (0..=lags).map(|k| c(k) / c(0)).collect()
}

/// The largest entry of |Q^T Q - scale^2 I| for the columns of a matrix `[row][column]`, or of its rows if it is wide.
pub fn orthogonality_defect(matrix: &[Vec<f64>], scale: f64) -> f64 {
    let (rows, columns) = (matrix.len(), matrix[0].len());
    let wide = columns > rows;
    let (vectors, len) = if wide { (rows, columns) } else { (columns, rows) };
    let at = |v: usize, i: usize| if wide { matrix[v][i] } else { matrix[i][v] };
    let mut defect = 0.0f64;
    for a in 0..vectors {
        for b in 0..vectors {
            let product: f64 = (0..len).map(|i| at(a, i) * at(b, i)).sum();
            let expected = if a == b { scale * scale } else { 0.0 };
            defect = defect.max((product - expected).abs());
        }
    }
    defect
}
