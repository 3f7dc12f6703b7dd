//! `theory`: the wide limit of a spec, without running it.
use super::{print, print_json};
use crate::cli::Common;
use crate::progress::Progress;
use crate::spec::Spec;
use crate::theory::{Draws, NoTheory, predict};
use crate::{Failure, Result};
use serde::Serialize;

/// One JSON document.
#[derive(Debug, Serialize)]
struct Limit<'a> {
    /// Every field resolved.
    spec: &'a Spec,
    /// `recursion` where it is exact, `sampled` where batch norm is averaged over drawn units.
    method: &'static str,
    /// Units drawn a layer; null where none are.
    draws: Option<u32>,
    /// mean_i E[g_i g_{i+k}] / mean_i E[g_i^2], `[lag]`
    correlation: Vec<f64>,
    /// Its sampling error, null where it is exact, `[lag]`
    correlation_se: Option<Vec<f64>>,
    /// The same of gradients with respect to one unit of the first layer, null with batch norm, `[lag]`
    neuron_correlation: Option<Vec<f64>>,
    /// mean_i E[g_i^2], null where it leaves binary64
    mean_square: Option<f64>,
    /// Its sampling error, null where it is exact
    mean_square_se: Option<f64>,
    /// How far a network of this width may be from it, in units of correlation
    finite_width: f64,
}

/// Prints the wide limit of a spec.
///
/// # Errors
/// No limit is known, with the reason; lags past the grid.
pub fn run(spec: &Spec, lags: u32, draws: Draws, common: &Common) -> Result<()> {
    if lags >= spec.points {
        return Err(Failure::usage(format!("--lags {lags} must be below the number of points, {}", spec.points)));
    }
    let none = |why: &dyn std::fmt::Display| Failure::failed(format!("there is no wide limit to print: {why}"));
    let prediction = predict(spec, draws, &Progress::new("theory", 0, common.quiet)).map_err(|why| none(&why))?;
    let curve = prediction.correlation(lags);
    let (correlation, correlation_se) = curve.ok_or_else(|| none(&NoTheory::ZeroGradient))?;
    let limit = Limit {
        spec,
        method: if correlation_se.is_some() { "sampled" } else { "recursion" },
        draws: correlation_se.is_some().then_some(draws.count),
        correlation,
        correlation_se,
        neuron_correlation: prediction.neuron_correlation(lags),
        mean_square: prediction.mean_square().map(|(square, _)| square),
        mean_square_se: prediction.mean_square().and_then(|(_, error)| error),
        finite_width: prediction.finite_width(),
    };
    if common.json { print_json(&limit) } else { print(&table(&limit)) }
}

fn table(limit: &Limit) -> String {
    let mut text = format!("network    {}\ngrid       {} points\n", limit.spec.describe(), limit.spec.points);
    text += &match limit.draws {
        None => "method     exact recursion over the layers\n".to_owned(),
        Some(draws) => format!("method     batch norm averaged over {draws} drawn units a layer\n"),
    };
    text += &match (limit.mean_square, limit.mean_square_se) {
        (None, _) => "E[g^2]     beyond binary64\n".to_owned(),
        (Some(square), None) => format!("E[g^2]     {square:.6}\n"),
        (Some(square), Some(error)) => format!("E[g^2]     {square:.6} +- {error:.6}\n"),
    };
    text += &format!("width      at {} expect up to {:.3} from the limit\n", limit.spec.width, limit.finite_width);
    text += "\n lag  correlation       se  between neurons\n";
    let at = |series: &Option<Vec<f64>>, lag: usize| match series.as_ref().and_then(|series| series.get(lag)) {
        Some(value) => format!("{value:8.5}"),
        None => "       -".to_owned(),
    };
    for (lag, correlation) in limit.correlation.iter().enumerate() {
        let (error, neurons) = (at(&limit.correlation_se, lag), at(&limit.neuron_correlation, lag));
        text += &format!("{lag:4}     {correlation:8.5} {error}         {neurons}\n");
    }
    text
}
