//! How shattered the gradients of a user's model are: at examples, along a path between two, and by layer.
mod drawn;
mod figure;
mod layers;
mod path;
mod points;

pub use drawn::drawn;
pub use figure::Drawing;
pub use layers::Layer;
pub use path::Path;
pub use points::Points;

use super::{Examples, Network};
use crate::Result;
use shatterscope::Pass;
use shatterscope::exec::Isa;
use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope_engine::inspect::inspect;

/// Points of one batch.
const BATCH: usize = 32;

/// What the gradients are of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// One output.
    Output(usize),
    /// The cross entropy of the outputs, as logits, with the example's label.
    Loss,
    /// A sum of all outputs with standard normal weights of this seed, the same for every example.
    Random(u64),
}

/// Gradients at points.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// `[point][output]`
    pub outputs: Vec<f32>,
    /// `[point][input]`
    pub gradient: Vec<f32>,
    /// Inputs of a point.
    pub inputs: usize,
    /// Of every node.
    pub layers: Vec<Layer>,
}

/// Computes the gradients of all points; the labels are those of the examples.
///
/// # Errors
/// NaN or infinity, with the node.
pub fn gradients(network: &Network, examples: &Examples, of: Of, isa: Isa) -> Result<Gradients> {
    let inputs = examples.inputs.len() / examples.count.max(1);
    let mut looks = layers::Looks::new(network);
    let (mut outputs, mut gradient) = (Vec::new(), Vec::new());
    for (i, rows) in examples.inputs.chunks((BATCH * inputs).max(1)).enumerate() {
        let count = rows.len() / inputs.max(1);
        let labels = examples.labels.as_ref().map(|labels| &labels[i * BATCH..][..count]);
        let cotangent = |outputs: &[f32]| cotangents(outputs, count, labels, of);
        let weights = (&network.parameters[..], &network.running[..]);
        let mut look = |pass: Pass, node: u32, elements: &[f32]| looks.see(pass, node, elements, count);
        let (out, g) = inspect(&network.placed, weights, rows, &cotangent, isa, &mut look)?;
        outputs.extend(out);
        gradient.extend(g);
    }
    Ok(Gradients { outputs, gradient, inputs, layers: looks.layers() })
}

/// The gradients of the outputs, `[point][output]`.
fn cotangents(outputs: &[f32], count: usize, labels: Option<&[u32]>, of: Of) -> Vec<f32> {
    let units = outputs.len() / count.max(1);
    let mut all = Vec::with_capacity(outputs.len());
    for (point, row) in outputs.chunks_exact(units.max(1)).enumerate() {
        match of {
            Of::Output(output) => all.extend((0..units).map(|unit| if unit == output { 1.0 } else { 0.0 })),
            Of::Random(seed) => {
                let stream = Stream::new(seed, 0, Purpose::Noise, 1, Normal::As241);
                all.extend((0..units as u32).map(|unit| stream.value(0, unit)));
            }
            Of::Loss => {
                let label = labels.and_then(|labels| labels.get(point)).map_or(usize::MAX, |label| *label as usize);
                let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let exp: Vec<f64> = row.iter().map(|x| f64::from(x - most).exp()).collect();
                let sum: f64 = exp.iter().sum();
                all.extend(
                    exp.iter().enumerate().map(|(unit, e)| (e / sum - if unit == label { 1.0 } else { 0.0 }) as f32),
                );
            }
        }
    }
    all
}
