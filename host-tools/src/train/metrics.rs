//! What an epoch came to, and what probes saw between steps, as CSV and as JSON lines.
use crate::files::write_all;
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// From 1.
    pub epoch: u32,
    /// Steps done since the beginning.
    pub step: u32,
    /// Learning rate.
    #[serde(with = "crate::decimal")]
    pub rate: f32,
    /// Mean training loss over the epoch, each batch as it was met.
    pub loss: f64,
    /// Share of training examples whose class was found then.
    pub accuracy: f64,
    /// Mean norm of the gradient.
    pub gradient_norm: f64,
    /// Loss on the test part after the epoch.
    pub test_loss: f64,
    /// Share of the test part whose class is found.
    pub test_accuracy: f64,
    /// Of parameters and running statistics after the epoch.
    pub digest: String,
}

/// What the input gradients of a fixed minibatch look like between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Steps done.
    pub step: u32,
    /// Mean over pairs of examples of |g_i . g_k| / (|g_i| |g_k|); none where fewer than two gradients differ from zero.
    pub absolute_correlation: Option<f64>,
    /// tr(A^T A) / ||A||_2^2, one gradient a row; none where all are zero.
    pub effective_rank: Option<f64>,
    /// Over that of standard normals of the same shape.
    pub relative_effective_rank: Option<f64>,
}

/// All epochs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// In order.
    pub epochs: Vec<Epoch>,
    /// In order.
    #[serde(default)]
    pub probes: Vec<Probe>,
}

impl Metrics {
    /// Writes `metrics.csv` and `metrics.jsonl`, one row or line an epoch; where there are probes, `probes.csv` and `probes.jsonl`, one
    /// a probe. Columns bear the names of the fields of [`Epoch`] and [`Probe`].
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let mut files = both("metrics", &self.epochs)?;
        if !self.probes.is_empty() {
            files.extend(both("probes", &self.probes)?);
        }
        write_all(out, &files)?;
        Ok(())
    }
}

/// Records as CSV and as JSON lines.
fn both(name: &str, records: &[impl Serialize]) -> Result<Vec<(String, Vec<u8>)>> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot write the {name}: {error}"));
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut lines = String::new();
    for record in records {
        csv.serialize(record).map_err(|error| failed(&error))?;
        lines += &serde_json::to_string(record).map_err(|error| failed(&error))?;
        lines.push('\n');
    }
    let csv = csv.into_inner().map_err(|error| failed(&error))?;
    Ok(vec![(format!("{name}.csv"), csv), (format!("{name}.jsonl"), lines.into_bytes())])
}
