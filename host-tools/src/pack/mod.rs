//! A user's own network for flash: weights from a file of tensors and a list of layers, as a const Rust module.
//!
//! The list is TOML, its layers in the order of the data:
//!
//! ```toml
//! layers = [
//!   { dense = "fc1" },                     # fc1.weight [out, in], and fc1.bias [out] if it is there
//!   "relu",
//!   "fork",                                # kept for the next join
//!   { dense = "fc2" },
//!   { join = { a = 1.0, b = 0.5 } },       # a * kept + b * branch
//!   { batch-norm = { eps = 1e-5 } },       # of the points at hand, without learned scale
//!   "centre", "crelu",
//!   { dense = "head" },
//! ]
//! ```
//!
//! Numbers are rounded to f32; what f32 does not hold is refused. Tensors that no layer takes are named in [`Packed::unused`].
mod left_over;
pub mod model;
mod module;
mod net;
pub mod trained;

pub use left_over::listed;
pub use net::{Entry, Net};

use crate::tensors::Bundle;
use crate::{Failure, Result};
use shatterscope::Error;
use shatterscope::graph::{Builder, Node, Shape, Value};
use std::path::Path;

/// A network and its parameters, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// The nodes of the graph.
    pub nodes: Vec<Node>,
    /// Name, weight `[out][in]` and bias (empty for none) of each dense layer.
    pub tensors: Vec<(String, Vec<f32>, Vec<f32>)>,
    /// Names of the model's tensors that no layer takes.
    pub unused: Vec<String>,
}

impl Packed {
    /// Reads tensors (.safetensors or .npz) and the list of layers.
    ///
    /// # Errors
    /// A file that cannot be read; a tensor that is missing, of another shape than its neighbours want, or not finite; a
    /// list that is no network, or with a batch norm whose parameters the model has.
    pub fn read(model: &Path, net: &Path) -> Result<Self> {
        let (bundle, list) = (Bundle::read(model)?, Net::read(net)?);
        let within = |error: Failure| Failure { message: format!("{}: {error}", net.display()), ..error };
        Self::of(&bundle, &list).map_err(within)
    }

    /// The same of what has been read.
    ///
    /// # Errors
    /// As [`Packed::read`].
    pub fn of(bundle: &Bundle, net: &Net) -> Result<Self> {
        // One node a layer, but none for a fork, and one for the input.
        let mut nodes = vec![Node::EMPTY; net.layers.len() + 1];
        let mut builder = Builder::new(&mut nodes);
        let (mut tensors, mut kept): (Vec<_>, _) = (Vec::new(), None);
        let mut x: Option<Value> = None;
        for (i, entry) in net.layers.iter().enumerate() {
            // Counted as the nodes of trained networks are.
            let refused = |why: String| Failure::failed(format!("layer {i}.{entry}: {why}"));
            let operand = || x.ok_or_else(|| refused("the first layer must be dense".to_owned()));
            let value = match entry {
                Entry::Dense(name) => {
                    let units = x.map(|x| builder.shape(x).channels);
                    let ((outputs, inputs), weight, bias) = parameters(bundle, name, units).map_err(refused)?;
                    let x = x.unwrap_or_else(|| builder.input(Shape::vector(inputs)));
                    builder.layer(tensors.len() as u32 + 1);
                    let biased = !bias.is_empty();
                    tensors.push((name.clone(), weight, bias));
                    builder.dense(x, outputs, biased)
                }
                Entry::Relu => builder.relu(operand()?),
                Entry::Crelu => builder.crelu(operand()?),
                Entry::Centre => builder.centre(operand()?),
                Entry::BatchNorm { eps } => builder.normalise(operand()?, net::eps(*eps).map_err(refused)?),
                Entry::Fork => {
                    if kept.replace(operand()?).is_some() {
                        return Err(refused("the fork before it has no join yet: forks do not nest".to_owned()));
                    }
                    operand()?
                }
                Entry::Join { a, b } => {
                    let (a, b) = net::scales(*a, *b).map_err(refused)?;
                    let kept = kept.take().ok_or_else(|| refused("no fork stands before it".to_owned()))?;
                    let branch = operand()?;
                    let units = [kept, branch].map(|value| builder.shape(value).channels);
                    if units[0] != units[1] {
                        return Err(refused(format!(
                            "the fork kept {} units, and the branch has {}",
                            units[0], units[1]
                        )));
                    }
                    builder.add((kept, a), (branch, b))
                }
            };
            if let Some(error) = builder.error() {
                return Err(refused(why(error)));
            }
            x = Some(value);
        }
        let Some(output) = x else { return Err(Failure::failed("the list has no layers")) };
        if kept.is_some() {
            return Err(Failure::failed("a fork has no join: every fork needs one join"));
        }
        let len = builder.finish(&[output])?.len();
        nodes.truncate(len);
        let unused = left_over::names(bundle, net)?;
        Ok(Self { nodes, tensors, unused })
    }

    /// All parameters in the order of the nodes: weights, then biases of each.
    pub fn parameters(&self) -> Vec<f32> {
        self.tensors.iter().flat_map(|(_, weight, bias)| weight.iter().chain(bias)).copied().collect()
    }

    /// Bytes that the parameters take in flash.
    pub fn bytes(&self) -> usize {
        self.tensors.iter().map(|(_, weight, bias)| 4 * (weight.len() + bias.len())).sum()
    }

    /// The Rust module.
    ///
    /// # Errors
    /// Too little memory for its text.
    pub fn module(&self, model: &str, net: &str) -> Result<String> {
        module::text(self, model, net)
    }
}

/// The reason alone: a list is told the number of a layer, not of a node.
fn why(error: Error) -> String {
    match error {
        Error::InvalidNode { reason, .. } => Error::InvalidSpec(reason).to_string(),
        error => error.to_string(),
    }
}

type Affine = ((u32, u32), Vec<f32>, Vec<f32>);

/// (out, in), weight and bias of a dense layer that follows `units` units.
fn parameters(bundle: &Bundle, name: &str, units: Option<u32>) -> std::result::Result<Affine, String> {
    let find = |part: &str| bundle.find(&format!("{name}.{part}")).map_err(|error| error.message);
    let there = || listed(&bundle.tensors.keys().collect::<Vec<_>>());
    let weight = find("weight")?.ok_or_else(|| format!("the model has no tensor {name}.weight; it has {}", there()))?;
    let &[rows, columns] = weight.shape.as_slice() else {
        return Err(format!("{name}.weight is {:?}; a dense layer wants [out, in]", weight.shape));
    };
    let (Ok(outputs @ 1..), Ok(inputs @ 1..)) = (u32::try_from(rows), u32::try_from(columns)) else {
        return Err(format!("{name}.weight is [{rows}, {columns}]; both must be between 1 and {}", u32::MAX));
    };
    if let Some(units) = units.filter(|&units| units != inputs) {
        let turned = if units == outputs { ": transpose it" } else { "" };
        return Err(format!(
            "{name}.weight is [{rows}, {columns}] and stands behind {units} units; expected [out, {units}]{turned}"
        ));
    }
    let bias = match find("bias")? {
        None => Vec::new(),
        Some(bias) if bias.shape == [rows] => copy(&bias.data, &format!("{name}.bias"))?,
        Some(bias) => return Err(format!("{name}.bias is {:?}, not [{rows}]", bias.shape)),
    };
    for (part, data) in [("weight", &weight.data), ("bias", &bias)] {
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            return Err(format!("{name}.{part} is {} at element {at}: it must be finite", data[at]));
        }
    }
    Ok(((outputs, inputs), copy(&weight.data, &format!("{name}.weight"))?, bias))
}

/// A copy, or that there is no memory for it: what other threads reserve in the meantime was not known when the file was read.
fn copy(data: &[f32], name: &str) -> std::result::Result<Vec<f32>, String> {
    let mut own = Vec::new();
    let failed =
        |_| format!("there is no memory for the {} bytes of {name} beside the file: raise ulimit -v", 4 * data.len());
    own.try_reserve_exact(data.len()).map_err(failed)?;
    own.extend_from_slice(data);
    Ok(own)
}
