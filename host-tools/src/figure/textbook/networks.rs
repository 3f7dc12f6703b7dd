//! The networks, and what is measured of each.
use super::{DEPTHS, LAGS, RUNS};
use crate::figure::FigureContext;
use crate::preset::find;
use crate::progress::Progress;
use crate::spec::{Acf, Init, Norm, Overrides};
use crate::statistics::Statistics;
use crate::theory::{Draws, predict};
use crate::{Failure, Result};

/// A change to the notebook's network.
pub(super) struct Change {
    /// A few words.
    pub title: &'static str,
    /// What it does to the spec.
    overrides: Overrides,
    /// The line that makes it in the notebook.
    pub numpy: &'static str,
}

/// The notebook's network, and one change at a time.
pub(super) fn changes() -> Vec<Change> {
    let given = find("udl").map(|preset| preset.overrides).unwrap_or_default();
    let norm = |norm| Overrides { norm: Some(norm), ..given.clone() };
    vec![
        Change { title: "Notebook", overrides: given.clone(), numpy: "(as it is)" },
        Change {
            title: "Zero bias",
            overrides: Overrides { bias_std: Some(0.0), first_bias_std: Some(0.0), ..given.clone() },
            numpy: "`all_biases = [0 * b for b in all_biases]`",
        },
        Change {
            title: "He",
            overrides: Overrides { init: Some(Init::He), ..given.clone() },
            numpy: "`all_weights[1:-1] = [np.sqrt(2) * w for w in all_weights[1:-1]]`",
        },
        Change {
            title: "Centring",
            overrides: norm(Norm::Centre),
            numpy: "`all_f[layer] = all_f[layer] - all_f[layer].mean(axis=1, keepdims=True)`",
        },
        Change {
            title: "Batch norm",
            overrides: norm(Norm::Batch),
            numpy: "`s = all_f[layer].std(1, keepdims=True); all_f[layer] = (all_f[layer] - all_f[layer].mean(1, keepdims=True)) / s; \
                    all_weights[layer] = all_weights[layer] / s`",
        },
    ]
}

/// What a network does at each depth.
pub(super) struct Answer {
    /// x.
    pub grid: Vec<f64>,
    /// In the order of [`DEPTHS`].
    pub depths: Vec<Depth>,
}

/// One depth.
pub(super) struct Depth {
    /// df/dx of one run, scaled to a mean square of 1: only its shape is compared.
    pub series: Vec<f64>,
    /// The notebook's autocorrelation, of that run.
    pub raw: Vec<f64>,
    /// Mean removed, averaged over the runs.
    pub removed: Vec<f64>,
    /// Its standard error.
    pub removed_error: Option<Vec<f64>>,
    /// Over the runs.
    pub ensemble: Vec<f64>,
    /// Its standard error.
    pub ensemble_error: Vec<f64>,
    /// Infinite width.
    pub exact: Vec<f64>,
}

/// Runs and predicts a network at all depths.
pub(super) fn answer(context: &FigureContext, change: &Change) -> Result<Answer> {
    let (mut depths, mut grid) = (Vec::new(), Vec::new());
    for depth in DEPTHS {
        let overrides = Overrides { depth: Some(depth), ..change.overrides.clone() };
        let what = format!("{}, depth {depth}", change.title);
        let (spec, runs) = context.run(overrides, RUNS, &format!("textbook, {what}"))?;
        let removed = Statistics::of(&runs, Acf::MeanRemoved, LAGS)?;
        let raw = Statistics::of(&runs, Acf::Raw, LAGS)?;
        let progress = Progress::new(&format!("textbook, {what}, infinite width"), 0, context.engine.quiet);
        let exact = context
            .engine
            .install(|| predict(&spec, Draws::BESIDE_RUNS, &progress))?
            .map_err(|why| Failure::failed(format!("textbook, {what}: {why}")))?;
        let series: Vec<f64> = runs.first().map_or(Vec::new(), |run| run.gradient.iter().map(|&g| g.into()).collect());
        let rms = (series.iter().map(|g| g * g).sum::<f64>() / series.len() as f64).sqrt();
        let count = (runs.len() - removed.constant_runs).max(1) as f64;
        depths.push(Depth {
            series: series.iter().map(|g| if rms > 0.0 { g / rms } else { 0.0 }).collect(),
            raw: raw.autocorrelation_runs.into_iter().next().flatten().unwrap_or_default(),
            removed: removed.autocorrelation.unwrap_or_default(),
            removed_error: removed.autocorrelation_sd.map(|sd| sd.iter().map(|sd| sd / count.sqrt()).collect()),
            ensemble: removed.ensemble_correlation.unwrap_or_default(),
            ensemble_error: removed.ensemble_correlation_se.unwrap_or_default(),
            exact: exact.correlation(LAGS).map(|(correlation, _)| correlation).unwrap_or_default(),
        });
        let points = spec.grid();
        grid = (0..spec.points).map(|i| f64::from(points.point(i))).collect();
    }
    Ok(Answer { grid, depths })
}
