//! The same network on devices, whose outputs must be this machine's, bit for bit.
use super::{Examples, Network};
use crate::Result;
use crate::device::place::open_link;
use crate::device::{Settings, Target};
use crate::predict::{self, Prediction, Remote, Report};
use serde::Serialize;
use shatterscope::contract::Digest;

/// How a device compares.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// As `--targets` has it.
    pub target: String,
    /// Whether all outputs have this machine's bits.
    pub equal: bool,
    /// What it took, if they have.
    pub report: Option<Report>,
    /// The first difference, or why it did not run.
    pub error: Option<String>,
}

/// Runs all examples on each target, in batches of `batch`; a target that fails does not keep the others from running.
pub fn compare(
    network: &Network,
    examples: &Examples,
    outputs: &[f32],
    targets: &[Target],
    settings: &Settings,
    batch: u32,
) -> Vec<Compared> {
    let examples = predict::Examples { inputs: examples.inputs.clone(), labels: vec![0; examples.count] };
    let here = Prediction { outputs: outputs.to_vec(), digest: Digest::of_bits(outputs), correct: None };
    let of = (&network.parameters[..], &network.running[..]);
    let settings = &Settings { models: true, ..settings.clone() };
    let on = |target: &Target| -> Result<Report> {
        let line = open_link(target, settings)?;
        let mut remote = Remote::new(line, target.to_string(), &network.placed, of, batch, settings.ram)?;
        remote.predict(&examples, &here, |_| {})?;
        Ok(remote.report())
    };
    let told = |target: &Target| match on(target) {
        Ok(report) => Compared { target: target.to_string(), equal: true, report: Some(report), error: None },
        Err(error) => Compared { target: target.to_string(), equal: false, report: None, error: Some(error.message) },
    };
    targets.iter().map(told).collect()
}
