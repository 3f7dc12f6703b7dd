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
//! All are f32, row-major. The resolved spec stands as JSON in the metadata of .safetensors (key `spec`) and as bytes
//! (u8) in the array `spec` of .npz.
use crate::spec::{Overrides, Spec};
use crate::weights::{Drawn, dense_layers, tensor_name};
use crate::{Failure, Result};
use npyz::WriterBuilder;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use shatterscope::network::{Network, Role};
use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::path::Path;

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
    /// Resolved spec as JSON.
    pub spec: Option<String>,
}

impl Bundle {
    /// The parameters of a network under their names.
    pub fn parameters(network: &Network, drawn: &Drawn) -> Self {
        let mut bundle = Self::default();
        for (dense, (weight, bias)) in dense_layers(network).iter().zip(&drawn.layers) {
            let name = tensor_name(dense);
            let (rows, columns) = (dense.fan_out as usize, dense.fan_in as usize);
            bundle.add(format!("{name}.weight"), vec![rows, columns], weight.clone());
            if dense.role != Role::Readout {
                let bias = if bias.is_empty() { vec![0.0; rows] } else { bias.clone() };
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
    /// A weight that is missing or has another shape, a bias of another length.
    pub fn drawn(&self, spec: &Spec) -> Result<Drawn> {
        let network = Network::Family(spec.network());
        let mut drawn = Drawn::default();
        for dense in dense_layers(&network) {
            let name = tensor_name(&dense);
            let (rows, columns) = (dense.fan_out as usize, dense.fan_in as usize);
            let weight = self.tensors.get(&format!("{name}.weight")).ok_or_else(|| {
                Failure::failed(format!("the weights lack {name}.weight [{rows}, {columns}], which the spec asks for"))
            })?;
            let vector = rows.min(columns) == 1 && weight.shape == [rows * columns];
            if weight.shape != [rows, columns] && !vector {
                let found = &weight.shape;
                return Err(Failure::failed(format!(
                    "{name}.weight is {found:?} in the file, the spec asks for [{rows}, {columns}]: give the spec it was made with"
                )));
            }
            let bias = match self.tensors.get(&format!("{name}.bias")) {
                Some(bias) if bias.shape != [rows] => {
                    let found = &bias.shape;
                    return Err(Failure::failed(format!("{name}.bias is {found:?} in the file, not [{rows}]")));
                }
                Some(_) if dense.role == Role::Readout => {
                    return Err(Failure::failed("readout.bias: the networks here have no bias at the readout"));
                }
                // The stem has a bias by definition; zeros elsewhere are none.
                Some(bias) if dense.role == Role::Stem || bias.data.iter().any(|&b| b != 0.0) => bias.data.clone(),
                None if dense.role == Role::Stem => vec![0.0; rows],
                _ => Vec::new(),
            };
            drawn.layers.push((weight.data.clone(), bias));
        }
        // Either every hidden layer has a bias or none: zeros where only some do.
        if drawn.hidden_bias() {
            let hidden = drawn.layers.len() - 1;
            for (weight, bias) in drawn.layers.iter_mut().take(hidden).skip(1) {
                if bias.is_empty() {
                    *bias = vec![0.0; weight.len() / spec.network().features() as usize];
                }
            }
        }
        Ok(drawn)
    }

    /// The spec that stands in the file.
    ///
    /// # Errors
    /// A spec that this version does not understand.
    pub fn overrides(&self) -> Result<Option<Overrides>> {
        match &self.spec {
            None => Ok(None),
            Some(text) => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| Failure::failed(format!("the spec inside the weights is not understood: {error}"))),
        }
    }

    /// The bytes of a .safetensors file.
    ///
    /// # Errors
    /// Tensors that the format does not hold.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let bytes: Vec<(&String, &Tensor, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name, tensor, tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let refused = |error| Failure::failed(format!("cannot write safetensors: {error}"));
        let views: Vec<_> = bytes
            .iter()
            .map(|(name, tensor, bytes)| Ok((*name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?)))
            .collect::<std::result::Result<_, _>>()
            .map_err(refused)?;
        let metadata = self.spec.as_ref().map(|spec| HashMap::from([("spec".to_owned(), spec.clone())]));
        safetensors::serialize(views, metadata).map_err(refused)
    }

    /// Reads the bytes of a .safetensors file.
    ///
    /// # Errors
    /// A broken file, or tensors that are not floats.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        let refused = |error| Failure::failed(format!("not a safetensors file: {error}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(refused)?;
        let spec = metadata.metadata().as_ref().and_then(|metadata| metadata.get("spec").cloned());
        let mut bundle = Self { spec, ..Self::default() };
        for (name, view) in SafeTensors::deserialize(bytes).map_err(refused)?.tensors() {
            let data = match view.dtype() {
                Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                Dtype::F64 => view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
                other => return Err(Failure::failed(format!("{name} is {other:?}: give f32 or f64"))),
            };
            bundle.add(name, view.shape().to_vec(), data);
        }
        Ok(bundle)
    }

    /// The bytes of an .npz file.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_npz(&self) -> Result<Vec<u8>> {
        let refused = |error| Failure::failed(format!("cannot write npz: {error}"));
        let mut archive = npyz::npz::NpzWriter::new(Cursor::new(Vec::new()));
        for (name, tensor) in &self.tensors {
            let shape: Vec<u64> = tensor.shape.iter().map(|&n| n as u64).collect();
            let builder = archive.array(name, Default::default()).map_err(refused)?;
            let mut writer = builder.default_dtype().shape(&shape).begin_nd().map_err(refused)?;
            writer.extend(tensor.data.iter().copied()).map_err(refused)?;
            writer.finish().map_err(refused)?;
        }
        if let Some(spec) = &self.spec {
            let builder = archive.array("spec", Default::default()).map_err(refused)?;
            let mut writer = builder.default_dtype().shape(&[spec.len() as u64]).begin_nd().map_err(refused)?;
            writer.extend(spec.bytes()).map_err(refused)?;
            writer.finish().map_err(refused)?;
        }
        let zip = archive.zip_writer().finish();
        zip.map(Cursor::into_inner).map_err(|error| Failure::failed(format!("cannot write npz: {error}")))
    }

    /// Reads the bytes of an .npz file; f8 arrays are rounded to f32.
    ///
    /// # Errors
    /// A broken file, or arrays that are not floats in C order.
    pub fn from_npz(bytes: &[u8]) -> Result<Self> {
        let refused = |error| Failure::failed(format!("not an npz file: {error}"));
        let mut archive = npyz::npz::NpzArchive::new(Cursor::new(bytes)).map_err(refused)?;
        let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
        let mut bundle = Self::default();
        for name in names {
            let Some(found) = archive.by_name(&name).map_err(refused)? else { continue };
            let shape: Vec<usize> = found.shape().iter().map(|&n| n as usize).collect();
            if found.order() != npyz::Order::C && shape.len() > 1 {
                return Err(Failure::failed(format!("{name} is in Fortran order: save np.ascontiguousarray of it")));
            }
            let dtype = found.dtype().descr();
            if name == "spec" {
                let bytes = found.into_vec::<u8>().map_err(refused)?;
                bundle.spec = String::from_utf8(bytes).ok();
            } else if dtype.contains("f8") {
                let data = found.into_vec::<f64>().map_err(refused)?;
                bundle.add(name, shape, data.into_iter().map(|x| x as f32).collect());
            } else if dtype.contains("f4") {
                let data = found.into_vec::<f32>().map_err(refused)?;
                bundle.add(name, shape, data);
            } else {
                return Err(Failure::failed(format!("{name} is {dtype}: give float32 or float64")));
            }
        }
        Ok(bundle)
    }

    /// Reads a file by its extension.
    ///
    /// # Errors
    /// A file that is not there, is broken, or has another extension.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|error| Failure::file(path, "cannot read the weights", error))?;
        let bundle = match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Self::from_safetensors(&bytes),
            Some("npz") => Self::from_npz(&bytes),
            _ => Err(Failure::usage("weights are read from .safetensors or .npz")),
        };
        bundle.map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error })
    }
}
