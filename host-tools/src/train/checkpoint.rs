//! All that the next step depends on, in one .safetensors file: tensors by the names of their layers, and a document beside them.
use super::{Metrics, Model, Spec};
use crate::data::Provenance;
use crate::files::{find, write_all};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use shatterscope::train::{Layer, Powers, RateState};
use std::path::Path;

/// The file's name in a folder of results.
pub const FILE: &str = "checkpoint.safetensors";

/// All files of a training, which are tried before it begins.
pub const FILES: [&str; 5] = [FILE, "metrics.csv", "metrics.jsonl", "probes.csv", "probes.jsonl"];

/// A training run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What is run.
    pub spec: Spec,
    /// The data it was begun with.
    pub data: Provenance,
    /// Where it stands.
    pub model: Model,
    /// Of the epoch at hand: sums over its batches of loss times examples, right answers, norms.
    pub sums: [f64; 3],
    /// Epochs done.
    pub metrics: Metrics,
}

/// What stands beside the tensors. Floats are bits, so that infinity is one, too.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    contract: String,
    spec: Spec,
    data: Provenance,
    step: u32,
    batch: u32,
    powers: [u8; 8],
    rate: [u8; 20],
    sums: [u64; 3],
    metrics: Metrics,
}

const FORMAT: &str = "shatterscope-training-1";

impl Checkpoint {
    /// Writes it into a folder, in place of the one before, or not at all; then its metrics.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let model = &self.model;
        let document = Document {
            format: FORMAT.to_owned(),
            contract: shatterscope::contract::CONTRACT.to_owned(),
            spec: self.spec.clone(),
            data: self.data.clone(),
            step: model.step,
            batch: model.batch,
            powers: model.powers.to_le_bytes(),
            rate: model.rate.to_le_bytes(),
            sums: self.sums.map(f64::to_bits),
            metrics: self.metrics.clone(),
        };
        let document = serde_json::to_string(&document);
        let document = document.map_err(|error| Failure::failed(format!("cannot write a checkpoint: {error}")))?;
        let mut bundle = tensors(model);
        bundle.spec = Some(document);
        write_all(out, &[(FILE.to_owned(), bundle.to_safetensors()?)])?;
        self.metrics.write(out)
    }

    /// Writes the metrics that belong to this checkpoint: a process that was killed between one file and the next may have left
    /// others.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn restore_metrics(&self, out: &Path) -> Result<()> {
        self.metrics.write(out)
    }

    /// Reads the one in a folder; None where there is none.
    ///
    /// # Errors
    /// A file that is damaged, of another format or contract, or whose tensors are not those of its network.
    pub fn read(out: &Path, layers: impl FnOnce(&Spec) -> Result<Vec<Layer>>) -> Result<Option<Self>> {
        let path = out.join(FILE);
        let there = find(&path).map_err(|error| Failure::file(&path, "cannot look for a checkpoint", error))?;
        if there.is_none() {
            return Ok(None);
        }
        let wrong = |what: String| Failure::failed(format!("{}: {what}", path.display()));
        let bundle = Bundle::read(&path)?;
        let text = bundle.spec.as_deref().ok_or_else(|| wrong("no checkpoint of a training run".into()))?;
        let document: Document =
            serde_json::from_str(text).map_err(|error| wrong(format!("no checkpoint of a training run ({error})")))?;
        if document.format != FORMAT || document.contract != shatterscope::contract::CONTRACT {
            let (format, contract) = (&document.format, &document.contract);
            return Err(wrong(format!("format {format} under contract {contract} is not this program's")));
        }
        let layers = layers(&document.spec)?;
        let model = Model {
            parameters: flat(&bundle, &layers, PARAMETERS).map_err(&wrong)?,
            running: flat(&bundle, &layers, RUNNING).map_err(&wrong)?,
            state: bundle.tensors.get(STATE).map(|tensor| tensor.data.clone()).unwrap_or_default(),
            layers,
            powers: Powers::from_le_bytes(document.powers),
            rate: RateState::from_le_bytes(document.rate),
            step: document.step,
            batch: document.batch,
        };
        let need = document.spec.settings().optimiser.state_len(model.parameters.len() as u64);
        if need != model.state.len() as u64 {
            return Err(wrong(format!("{} numbers of the optimiser's state, {need} needed", model.state.len())));
        }
        let (spec, data, metrics) = (document.spec, document.data, document.metrics);
        Ok(Some(Self { spec, data, model, sums: document.sums.map(f64::from_bits), metrics }))
    }
}

const STATE: &str = "optimiser.state";
pub(super) const PARAMETERS: bool = false;
pub(super) const RUNNING: bool = true;

/// (name, shape) of the tensors of layer i, parameters or running statistics, in their order.
pub(super) fn named(i: usize, layer: &Layer, running: bool) -> Vec<(String, Vec<usize>)> {
    let of = |name: &str, shape: &[u32]| (format!("{i}.{name}"), shape.iter().map(|&n| n as usize).collect());
    match (*layer, running) {
        (Layer::Dense { inputs, outputs, bias }, PARAMETERS) => {
            let weight = of("weight", &[outputs, inputs]);
            if bias { vec![weight, of("bias", &[outputs])] } else { vec![weight] }
        }
        (Layer::Conv { conv, bias }, PARAMETERS) => {
            let weight = of("weight", &[conv.channels, conv.input.channels, conv.window.height, conv.window.width]);
            if bias { vec![weight, of("bias", &[conv.channels])] } else { vec![weight] }
        }
        // As PyTorch calls the slopes.
        (Layer::Prelu { image, .. }, PARAMETERS) => vec![of("weight", &[image.channels])],
        (Layer::BatchNorm { image, .. }, PARAMETERS) => {
            vec![of("weight", &[image.channels]), of("bias", &[image.channels])]
        }
        (Layer::BatchNorm { image, .. }, RUNNING) => {
            vec![of("running_mean", &[image.channels]), of("running_var", &[image.channels])]
        }
        _ => Vec::new(),
    }
}

fn tensors(model: &Model) -> Bundle {
    let mut bundle = Bundle::default();
    for (values, running) in [(&model.parameters, PARAMETERS), (&model.running, RUNNING)] {
        let mut at = 0;
        for (i, layer) in model.layers.iter().enumerate() {
            for (name, shape) in named(i, layer, running) {
                let len: usize = shape.iter().product();
                bundle.add(name, shape, values[at..at + len].to_vec());
                at += len;
            }
        }
    }
    if !model.state.is_empty() {
        bundle.add(STATE.to_owned(), vec![model.state.len()], model.state.clone());
    }
    bundle
}

fn flat(bundle: &Bundle, layers: &[Layer], running: bool) -> std::result::Result<Vec<f32>, String> {
    let mut values = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        for (name, shape) in named(i, layer, running) {
            match bundle.tensors.get(&name) {
                Some(tensor) if tensor.shape == shape => values.extend_from_slice(&tensor.data),
                Some(tensor) => return Err(format!("{name} is {:?}, not {shape:?}", tensor.shape)),
                None => return Err(format!("lacks {name} {shape:?}")),
            }
        }
    }
    Ok(values)
}
