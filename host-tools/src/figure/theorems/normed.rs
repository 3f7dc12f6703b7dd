//! Theorem 3: resnets with batch norm, as stated, corrected, measured.
use super::{panel, powers, reference};
use crate::Result;
use crate::figure::FigureContext;
use crate::plot::Panel;
use crate::spec::{Family, Norm, Overrides, Readout};
use crate::statistics::Statistics;
use crate::theorem::normed_resnet;
use std::f64::consts::PI;

/// Growth of a layer's variance, of beta^2: as the theorem counts, and centred, as batch norm divides.
const STATED: f64 = 1.0;
const CENTRED: f64 = 1.0 - 1.0 / PI;
const INPUTS: u32 = 200;

/// Correlation and variance against depth, and correlation at 50 layers against beta.
pub(super) fn panels(context: &FigureContext) -> Result<[Panel; 3]> {
    let (mut correlation, mut variance) = (Vec::new(), Vec::new());
    for depth in [1, 2, 3, 5, 8, 12, 18, 26, 36, 50, 70, 100] {
        let [v, c] = measure(context, depth, 1.0)?;
        let at = f64::from(depth);
        variance.push((at, v.0, v.1));
        correlation.push((at, c.0, c.1));
    }
    let depths: Vec<f64> = (1..=100).map(f64::from).collect();
    let stated = |depth: f64| normed_resnet(1.0, STATED, depth as u32);
    let corrected = |depth: f64| normed_resnet(1.0, CENTRED, depth as u32);
    let mut curves = powers("measured, networks", &correlation);
    curves.push(reference("theorem", &depths, |l| stated(l).1.log10()));
    curves.push(reference("corrected", &depths, |l| corrected(l).1.log10()));
    let first = panel("Theorem 3: resnet, batch norm", "L", "log10 correlation", Some((-4.0, 0.0)), curves);
    let mut curves = powers("measured, networks", &variance);
    curves.push(reference("theorem", &depths, |l| stated(l).0.log10()));
    curves.push(reference("corrected", &depths, |l| corrected(l).0.log10()));
    let second = panel("Theorem 3: variance", "L", "log10 variance", Some((0.0, 3.0)), curves);
    let betas = [0.1, 0.15, 0.2, 0.25, 0.3];
    let mut sweep = Vec::new();
    for beta in betas {
        let [_, c] = measure(context, 50, beta)?;
        sweep.push((beta, c.0, c.1));
    }
    let curves = vec![
        super::measured("measured, networks", &sweep),
        reference("theorem", &betas, |beta| normed_resnet(beta, STATED, 50).1),
        reference("corrected", &betas, |beta| normed_resnet(beta, CENTRED, 50).1),
    ];
    let third = panel("Resnet, batch norm, 50 layers", "beta", "correlation", Some((0.3, 1.0)), curves);
    Ok([first, second, third])
}

/// Variance and correlation of the gradient at the stem, each with its error. The stem's matrix has variance 1/inputs: with as
/// many inputs as units the gradient at the inputs has the variance of that at the stem.
fn measure(context: &FigureContext, depth: u32, beta: f64) -> Result<[(f64, f64); 2]> {
    let overrides = Overrides {
        family: Some(Family::Resnet),
        norm: Some(Norm::Batch),
        beta: Some(beta),
        depth: Some(depth),
        readout: Some(Readout::Linear),
        readout_std: Some(1.0),
        inputs: Some(INPUTS),
        ..Overrides::default()
    };
    let what = format!("theorem 3, beta {beta}, L = {depth}");
    let (_, runs) = context.run(overrides, 16, &what)?;
    let statistics = Statistics::of_vectors(&runs, INPUTS as usize)?;
    let pairs = statistics.pairs;
    let (variance, correlation) = (pairs.and_then(|p| p.mean_square_error), pairs.and_then(|p| p.error));
    Ok([
        (statistics.gradient_mean_square, variance.unwrap_or(0.0)),
        (pairs.map_or(0.0, |pairs| pairs.correlation), correlation.unwrap_or(0.0)),
    ])
}
