//! The outputs of a model: files, and the largest of each example.
use super::Network;
use crate::files::Destination;
use crate::tensors::{Bundle, npy};
use crate::{Failure, Result};
use serde_json::{Value, json};
use shatterscope::contract::Digest;
use std::fmt::Write;
use std::path::Path;

/// The outputs of all examples.
#[derive(Clone, Debug)]
pub struct Results {
    /// Each output by its name, with the shape of one example and `[example][unit]`.
    pub outputs: Vec<(String, Vec<usize>, Vec<f32>)>,
    /// How many examples.
    pub count: usize,
    /// Of the outputs as the core gives them: of each example all outputs in the order of the nodes.
    pub digest: Digest,
}

impl Results {
    /// From what the core computes: of each example all outputs in the order of the nodes.
    ///
    /// # Errors
    /// None for outputs of this network.
    pub fn new(network: &Network, count: usize, all: &[f32]) -> Result<Self> {
        let graph = network.placed.graph()?;
        let units = |node: u32| graph.node(node).and_then(|node| node.shape.units()).map_or(0, |units| units as usize);
        let mut begins = std::collections::BTreeMap::new();
        let mut len = 0;
        for node in graph.outputs() {
            begins.insert(node, len);
            len += units(node);
        }
        let of = |port: &super::Port| {
            let (from, units) = (begins.get(&port.node).copied().unwrap_or(0), port.elements());
            let data = (0..count).flat_map(|example| all[example * len + from..][..units].iter().copied()).collect();
            (port.name.clone(), port.shape.clone(), data)
        };
        let outputs = network.outputs.iter().map(of).collect();
        Ok(Self { outputs, count, digest: Digest::of(all) })
    }

    /// Writes the outputs: .npy and .csv of one output, .npz and .json of all by their names.
    ///
    /// # Errors
    /// Another extension, several outputs where the format holds one, a file that cannot be written.
    pub fn write(&self, path: &Path, to: &Destination) -> Result<()> {
        let shape = |own: &[usize]| [&[self.count], own].concat();
        let one = || match &self.outputs[..] {
            [output] => Ok(output),
            all => Err(Failure::usage(format!(
                "--out {}: the model has {} outputs: give a .npz or .json file",
                path.display(),
                all.len()
            ))),
        };
        let bytes = match extension(path).as_str() {
            "npy" => {
                let (_, own, data) = one()?;
                let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
                npy::write("<f4", &shape(own), &bytes)
            }
            "csv" => {
                let (_, own, data) = one()?;
                let mut text = String::new();
                for row in data.chunks_exact(own.iter().product::<usize>().max(1)) {
                    let row: Vec<String> = row.iter().map(f32::to_string).collect();
                    let _ = writeln!(text, "{}", row.join(","));
                }
                text.into_bytes()
            }
            "npz" => {
                let mut bundle = Bundle::default();
                for (name, own, data) in &self.outputs {
                    bundle.add(name.clone(), shape(own), data.clone());
                }
                bundle.to_npz()?
            }
            "json" => {
                let all: Vec<Value> = self
                    .outputs
                    .iter()
                    .map(|(name, own, data)| json!({ "name": name, "shape": shape(own), "data": data }))
                    .collect();
                let document = json!({ "output_digest": self.digest.to_string(), "outputs": all });
                serde_json::to_vec_pretty(&document).map_err(|error| Failure::failed(error.to_string()))?
            }
            _ => return Err(wrong(path)),
        };
        to.write(&bytes)
    }

    /// Refuses a file whose extension says no format.
    ///
    /// # Errors
    /// Wrong use.
    pub fn check(path: &Path) -> Result<()> {
        match extension(path).as_str() {
            "npy" | "npz" | "csv" | "json" => Ok(()),
            _ => Err(wrong(path)),
        }
    }
}

fn wrong(path: &Path) -> Failure {
    Failure::usage(format!("--out {}: outputs are written as .npy, .npz, .csv or .json", path.display()))
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// The largest `count` elements, the largest first; of equal ones the first.
pub fn top(outputs: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = outputs.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(count);
    all
}
