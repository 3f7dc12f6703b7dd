//! Tensors of a run as .safetensors and .npz, and back.
//!
//! | name | shape | what |
//! |---|---|---|
//! | `stem.weight`, `stem.bias` | `[N, 1]`, `[N]` | from the input |
//! | `hidden.L.weight`, `hidden.L.bias` | `[N, fan_in]`, `[N]` | layer L = 2 .. depth; fan_in is 2N under CReLU |
//! | `readout.weight` | `[1, fan_in]` | to the output |
//! | `grid` | `[M]` | x |
//! | `outputs`, `gradient` | `[M]` | f(x), df/dx |
//!
//! All are f32, row-major. The resolved spec is stored as JSON in the metadata of .safetensors (key `spec`) and as bytes
//! (u8) in the array `spec` of .npz; beside it, key or array `digest`, [`digest::of`] all that the file holds.
pub mod digest;
pub mod npy;
pub mod npz;
mod safetensors;

use crate::spec::{Overrides, Spec};
use crate::weights::{Drawn, dense_layers, tensor_name};
use crate::{Failure, Result};
use shatterscope::internals::weights::{Dense, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most bytes of a file of tensors: 2^32 - 1 parameters are counted, and f64 is read, too.
pub const MOST: u64 = 64 << 30;

/// The names of the spec and of the digest in files.
const SPEC: &str = "spec";
const DIGEST: &str = "digest";

/// An f32 tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extents, slowest first.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub data: Vec<f32>,
}

/// Named tensors with the spec they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// By name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names of what is there and is no tensor of floats, with the reason; refused where it is asked for.
    pub others: BTreeMap<String, String>,
    /// Resolved spec as JSON.
    pub spec: Option<String>,
}

impl Bundle {
    /// The parameters of a network under their names.
    pub fn parameters(drawn: &Drawn) -> Self {
        let mut bundle = Self::default();
        for (dense, weight, bias) in drawn.layers() {
            let name = tensor_name(dense);
            let (rows, columns) = (dense.fan_out as usize, dense.fan_in as usize);
            bundle.add(format!("{name}.weight"), vec![rows, columns], weight.to_vec());
            if dense.role != Role::Readout {
                let bias = if bias.is_empty() { vec![0.0; rows] } else { bias.to_vec() };
                bundle.add(format!("{name}.bias"), vec![rows], bias);
            }
        }
        bundle
    }

    /// Adds a tensor.
    pub fn add(&mut self, name: String, shape: Vec<usize>, data: Vec<f32>) {
        self.tensors.insert(name, Tensor { shape, data });
    }

    /// The parameters of a spec's network, in the order of its layers; biases may be missing.
    ///
    /// # Errors
    /// A weight that is missing or has another shape, a bias of another length, a value that is not finite.
    pub fn drawn(&self, spec: &Spec) -> Result<Drawn> {
        spec.check()?;
        let mut found = Vec::new();
        for dense in dense_layers(&spec.network())? {
            found.push((self.weight(&dense)?, self.bias(&dense)?));
        }
        // Either every hidden layer has a bias or none: zeros where only some do.
        let hidden = found.len() - 1;
        let biased = found.iter().take(hidden).skip(1).any(|(_, bias)| !bias.is_empty());
        let bias_std = if biased { 1.0 } else { 0.0 };
        let mut drawn = Drawn::zeros(&shatterscope::spec::Spec { bias_std, ..spec.network() })?;
        for ((_, weight, bias), (weight_found, bias_found)) in drawn.layers_mut().into_iter().zip(found) {
            weight.copy_from_slice(weight_found);
            bias.iter_mut().zip(bias_found).for_each(|(bias, found)| *bias = *found);
        }
        Ok(drawn)
    }

    /// The weights of a layer.
    fn weight(&self, dense: &Dense) -> Result<&[f32]> {
        let name = tensor_name(dense);
        let (rows, columns) = (dense.fan_out as usize, dense.fan_in as usize);
        let weight = self.find(&format!("{name}.weight"))?.ok_or_else(|| {
            Failure::failed(format!("the weights lack {name}.weight [{rows}, {columns}], which the spec asks for"))
        })?;
        let vector = rows.min(columns) == 1 && weight.shape == [rows * columns];
        if weight.shape != [rows, columns] && !vector {
            let found = &weight.shape;
            let turned = if *found == [columns, rows] { " (weights are [out, in]: transpose it)" } else { "" };
            return Err(Failure::failed(format!(
                "{name}.weight is {found:?} in the file, the spec asks for [{rows}, {columns}]: give the spec it was made with{turned}"
            )));
        }
        finite(&format!("{name}.weight"), &weight.data)
    }

    /// The biases of a layer; none where all are zeros or the file has none.
    fn bias(&self, dense: &Dense) -> Result<&[f32]> {
        let (name, rows) = (tensor_name(dense), dense.fan_out as usize);
        match self.find(&format!("{name}.bias"))? {
            Some(bias) if bias.shape != [rows] => {
                let found = &bias.shape;
                Err(Failure::failed(format!("{name}.bias is {found:?} in the file, not [{rows}]")))
            }
            Some(_) if dense.role == Role::Readout => {
                Err(Failure::failed("readout.bias: the networks here have no bias at the readout"))
            }
            Some(bias) if bias.data.iter().any(|&b| b != 0.0) => finite(&format!("{name}.bias"), &bias.data),
            _ => Ok(&[]),
        }
    }

    /// Names of what a spec's network does not use, but for the grid and the results that `export` writes beside its parameters.
    ///
    /// # Errors
    /// A spec that cannot be run.
    pub fn unused(&self, spec: &Spec) -> Result<Vec<&str>> {
        let used: BTreeSet<String> = dense_layers(&spec.network())?
            .map(|dense| tensor_name(&dense))
            .flat_map(|name| ["weight", "bias"].map(|part| format!("{name}.{part}")))
            .chain(["grid", "outputs", "gradient"].map(String::from))
            .collect();
        let all: BTreeSet<&str> = self.tensors.keys().chain(self.others.keys()).map(String::as_str).collect();
        Ok(all.into_iter().filter(|name| !used.contains(*name)).collect())
    }

    /// The spec that is stored in the file.
    ///
    /// # Errors
    /// A spec that this version does not understand.
    pub fn overrides(&self) -> Result<Option<Overrides>> {
        match &self.spec {
            None => match self.others.get(SPEC) {
                None => Ok(None),
                Some(why) => Err(Failure::failed(format!("the spec inside the weights cannot be read: spec {why}"))),
            },
            Some(text) => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| Failure::failed(format!("the spec inside the weights is not understood: {error}"))),
        }
    }

    /// Whether a tensor of this name is there, of any kind.
    pub fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name) || self.others.contains_key(name)
    }

    /// The tensor of a name, None where there is none.
    ///
    /// # Errors
    /// One that is there and cannot be used, with the reason.
    pub fn find(&self, name: &str) -> Result<Option<&Tensor>> {
        match self.others.get(name) {
            Some(why) => Err(Failure::failed(format!("{} {why}", crate::text::visible(name)))),
            None => Ok(self.tensors.get(name)),
        }
    }

    /// The first value that is NaN or infinite, and where.
    pub fn not_finite(&self) -> Option<String> {
        self.tensors.iter().find_map(|(name, tensor)| not_finite(name, &tensor.data))
    }

    /// The bytes of a .safetensors file, with a digest of all of it.
    ///
    /// # Errors
    /// Tensors that the format does not hold.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        safetensors::write(self)
    }

    /// Reads the bytes of a .safetensors file.
    ///
    /// # Errors
    /// A broken file; one whose digest, if it has one, is not that of its tensors.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        verified(safetensors::parse(bytes)?)
    }

    /// The same of a file that this program wrote: the digest has to be there, and nothing besides what it covers.
    ///
    /// # Errors
    /// As [`Bundle::from_safetensors`]; a file without a digest.
    pub fn from_own_safetensors(bytes: &[u8]) -> Result<Self> {
        let (bundle, stated) = safetensors::parse(bytes)?;
        if let Some((name, why)) = bundle.others.iter().next() {
            return Err(Failure::failed(format!("the file is damaged: {} {why}", crate::text::visible(name))));
        }
        match stated {
            None => Err(Failure::failed("the file is damaged: its metadata lack the digest")),
            Some(stated) => digest::verify(&bundle, &stated, true).map(|()| bundle),
        }
    }

    /// The bytes of an .npz file, with a digest of all of it; the same at every call.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_npz(&self) -> Result<Vec<u8>> {
        npz::write(self)
    }

    /// Reads the bytes of an .npz file; f8 arrays are rounded to f32.
    ///
    /// # Errors
    /// A broken file; one whose digest, if it has one, is not that of its arrays.
    pub fn from_npz(bytes: &[u8]) -> Result<Self> {
        verified(npz::parse(bytes)?)
    }

    /// Reads a file by its extension, in any case.
    ///
    /// # Errors
    /// A file that is not there, is broken, or has another extension.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = crate::read::bytes(path, "cannot read the weights", MOST)?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let bundle = match extension.to_ascii_lowercase().as_str() {
            "safetensors" => Self::from_safetensors(&bytes),
            "npz" => Self::from_npz(&bytes),
            _ => Err(Failure::usage("weights are read from .safetensors or .npz: give such a file")),
        };
        bundle.map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error })
    }
}

/// A bundle whose digest, if it states one, is its own.
fn verified((bundle, stated): (Bundle, Option<String>)) -> Result<Bundle> {
    if let Some(stated) = stated {
        digest::verify(&bundle, &stated, false)?;
    }
    Ok(bundle)
}

/// Refuses a tensor with NaN or infinity.
fn finite<'a>(name: &str, data: &'a [f32]) -> Result<&'a [f32]> {
    match not_finite(name, data) {
        Some(place) => Err(Failure::failed(format!("{place}: the file is damaged, or of a run that diverged"))),
        None => Ok(data),
    }
}

/// The first element that is NaN or infinite, in words.
pub(crate) fn not_finite(name: &str, data: &[f32]) -> Option<String> {
    let at = data.iter().position(|x| !x.is_finite())?;
    Some(format!("{} is {} at element {at}", crate::text::visible(name), data[at]))
}

/// Adds numbers to `data`, rounded to f32; or says why they cannot be.
fn narrow(data: &mut Vec<f32>, wide: impl Iterator<Item = f64>) -> std::result::Result<(), String> {
    for x in wide {
        if x.is_finite() && !(x as f32).is_finite() {
            return Err(format!("is {x:e} at element {}, beyond what f32 holds: scale it down", data.len()));
        }
        data.push(x as f32);
    }
    Ok(())
}
