//! The record of a probe: everything that was measured and how, as one JSON document.
use crate::engine::{Run, RunFault};
use crate::spec::{Acf, Spec};
use crate::statistics::{RankOf, Statistics};
use crate::theory::{NoTheory, Prediction};
use serde::Serialize;
use shatterscope::Pass;
use shatterscope::contract::{Digest, canonical_bits};

/// Where a probe met NaN or infinity.
#[derive(Clone, Debug, Serialize)]
pub struct NonFinite {
    /// Run.
    pub run: u32,
    /// `forward` or `backward`.
    pub pass: &'static str,
    /// Layer, readout = depth + 1.
    pub layer: u32,
}

impl From<RunFault> for NonFinite {
    fn from(RunFault { run, fault }: RunFault) -> Self {
        let pass = match fault.pass {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        };
        Self { run, pass, layer: fault.layer }
    }
}

/// What an approximate maths library does to the gradients, against libm.
#[derive(Clone, Debug, Serialize)]
pub struct MathEffect {
    /// Digest of the same spec with libm.
    pub libm_digest: String,
    /// max |g - g_libm| / max |g_libm| over all points and runs.
    pub largest_relative_difference: f64,
    /// Share of gradient values whose bits differ.
    pub share_of_values_changed: f64,
    /// max |r_k - r_k libm| of the mean autocorrelation, null if either is constant.
    pub largest_autocorrelation_difference: Option<f64>,
}

/// An effective rank, and of what.
#[derive(Clone, Debug, Serialize)]
pub struct Rank {
    /// Mean over runs where each has a matrix of its own.
    pub value: f64,
    /// Its standard error over runs.
    pub se: Option<f64>,
    /// Of a matrix of standard normals of the same shape.
    pub gaussian: f64,
    /// value / gaussian
    pub relative: f64,
    /// `runs`, each scaled to length 1, or `inputs`.
    pub rows_are: &'static str,
    /// How many.
    pub rows: usize,
    /// Points.
    pub columns: usize,
}

impl From<RankOf> for Rank {
    fn from(of: RankOf) -> Self {
        Self {
            value: of.rank.rank,
            se: of.error,
            gaussian: of.rank.gaussian,
            relative: of.rank.relative(),
            rows_are: if of.stacked { "runs" } else { "inputs" },
            rows: of.rows,
            columns: of.columns,
        }
    }
}

/// One JSON document.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Every field resolved.
    pub spec: Spec,
    /// Where the weights came from, null for seeded ones.
    pub weights: Option<String>,
    /// Contract id.
    pub contract: &'static str,
    /// Random numbers and normals.
    pub generator: String,
    /// Machine the program was compiled for.
    pub target: &'static str,
    /// Commit of the program.
    pub commit: &'static str,
    /// Runs.
    pub runs: u32,
    /// Seed.
    pub seed: u64,
    /// Which autocorrelation.
    pub acf: Acf,
    /// x, `[point]`; null for vectors, which are drawn.
    #[serde(serialize_with = "crate::decimal::serialize")]
    pub grid: Option<Vec<f32>>,
    /// df/dx of the first run, `[point][input]`.
    #[serde(serialize_with = "crate::decimal::serialize")]
    pub gradient: Option<Vec<f32>>,
    /// Its bits, hexadecimal.
    pub gradient_bits: Option<Vec<String>>,
    /// Mean over runs, `[lag]`.
    pub autocorrelation: Option<Vec<f64>>,
    /// Standard deviation over runs, `[lag]`.
    pub autocorrelation_sd: Option<Vec<f64>>,
    /// `[run][lag]`
    pub autocorrelation_runs: Option<Vec<Option<Vec<f64>>>>,
    /// `[lag]`
    pub ensemble_correlation: Option<Vec<f64>>,
    /// `[lag]`
    pub ensemble_correlation_se: Option<Vec<f64>>,
    /// What the ensemble correlation tends to with the width, `[lag]`
    pub theory_correlation: Option<Vec<f64>>,
    /// Its sampling error with batch norm, null where it is exact, `[lag]`
    pub theory_se: Option<Vec<f64>>,
    /// How far a network of this width may be from it.
    pub theory_finite_width: Option<f64>,
    /// Why there is no theory.
    pub theory_reason: Option<String>,
    /// mean_i <g_i^2>
    pub gradient_mean_square: Option<f64>,
    /// What it tends to with the width.
    pub theory_mean_square: Option<f64>,
    /// Vectors: <g_i . g_k> / <|g_i|^2> over pairs of points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair_correlation: Option<f64>,
    /// Its standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair_correlation_se: Option<f64>,
    /// Standard error of the mean square.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_mean_square_se: Option<f64>,
    /// Effective rank tr(A^T A) / ||A||_2^2 of the gradients.
    pub effective_rank: Option<Rank>,
    /// Why there is none.
    pub effective_rank_reason: Option<String>,
    /// Whether the gradient of every run is constant.
    pub constant: Option<bool>,
    /// Runs with a constant gradient; they have no autocorrelation.
    pub constant_runs: Option<usize>,
    /// Where NaN or infinity stood; all results are null then.
    pub non_finite: Option<NonFinite>,
    /// Present with another maths library than the contract's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub math_effect: Option<MathEffect>,
    /// Of all runs.
    pub digest: Option<String>,
}

impl Record {
    fn empty(spec: &Spec, acf: Acf, weights: Option<String>) -> Self {
        let grid = spec.grid();
        Self {
            spec: spec.clone(),
            weights,
            contract: spec.contract(),
            generator: spec.generator(),
            target: env!("SHATTERSCOPE_TARGET"),
            commit: env!("SHATTERSCOPE_COMMIT"),
            runs: spec.runs,
            seed: spec.seed,
            acf,
            grid: (spec.inputs == 1).then(|| (0..spec.points).map(|i| grid.point(i)).collect()),
            gradient: None,
            gradient_bits: None,
            autocorrelation: None,
            autocorrelation_sd: None,
            autocorrelation_runs: None,
            ensemble_correlation: None,
            ensemble_correlation_se: None,
            theory_correlation: None,
            theory_se: None,
            theory_finite_width: None,
            theory_reason: None,
            gradient_mean_square: None,
            theory_mean_square: None,
            pair_correlation: None,
            pair_correlation_se: None,
            gradient_mean_square_se: None,
            effective_rank: None,
            effective_rank_reason: None,
            constant: None,
            constant_runs: None,
            non_finite: None,
            math_effect: None,
            digest: None,
        }
    }

    /// The record of runs that came to an end.
    pub fn of(spec: &Spec, acf: Acf, weights: Option<String>, runs: &[Run], statistics: Statistics) -> Self {
        let first = runs.first().map(|run| run.gradient.clone());
        Self {
            gradient_bits: first.as_ref().map(|g| g.iter().map(|&g| format!("{:08x}", canonical_bits(g))).collect()),
            gradient: first,
            constant: Some(statistics.constant_runs == runs.len()),
            constant_runs: Some(statistics.constant_runs),
            autocorrelation: statistics.autocorrelation,
            autocorrelation_sd: statistics.autocorrelation_sd,
            autocorrelation_runs: Some(statistics.autocorrelation_runs),
            ensemble_correlation: statistics.ensemble_correlation,
            ensemble_correlation_se: statistics.ensemble_correlation_se,
            gradient_mean_square: Some(statistics.gradient_mean_square),
            pair_correlation: statistics.pairs.map(|pairs| pairs.correlation),
            pair_correlation_se: statistics.pairs.and_then(|pairs| pairs.error),
            gradient_mean_square_se: statistics.pairs.and_then(|pairs| pairs.mean_square_error),
            effective_rank: statistics.rank.ok().map(Rank::from),
            effective_rank_reason: statistics.rank.err().map(|why| why.to_string()),
            digest: Some(record_digest(runs)),
            ..Self::empty(spec, acf, weights)
        }
    }

    /// The same record with the wide limit beside what was measured.
    pub fn with_theory(self, theory: &Result<Prediction, NoTheory>, lags: u32) -> Self {
        let limit = theory.as_ref().map_err(|&why| why).and_then(|theory| {
            theory.correlation(lags).map(|correlation| (theory, correlation)).ok_or(NoTheory::ZeroGradient)
        });
        match limit {
            Err(why) => Self { theory_reason: Some(why.to_string()), ..self },
            Ok((theory, (correlation, error))) => Self {
                theory_correlation: Some(correlation),
                theory_se: error,
                theory_finite_width: Some(theory.finite_width()),
                theory_mean_square: theory.mean_square().map(|(square, _)| square),
                ..self
            },
        }
    }

    /// The record of a probe that met NaN or infinity.
    pub fn non_finite(spec: &Spec, acf: Acf, weights: Option<String>, fault: RunFault) -> Self {
        Self { non_finite: Some(fault.into()), ..Self::empty(spec, acf, weights) }
    }
}

/// The digest of a record: of the digests of its runs.
pub fn record_digest(runs: &[Run]) -> String {
    Digest::of_runs(runs.iter().map(|run| run.digest)).to_string()
}
