//! `probe`: the gradients of one spec and how they correlate.
use super::{print, print_json};
use crate::cli::Common;
use crate::engine::{Engine, Run};
use crate::output::say;
use crate::progress::Progress;
use crate::record::{MathEffect, Record, record_digest};
use crate::spec::{Acf, Math, Spec};
use crate::statistics::Statistics;
use crate::tensors::Bundle;
use crate::theory::{Draws, NoTheory, predict};
use crate::{Failure, Result, text};
use std::path::Path;

/// What the statistics are to be.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Which autocorrelation.
    pub acf: Acf,
    /// Largest lag.
    pub lags: u32,
    /// How to average over batch norm for the prediction; None for no prediction.
    pub theory: Option<Draws>,
}

/// Probes a spec, with weights from its seed or from a file.
///
/// # Errors
/// Lags past the grid, weights that do not fit; a run that meets NaN or infinity, after the record is printed.
pub fn run(
    spec: &Spec,
    question: Question,
    weights: Option<(&Path, &Bundle)>,
    engine: &Engine,
    common: &Common,
) -> Result<()> {
    if spec.inputs == 1 && question.lags >= spec.points {
        return Err(Failure::usage(format!(
            "--lags {} must be below the number of points, {}: lower it or raise --points",
            question.lags, spec.points
        )));
    }
    let name = weights.map(|(path, _)| path.display().to_string());
    let outcome = match weights {
        Some((path, bundle)) => {
            let within = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
            let drawn = bundle.drawn(spec).map_err(within)?;
            let unused = bundle.unused(spec)?;
            if !unused.is_empty() {
                let names: Vec<String> = unused.iter().map(|name| text::visible(name)).collect();
                say(&format!("warning: {}: tensors that nothing uses: {}", path.display(), names.join(", ")));
            }
            engine.stored(spec, &drawn)?
        }
        None => engine.runs(spec, "probe")?,
    };
    let runs = match outcome {
        Ok(runs) => runs,
        Err(fault) => {
            if common.json {
                print_json(&Record::non_finite(spec, question.acf, name, fault))?;
            }
            let error = Failure::from(shatterscope::Error::NonFinite(fault.fault));
            return Err(Failure { message: format!("run {}: {error}", fault.run), ..error });
        }
    };
    let statistics = statistics(spec, question, &runs)?;
    let theory = match question.theory {
        _ if weights.is_some() => Err(NoTheory::StoredWeights),
        None => Err(NoTheory::NotAsked),
        Some(draws) => predict(spec, draws, &Progress::new("theory", 0, common.quiet)),
    };
    let mut record = Record::of(spec, question.acf, name, &runs, statistics).with_theory(&theory, question.lags);
    if spec.math != Math::Libm && weights.is_none() {
        record.math_effect = math_effect(spec, question, &runs, &record, engine)?;
    }
    if common.json { print_json(&record) } else { print(&table(&record)) }
}

fn statistics(spec: &Spec, question: Question, runs: &[Run]) -> Result<Statistics> {
    match spec.inputs {
        1 => Statistics::of(runs, question.acf, question.lags),
        inputs => Statistics::of_vectors(runs, inputs as usize),
    }
}

/// The same spec with libm, beside it.
fn math_effect(
    spec: &Spec,
    question: Question,
    runs: &[Run],
    record: &Record,
    engine: &Engine,
) -> Result<Option<MathEffect>> {
    let Ok(exact) = engine.runs(&Spec { math: Math::Libm, ..spec.clone() }, "libm")? else { return Ok(None) };
    let pairs = || runs.iter().zip(&exact).flat_map(|(a, b)| a.gradient.iter().zip(&b.gradient));
    let largest = pairs().map(|(_, b)| b.abs() as f64).fold(0.0, f64::max);
    let difference = pairs().map(|(a, b)| (*a as f64 - *b as f64).abs()).fold(0.0, f64::max);
    let changed = pairs().filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    let statistics = statistics(spec, question, &exact)?;
    let both = record.autocorrelation.as_ref().zip(statistics.autocorrelation.as_ref());
    Ok(Some(MathEffect {
        libm_digest: record_digest(&exact),
        largest_relative_difference: if largest > 0.0 { difference / largest } else { 0.0 },
        share_of_values_changed: changed as f64 / pairs().count().max(1) as f64,
        largest_autocorrelation_difference: both
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)),
    }))
}

/// A table for people.
fn table(record: &Record) -> String {
    let mut text = format!(
        "contract   {}\ngenerator  {}\ntarget     {}\nnetwork    {}\nruns       {}, seed {}\npoints     {}\n",
        record.contract,
        record.generator,
        record.target,
        record.spec.describe(),
        record.runs,
        record.seed,
        match record.spec.inputs {
            1 => format!("{} of a grid", record.spec.points),
            inputs => format!("{} vectors of {inputs} standard normals", record.spec.points),
        },
    );
    if let Some(weights) = &record.weights {
        text += &format!("weights    {weights}\n");
    }
    if let Some(square) = record.gradient_mean_square {
        text += &format!("E[g^2]     {square:.6}");
        text += &record.theory_mean_square.map_or("\n".to_owned(), |theory| format!(", wide limit {theory:.6}\n"));
    }
    if let Some(correlation) = record.pair_correlation {
        text += &format!("pairs      of points correlate {correlation:.5}");
        text += &record.pair_correlation_se.map_or("\n".to_owned(), |error| format!(" +- {error:.5}\n"));
    }
    if let Some(rank) = &record.effective_rank {
        text += &format!(
            "rank       {:.2} effective, {:.3} of Gaussian, of {} {} x {} points\n",
            rank.value, rank.relative, rank.rows, rank.rows_are, rank.columns
        );
    }
    if let Some(why) = &record.effective_rank_reason {
        text += &format!("rank       none; {why}\n");
    }
    match &record.autocorrelation {
        None if record.constant != Some(true) => {}
        None => text += "constant   the gradient of every run is constant: there is no autocorrelation\n",
        Some(mean) => {
            if let Some(constant @ 1..) = record.constant_runs {
                text += &format!("constant   {constant} of {} runs, left out of the average\n", record.runs);
            }
            text += "\n lag  autocorrelation       sd   ensemble       se  wide limit\n";
            let at = |series: &Option<Vec<f64>>, lag: usize| match series.as_ref().and_then(|s| s.get(lag)) {
                Some(value) => format!("{value:8.4}"),
                None => "       -".to_owned(),
            };
            for lag in 0..mean.len() {
                text += &format!(
                    "{lag:4}         {} {}   {} {}    {}\n",
                    at(&record.autocorrelation, lag),
                    at(&record.autocorrelation_sd, lag),
                    at(&record.ensemble_correlation, lag),
                    at(&record.ensemble_correlation_se, lag),
                    at(&record.theory_correlation, lag),
                );
            }
        }
    }
    if let Some(deviation) = record.theory_finite_width {
        text += &format!("\nwide limit: of infinite width; at this one expect up to {deviation:.3} from it");
        let largest = record.theory_se.iter().flatten().fold(0.0f64, |top, &se| top.max(se));
        text += &if largest > 0.0 { format!(", drawn to +- {largest:.4}\n") } else { "\n".to_owned() };
    }
    if let Some(reason) = &record.theory_reason {
        text += &format!("\nwide limit: none; {reason}\n");
    }
    if let Some(effect) = &record.math_effect {
        text += &format!(
            "\nagainst libm: {:.1}% of the gradient values change, by at most {:.2e} of the largest gradient;\n\
             autocorrelations by at most {}; libm's digest {}\n",
            100.0 * effect.share_of_values_changed,
            effect.largest_relative_difference,
            effect.largest_autocorrelation_difference.map_or("-".to_owned(), |d| format!("{d:.2e}")),
            effect.libm_digest,
        );
    }
    if let Some(digest) = &record.digest {
        text += &format!("\ndigest     {digest}\n");
    }
    text
}
