//! All that the next step depends on, in one .safetensors file: tensors by the names of their layers, a document beside them, and a digest
//! of both. A checkpoint that lacks it, or holds anything that its spec and data do not imply, is refused.
use super::{Metrics, Model, Spec, proof};
use crate::data::{Dataset, Inputs, Provenance};
use crate::files::{find, write_all};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use serde::{Deserialize, Serialize};
use shatterscope::graph::Image;
use shatterscope::train::{Powers, RateState};
use shatterscope_layers::Layer;
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

const FORMAT: &str = "shatterscope-training-2";
/// Without a digest.
const FIRST: &str = "shatterscope-training-1";

/// What to do with a checkpoint that cannot be used.
const ANEW: &str = "begin anew in another folder, without --resume";

impl Checkpoint {
    /// Writes it into a folder, in place of the one before, or not at all; then its metrics.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        write_all(out, &[(FILE.to_owned(), self.to_bytes()?)])?;
        self.metrics.write(out)
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
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
        bundle.to_safetensors()
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
    /// A file that is damaged, of another format, contract or data set; one that holds what its spec and the data do not imply.
    pub fn read(out: &Path, data: &Dataset) -> Result<Option<Self>> {
        let path = out.join(FILE);
        let there = find(&path).map_err(|error| Failure::file(&path, "cannot look for a checkpoint", error))?;
        if there.is_none() {
            return Ok(None);
        }
        let bytes = crate::read::bytes(&path, "cannot read the checkpoint", crate::tensors::MOST)?;
        Self::parse(&bytes, data)
            .map(Some)
            .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..Failure::failed("") })
    }

    /// The same of a file's bytes.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn parse(bytes: &[u8], data: &Dataset) -> Result<Self> {
        Self::parse_with(bytes, Some(data))
    }

    /// The same without the data, whose shape and size are taken from the file: what is read can be run, and not trained further.
    ///
    /// # Errors
    /// As [`Checkpoint::read`], but for other data.
    pub fn parse_alone(bytes: &[u8]) -> Result<Self> {
        Self::parse_with(bytes, None)
    }

    /// Whether the text beside the tensors of a file says that it is a checkpoint.
    pub fn is_document(text: &str) -> bool {
        format_of(text).is_some_and(|format| format.starts_with("shatterscope-training-"))
    }

    fn parse_with(bytes: &[u8], data: Option<&Dataset>) -> Result<Self> {
        let damaged = |what: String| Failure::failed(format!("the checkpoint is damaged: {what}; {ANEW}"));
        let bundle = Bundle::from_own_safetensors(bytes).map_err(|error| match Bundle::from_safetensors(bytes) {
            Ok(Bundle { spec: Some(text), .. }) if format_of(&text).as_deref() == Some(FIRST) => Failure::failed(format!(
                "the checkpoint is of format {FIRST}, which has no digest to prove it by: go on with the version that wrote it, or {ANEW}"
            )),
            _ => error,
        })?;
        let text = bundle.spec.as_deref().unwrap_or_default();
        let no_checkpoint = || Failure::failed("the file is no checkpoint of a training run");
        let format = format_of(text).ok_or_else(no_checkpoint)?;
        if format != FORMAT {
            let format = crate::text::visible(&format);
            return Err(Failure::failed(format!("the file is of format {format}, not {FORMAT}: {ANEW}")));
        }
        let document: Document =
            serde_json::from_str(text).map_err(|error| damaged(format!("its document is not understood: {error}")))?;
        if document.contract != shatterscope::contract::CONTRACT {
            let (contract, ours) = (crate::text::visible(&document.contract), shatterscope::contract::CONTRACT);
            return Err(Failure::failed(format!("the checkpoint is of contract {contract}, not {ours}: {ANEW}")));
        }
        if let Some(data) = data
            && document.data != data.provenance(&Inputs::of(data, document.spec.scaling))
        {
            let name = &data.name;
            return Err(Failure::failed(format!(
                "the checkpoint was made with other data than {name}: give the folder that it was begun with"
            )));
        }
        let [channels, height, width] = document.data.image;
        let (image, counts) = (Image { channels, height, width }, [document.data.train, document.data.test]);
        let layers = document.spec.layers_of(image, document.data.classes, counts[0]);
        let layers = layers.map_err(|error| damaged(error.message))?;
        let model = Model {
            parameters: flat(&bundle, &layers, PARAMETERS).map_err(damaged)?,
            running: flat(&bundle, &layers, RUNNING).map_err(damaged)?,
            state: bundle.tensors.get(STATE).map(|tensor| tensor.data.clone()).unwrap_or_default(),
            layers,
            powers: Powers::from_le_bytes(document.powers),
            rate: RateState::from_le_bytes(document.rate),
            step: document.step,
            batch: document.batch,
        };
        let need = document.spec.settings().optimiser.state_len(model.parameters.len() as u64);
        let row = bundle.tensors.get(STATE).is_none_or(|tensor| tensor.shape == [tensor.data.len()]);
        if need != model.state.len() as u64 || !row {
            return Err(damaged(format!("{} numbers of the optimiser's state, {need} needed", model.state.len())));
        }
        let (spec, metrics) = (document.spec, document.metrics);
        let checkpoint = Self { spec, data: document.data, model, sums: document.sums.map(f64::from_bits), metrics };
        proof::tensors(&bundle, &checkpoint).and_then(|()| proof::check(&checkpoint, counts)).map_err(damaged)?;
        Ok(checkpoint)
    }
}

/// The format that a document states.
fn format_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Stated {
        format: String,
    }
    serde_json::from_str::<Stated>(text).ok().map(|stated| stated.format)
}

pub(super) const STATE: &str = "optimiser.state";
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

/// Names of all tensors of a network.
pub(super) fn names(layers: &[Layer]) -> impl Iterator<Item = String> {
    let both = |(i, layer)| [PARAMETERS, RUNNING].map(|running| named(i, layer, running));
    layers.iter().enumerate().flat_map(both).flatten().map(|(name, _)| name)
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
