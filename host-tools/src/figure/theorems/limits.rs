//! What the paper says beside its theorems: CReLU without looks-linear weights, and Donsker's limit of one layer.
use super::{measured, panel, reference};
use crate::figure::FigureContext;
use crate::plot::{Curve, Panel};
use crate::progress::Progress;
use crate::spec::{Acf, Family, Init, Norm, Overrides};
use crate::statistics::Statistics;
use crate::theory::{self, Draws, predict};
use crate::{Failure, Result};

/// Ensemble correlation at lag 1 against depth: CReLU with He weights, with and without centring, and looks-linear.
pub(super) fn crelu(context: &FigureContext) -> Result<Panel> {
    let depths = [1, 2, 4, 7, 12, 18, 24, 36, 50];
    let crelu = Overrides { family: Some(Family::Crelu), ..Overrides::default() };
    let mut curves = Vec::new();
    for (label, overrides) in [
        ("He, plain", crelu.clone()),
        ("He, centred", Overrides { norm: Some(Norm::Centre), ..crelu.clone() }),
        ("looks-linear", Overrides { init: Some(Init::LooksLinear), ..crelu.clone() }),
    ] {
        let (mut points, mut limit) = (Vec::new(), Vec::new());
        for depth in depths {
            let overrides = Overrides { depth: Some(depth), points: Some(256), ..overrides.clone() };
            let what = format!("CReLU, {label}, depth {depth}");
            let (spec, runs) = context.run(overrides, 16, &what)?;
            let statistics = Statistics::of(&runs, Acf::MeanRemoved, 1)?;
            let at = |series: Option<Vec<f64>>| series.and_then(|series| series.get(1).copied()).unwrap_or(0.0);
            points.push((
                f64::from(depth),
                at(statistics.ensemble_correlation),
                at(statistics.ensemble_correlation_se),
            ));
            let progress = Progress::new("theorems, wide limit", 0, true);
            let prediction = predict(&spec, Draws::BESIDE_RUNS, &progress);
            let prediction = prediction.map_err(|why| Failure::failed(format!("theorems: {why}")))?;
            limit.extend(prediction.correlation(1).map(|(correlation, _)| (f64::from(depth), correlation[1])));
        }
        curves.push(measured(label, &points));
        let (x, y) = limit.into_iter().unzip();
        curves.push(Curve { label: format!("{label}, infinite width"), x, y, spread: None, dashed: true });
    }
    Ok(panel("CReLU on the grid, lag 1", "depth", "correlation", Some((-0.2, 1.05)), curves))
}

/// One layer: correlation against distance at two widths, and excess kurtosis against width.
pub(super) fn one_layer(context: &FigureContext) -> Result<[Panel; 2]> {
    let correlation = one_layer_correlation(context)?;
    let (mut points, mut x) = (Vec::new(), Vec::new());
    for log in 1..=9 {
        let width = 1 << log;
        // Points far apart, whose gradients share little.
        let overrides = Overrides { depth: Some(1), width: Some(width), points: Some(4), ..Overrides::default() };
        let what = format!("one layer, width {width}");
        let (_, runs) = context.run(overrides, 6000, &what)?;
        let (kurtosis, error) = excess_kurtosis(runs.iter().map(|run| run.gradient.as_slice()));
        let ten = std::f64::consts::LN_10;
        if kurtosis > super::INTERVAL * error {
            points.push((f64::from(log), kurtosis.log10(), error / (kurtosis * ten)));
        }
        x.push(f64::from(log));
    }
    let curves = vec![measured("measured", &points), reference("15 / width", &x, |log| (15.0 / log.exp2()).log10())];
    let kurtosis = panel("One layer: distance from Gaussian", "log2 width", "log10 excess kurtosis", None, curves);
    Ok([correlation, kurtosis])
}

fn one_layer_correlation(context: &FigureContext) -> Result<Panel> {
    const LAGS: u32 = 15;
    let mut curves = Vec::new();
    let mut grid = None;
    for width in [4, 200] {
        let overrides = Overrides { depth: Some(1), width: Some(width), points: Some(32), ..Overrides::default() };
        let what = format!("one layer on 32 points, width {width}");
        let (spec, runs) = context.run(overrides, 2000, &what)?;
        let statistics = Statistics::of(&runs, Acf::MeanRemoved, LAGS)?;
        let step = f64::from(spec.grid().step());
        let series = statistics.ensemble_correlation.unwrap_or_default().into_iter();
        let errors = statistics.ensemble_correlation_se.unwrap_or_default();
        let points: Vec<_> =
            series.zip(errors).enumerate().map(|(lag, (value, error))| (lag as f64 * step, value, error)).collect();
        curves.push(measured(&format!("{width} units"), &points));
        grid = Some(spec.grid());
    }
    if let Some(grid) = grid {
        let x: Vec<f64> = (0..=LAGS).map(|lag| f64::from(lag) * f64::from(grid.step())).collect();
        let exact = |distance: f64| {
            let lag = (distance / f64::from(grid.step())).round() as u32;
            let pairs = grid.points - lag;
            let pair = |i| theory::one_layer(f64::from(grid.point(i)), f64::from(grid.point(i + lag)));
            (0..pairs).map(pair).sum::<f64>() / f64::from(pairs)
        };
        curves.push(reference("closed formula", &x, exact));
    }
    Ok(panel("One layer: correlation", "distance of two inputs", "correlation", Some((0.0, 1.05)), curves))
}

/// E[g^4] / E[g^2]^2 - 3, with its error over runs (delta method).
fn excess_kurtosis<'a>(runs: impl Iterator<Item = &'a [f32]>) -> (f64, f64) {
    let power = |g: &[f32], exponent: i32| g.iter().map(|&g| f64::from(g).powi(exponent)).sum::<f64>() / g.len() as f64;
    let moments: Vec<(f64, f64)> = runs.map(|g| (power(g, 2), power(g, 4))).collect();
    let n = moments.len() as f64;
    let (square, fourth) = moments.iter().fold((0.0, 0.0), |(a, b), m| (a + m.0 / n, b + m.1 / n));
    let ratio = fourth / (square * square);
    let residual =
        |m: &(f64, f64)| ((m.1 - fourth) / (square * square) - 2.0 * ratio * (m.0 - square) / square).powi(2);
    (ratio - 3.0, (moments.iter().map(residual).sum::<f64>() / (n * (n - 1.0))).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kurtosis_of_known_series() {
        // +-1 has E[g^4] = E[g^2]^2: excess -2, without spread.
        let coin: Vec<Vec<f32>> = (0..10).map(|i| vec![if i % 2 == 0 { 1.0 } else { -1.0 }; 3]).collect();
        let (kurtosis, error) = excess_kurtosis(coin.iter().map(Vec::as_slice));
        assert!((kurtosis + 2.0).abs() < 1e-12 && error < 1e-12, "{kurtosis} {error}");
    }
}
