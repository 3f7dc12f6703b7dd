//! What an epoch came to, as CSV and as JSON lines.
use crate::files::write_all;
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: u32,
    /// Steps done since the beginning.
    pub step: u32,
    /// Learning rate.
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

/// All epochs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// In order.
    pub epochs: Vec<Epoch>,
}

impl Metrics {
    /// Writes `metrics.csv` and `metrics.jsonl`.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot write the metrics: {error}"));
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut lines = String::new();
        for epoch in &self.epochs {
            csv.serialize(epoch).map_err(|error| failed(&error))?;
            lines += &serde_json::to_string(epoch).map_err(|error| failed(&error))?;
            lines.push('\n');
        }
        let csv = csv.into_inner().map_err(|error| failed(&error))?;
        write_all(out, &[("metrics.csv".into(), csv), ("metrics.jsonl".into(), lines.into_bytes())])
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(())
    }
}
