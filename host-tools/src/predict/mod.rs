//! Inference: a trained network, or its part up to a node, on the test part of its data, here and on devices.
mod device;
mod values;

pub use device::{Remote, Report};
pub use values::{ValuesFile, shape};

use crate::data::{Dataset, Inputs, Loader};
use crate::train::{Checkpoint, load};
use crate::{Failure, Result, text};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::train::correct_count;
pub use shatterscope_engine::Placed;
pub use shatterscope_engine::predict::{predict, predict_at};
use std::path::Path;

/// The failure of a folder without a checkpoint.
pub fn no_checkpoint(from: &Path) -> Failure {
    let is_file = from.exists() && !from.is_dir();
    let from = from.display();
    if is_file {
        return Failure::usage(format!("{from} is no folder: give the folder that train --out wrote"));
    }
    Failure::usage(format!("{from} holds no checkpoint: write one with train --out {from}"))
}

/// The test part of a set, as a network sees it.
#[derive(Clone, Debug)]
pub struct Examples {
    /// `[example][unit]`
    pub inputs: Vec<f32>,
    /// One for each example.
    pub labels: Vec<u32>,
}

impl Examples {
    /// The test part, scaled as for the training of a checkpoint.
    ///
    /// # Errors
    /// Data that are not those of the checkpoint.
    pub fn test(data: &Dataset, checkpoint: &Checkpoint) -> Result<Self> {
        let inputs = Inputs::of(data, checkpoint.spec.scaling);
        let loader = Loader::test(data, &inputs)?;
        let numbers: Vec<u32> = (0..data.test.len() as u32).collect();
        let all = load(&loader, &numbers, 1)?;
        Ok(Self { inputs: all.inputs, labels: all.labels })
    }
}

/// The node of a name that the user typed.
///
/// # Errors
/// Wrong use: no node has exactly this name; all names.
pub fn node_of(placed: &Placed, name: &str) -> Result<u32> {
    placed.names().find(name).ok_or_else(|| {
        let (name, all) = (text::visible(name), placed.names().all_shown().join(", "));
        Failure::usage(format!("--at {name}: the network has no node of this name; its nodes are {all}"))
    })
}

/// The outputs of a trained network, or the values of one of its nodes.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// `[example][class]`; of a node `[example][unit]`.
    pub outputs: Vec<f32>,
    /// Of the outputs.
    pub digest: Digest,
    /// Examples whose class was found; None for the values of a node, which have no classes.
    pub correct: Option<u32>,
}

impl Prediction {
    /// Computes the outputs of all examples on this machine, in batches of `batch`.
    ///
    /// # Errors
    /// NaN or infinity, with the node.
    pub fn new(checkpoint: &Checkpoint, placed: &Placed, examples: &Examples, batch: u32, isa: Isa) -> Result<Self> {
        let model = &checkpoint.model;
        let outputs = predict(placed, (&model.parameters, &model.running), &examples.inputs, batch, isa)?;
        let classes = outputs.len() / examples.labels.len().max(1);
        let mut correct = 0;
        for (output, label) in outputs.chunks_exact(classes.max(1)).zip(&examples.labels) {
            correct += correct_count(output, (classes, 1), std::slice::from_ref(label))?;
        }
        Ok(Self { digest: Digest::of(&outputs), outputs, correct: Some(correct) })
    }

    /// The same of the value of a node: the nodes after it are not computed.
    ///
    /// # Errors
    /// As [`Prediction::new`]; a node that does not exist.
    pub fn at(
        node: u32,
        checkpoint: &Checkpoint,
        placed: &Placed,
        examples: &Examples,
        batch: u32,
        isa: Isa,
    ) -> Result<Self> {
        let model = &checkpoint.model;
        let of = (&model.parameters[..], &model.running[..]);
        let outputs = predict_at((placed, node), of, &examples.inputs, batch, isa)?;
        Ok(Self { digest: Digest::of(&outputs), outputs, correct: None })
    }
}
