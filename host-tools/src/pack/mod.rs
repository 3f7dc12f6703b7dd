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
mod module;
mod net;

pub use net::{Entry, Net};

use crate::tensors::Bundle;
use crate::{Failure, Result};
use shatterscope::network::{Dense, Layer, Network, Role, Stored};
use std::path::Path;

/// A network and its parameters, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// Operations.
    pub layers: Vec<Layer>,
    /// Name, weight `[out][in]` and bias (empty for none) of each dense layer.
    pub tensors: Vec<(String, Vec<f32>, Vec<f32>)>,
}

impl Packed {
    /// Reads tensors (.safetensors or .npz) and the list of layers.
    ///
    /// # Errors
    /// A file that cannot be read; a tensor that is missing, of another shape than its neighbours want, or not finite; a
    /// list that is no network.
    pub fn read(model: &Path, net: &Path) -> Result<Self> {
        Self::of(&Bundle::read(model)?, &Net::read(net)?)
    }

    /// The same of what has been read.
    ///
    /// # Errors
    /// As [`Packed::read`].
    pub fn of(bundle: &Bundle, net: &Net) -> Result<Self> {
        let dense = net.layers.iter().filter(|entry| matches!(entry, Entry::Dense(_))).count() as u32;
        let (mut layers, mut tensors) = (Vec::new(), Vec::new());
        let mut units = None;
        for entry in &net.layers {
            let width = || units.ok_or_else(|| Failure::failed(format!("{entry}: the first layer must be dense")));
            let layer = match entry {
                Entry::Dense(name) => {
                    let layer = tensors.len() as u32 + 1;
                    let (shape, weight, bias) = parameters(bundle, name, units)?;
                    let role = match layer {
                        1 => Role::Stem,
                        last if last == dense => Role::Readout,
                        _ => Role::Hidden,
                    };
                    let made = Dense { role, layer, fan_in: shape.1, fan_out: shape.0, bias: !bias.is_empty() };
                    tensors.push((name.clone(), weight, bias));
                    Layer::Dense(made)
                }
                Entry::Relu => Layer::Relu { width: width()? },
                Entry::Crelu => Layer::Crelu { width: width()? },
                Entry::Centre => Layer::Centre { width: width()? },
                Entry::BatchNorm { eps } => Layer::BatchNorm { width: width()?, eps: *eps },
                Entry::Fork => Layer::Fork { width: width()? },
                Entry::Join { a, b } => Layer::Join { width: width()?, a: *a, b: *b },
            };
            units = Some(layer.shape().1);
            layers.push(layer);
        }
        let packed = Self { layers, tensors };
        packed.with_network(|network, parameters| {
            network.check()?;
            Stored::new(network, parameters).map(drop)
        })?;
        Ok(packed)
    }

    /// Lends the network and its parameters as the core takes them.
    ///
    /// # Errors
    /// What `run` returns.
    pub fn with_network<T>(
        &self,
        run: impl FnOnce(&Network, &[shatterscope::network::Parameters]) -> std::result::Result<T, shatterscope::Error>,
    ) -> Result<T> {
        let parameters: Vec<_> =
            self.tensors.iter().map(|(_, weight, bias)| shatterscope::network::Parameters { weight, bias }).collect();
        Ok(run(&Network::Layers(&self.layers), &parameters)?)
    }

    /// Bytes that the parameters take in flash.
    pub fn bytes(&self) -> usize {
        self.tensors.iter().map(|(_, weight, bias)| 4 * (weight.len() + bias.len())).sum()
    }

    /// The Rust module.
    pub fn module(&self, model: &str, net: &str) -> String {
        module::text(self, model, net)
    }
}

type Affine = ((u32, u32), Vec<f32>, Vec<f32>);

/// (out, in), weight and bias of a dense layer that follows `units` units.
fn parameters(bundle: &Bundle, name: &str, units: Option<u32>) -> Result<Affine> {
    let find = |part: &str| bundle.find(&format!("{name}.{part}"));
    let there = || bundle.tensors.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let weight = find("weight")?
        .ok_or_else(|| Failure::failed(format!("the model has no tensor {name}.weight; it has {}", there())))?;
    let &[rows, columns] = weight.shape.as_slice() else {
        return Err(Failure::failed(format!("{name}.weight is {:?}; a dense layer wants [out, in]", weight.shape)));
    };
    if let Some(units) = units.filter(|&units| units as usize != columns) {
        return Err(Failure::failed(format!("{name}.weight is [{rows}, {columns}] and stands behind {units} units")));
    }
    let bias = match find("bias")? {
        None => Vec::new(),
        Some(bias) if bias.shape == [rows] => bias.data.clone(),
        Some(bias) => return Err(Failure::failed(format!("{name}.bias is {:?}, not [{rows}]", bias.shape))),
    };
    for (part, data) in [("weight", &weight.data), ("bias", &bias)] {
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            return Err(Failure::failed(format!("{name}.{part} is {} at element {at}: it must be finite", data[at])));
        }
    }
    let size = |n: usize| u32::try_from(n).map_err(|_| Failure::failed(format!("{name}.weight is too large")));
    Ok(((size(rows)?, size(columns)?), weight.data.clone(), bias))
}
