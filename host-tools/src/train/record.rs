//! What another program needs to check a run, step by step: a .safetensors file for where it starts, and one a step.
//!
//! | file | tensor | shape | what |
//! |---|---|---|---|
//! | both | `I.weight`, `I.bias` | a layer's own | parameters of layer I, counted from 0; gamma and beta of a batch norm; the slopes of a PReLU |
//! | both | `I.running_mean`, `I.running_var` | `[c]` | of a batch norm |
//! | both | `velocity.I.weight` | as the parameter | state of momentum; `mean.` and `square.` of Adam |
//! | `step-K` | `inputs`, `labels` | `[n, c, h, w]`, `[n]` | the batch as the network sees it |
//! | `step-K` | `gradient.I.weight` | as the parameter | of the mean loss, before it is clipped |
//! | `step-K` | `loss`, `rate` | `[1]` | mean loss before the step, learning rate |
//!
//! `start.safetensors` has what stands before step K = 1 (or the next one, of a run that is gone on with), `step-K` what stands after it. All is
//! f32, row-major; labels are whole numbers. The metadata of the start have the document, key `spec`: spec, data, and the
//! resolved layers in their order.
use super::checkpoint::{PARAMETERS, RUNNING, named};
use super::{Batch, Model, Optimiser, Spec};
use crate::data::Provenance;
use crate::files::{is_there, write_all};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use serde_json::{Value, json};
use shatterscope::graph::Image;
use shatterscope::internals::op::Pool;
use shatterscope_layers::Layer;
use std::path::{Path, PathBuf};

/// The file of the start.
pub const START: &str = "start.safetensors";

const FORMAT: &str = "shatterscope-record-1";

/// Writes a record into a folder.
#[derive(Clone, Debug)]
pub struct Recorder {
    folder: PathBuf,
    image: Image,
    optimiser: Optimiser,
}

/// What a step was made of.
pub(super) struct Taken<'a> {
    pub batch: &'a Batch,
    /// Points of a tile of the batch.
    pub tile: usize,
    pub gradient: &'a [f32],
    pub rate: f32,
    pub loss: f32,
}

impl Recorder {
    /// Writes where a run starts.
    ///
    /// # Errors
    /// Wrong use: a folder that holds a record. Files that cannot be written.
    pub fn start(folder: &Path, image: Image, spec: &Spec, data: &Provenance, model: &Model) -> Result<Self> {
        if is_there(&folder.join(START))? {
            let folder = folder.display();
            return Err(Failure::usage(format!("{folder} holds the record of a run: give another folder")));
        }
        let recorder = Self { folder: folder.to_owned(), image, optimiser: spec.optimiser };
        let document = json!({
            "format": FORMAT,
            "contract": shatterscope::contract::CONTRACT,
            "spec": spec,
            "data": data,
            "step": model.step,
            "layers": model.layers.iter().map(layer).collect::<Vec<_>>(),
        });
        let bundle = Bundle { spec: Some(document.to_string()), ..recorder.model(model) };
        recorder.write(START.to_owned(), &bundle)?;
        Ok(recorder)
    }

    /// Writes a step, from the model after it.
    pub(super) fn step(&self, model: &Model, taken: &Taken<'_>) -> Result<()> {
        let Taken { batch, tile, gradient, rate, loss } = *taken;
        let mut bundle = self.model(model);
        add(&mut bundle, "gradient.", &model.layers, PARAMETERS, gradient.iter().copied());
        let Image { channels, height, width } = self.image;
        let [channels, height, width] = [channels, height, width].map(|n| n as usize);
        let units = channels * height * width;
        let of = |point: usize| {
            let first = point / tile * units * tile + point % tile;
            (0..units).map(move |unit| first + unit * tile)
        };
        let inputs = (0..batch.count).flat_map(of).map(|at| batch.inputs[at]).collect();
        let labels = batch.labels.iter().take(batch.count).map(|&label| label as f32).collect();
        bundle.add("inputs".to_owned(), vec![batch.count, channels, height, width], inputs);
        bundle.add("labels".to_owned(), vec![batch.count], labels);
        bundle.add("rate".to_owned(), vec![1], vec![rate]);
        bundle.add("loss".to_owned(), vec![1], vec![loss]);
        self.write(format!("step-{}.safetensors", model.step), &bundle)
    }

    fn model(&self, model: &Model) -> Bundle {
        let mut bundle = Bundle::default();
        add(&mut bundle, "", &model.layers, PARAMETERS, model.parameters.iter().copied());
        add(&mut bundle, "", &model.layers, RUNNING, model.running.iter().copied());
        let names: &[&str] = match self.optimiser {
            Optimiser::Sgd => &[],
            Optimiser::Momentum | Optimiser::Nesterov => &["velocity."],
            Optimiser::Adam => &["mean.", "square."],
        };
        for (i, name) in names.iter().enumerate() {
            let values = model.state.iter().copied().skip(i).step_by(names.len());
            add(&mut bundle, name, &model.layers, PARAMETERS, values);
        }
        bundle
    }

    fn write(&self, name: String, bundle: &Bundle) -> Result<()> {
        write_all(&self.folder, &[(name, bundle.to_safetensors()?)])?;
        Ok(())
    }
}

/// Adds values that stand in the order of the layers.
fn add(bundle: &mut Bundle, prefix: &str, layers: &[Layer], running: bool, mut values: impl Iterator<Item = f32>) {
    for (i, layer) in layers.iter().enumerate() {
        for (name, shape) in named(i, layer, running) {
            let len = shape.iter().product();
            bundle.add(format!("{prefix}{name}"), shape, values.by_ref().take(len).collect());
        }
    }
}

fn extents(image: Image) -> [u32; 3] {
    [image.channels, image.height, image.width]
}

/// One operation as a document.
fn layer(layer: &Layer) -> Value {
    let pooled = |kind: &str, pool: &Pool| {
        let window = pool.window;
        json!({
            "kind": kind, "input": extents(pool.input), "window": [window.height, window.width],
            "stride": window.stride, "padding": window.padding,
        })
    };
    match *layer {
        Layer::Dense { inputs, outputs, bias } => {
            json!({ "kind": "dense", "inputs": inputs, "outputs": outputs, "bias": bias })
        }
        Layer::Conv { conv, bias } => json!({
            "kind": "conv", "input": extents(conv.input), "channels": conv.channels,
            "window": [conv.window.height, conv.window.width],
            "stride": conv.window.stride, "padding": conv.window.padding, "bias": bias,
        }),
        Layer::Relu { units } => json!({ "kind": "relu", "units": units }),
        Layer::Prelu { image, slope } => json!({ "kind": "prelu", "input": extents(image), "slope": slope }),
        Layer::Crelu { image } => json!({ "kind": "crelu", "input": extents(image) }),
        Layer::BatchNorm { image, eps, momentum } => {
            json!({ "kind": "batch-norm", "input": extents(image), "eps": eps, "momentum": momentum })
        }
        Layer::AveragePool { ref pool } => pooled("average-pool", pool),
        Layer::MaxPool { ref pool } => pooled("max-pool", pool),
        Layer::Dropout { units, rate } => json!({ "kind": "dropout", "units": units, "rate": rate }),
        Layer::Fork { image } => json!({ "kind": "fork", "input": extents(image) }),
        Layer::Join { shortcut, a, b } => json!({
            "kind": "join", "kept": extents(shortcut.input), "channels": shortcut.channels,
            "stride": shortcut.stride, "a": a, "b": b,
        }),
    }
}
