//! The outputs of a model: files, and the largest of each example.
use super::Network;
use crate::files::Destination;
use crate::tensors::{npy, npz};
use crate::{Failure, Result};
use serde_json::{Value, json};
use shatterscope::contract::Digest;
use std::fmt::Write;
use std::path::Path;

/// One output of all examples.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Of one example.
    pub shape: Vec<usize>,
    /// `[example][unit]`; integers where they are of int8.
    pub data: Vec<f32>,
    /// Whether the elements are of int8.
    pub int8: bool,
}

/// The outputs of all examples.
#[derive(Clone, Debug)]
pub struct Results {
    /// Each output.
    pub outputs: Vec<Output>,
    /// How many examples.
    pub count: usize,
    /// Of the outputs as the core gives them: of each example all outputs in the order of the nodes.
    pub digest: Digest,
}

impl Results {
    /// From what the core computes: of each example all outputs in the order of the nodes. Outputs of int8 become numbers if `real`.
    ///
    /// # Errors
    /// None for outputs of this network.
    pub fn new(network: &Network, count: usize, all: &[f32], real: bool) -> Result<Self> {
        let graph = network.placed.graph()?;
        let units = |node: u32| graph.words(node) as usize;
        let mut begins = std::collections::BTreeMap::new();
        let mut len = 0;
        for node in graph.outputs() {
            begins.insert(node, len);
            len += units(node);
        }
        let of = |port: &super::Port| {
            let from = begins.get(&port.node).copied().unwrap_or(0);
            let words = (0..count).map(|example| &all[example * len + from..][..port.words()]);
            let data = match port.int8 {
                None => words.flatten().copied().collect(),
                Some(scale) => words
                    .flat_map(|words| bytes(words).take(port.elements()))
                    .map(|byte| if real { scale.number(byte) } else { f32::from(byte) })
                    .collect(),
            };
            let int8 = port.int8.is_some() && !real;
            Output { name: port.name.clone(), shape: port.shape.clone(), data, int8 }
        };
        let outputs = network.outputs.iter().map(of).collect();
        Ok(Self { outputs, count, digest: Digest::of_bits(all) })
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
                let output = one()?;
                npy::write(output.descr(), &shape(&output.shape), &output.bytes())
            }
            "csv" => {
                let output = one()?;
                let mut text = String::new();
                for row in output.data.chunks_exact(output.shape.iter().product::<usize>().max(1)) {
                    let row: Vec<String> = row.iter().map(f32::to_string).collect();
                    let _ = writeln!(text, "{}", row.join(","));
                }
                text.into_bytes()
            }
            "npz" => {
                let arrays = self.outputs.iter().map(|output| {
                    let array = npy::write(output.descr(), &shape(&output.shape), &output.bytes());
                    (output.name.as_str(), array)
                });
                npz::of_arrays(arrays)?
            }
            "json" => {
                let all: Vec<Value> = self
                    .outputs
                    .iter()
                    .map(|Output { name, shape: own, data, int8 }| match int8 {
                        true => {
                            let data: Vec<i32> = data.iter().map(|&x| x as i32).collect();
                            json!({ "name": name, "shape": shape(own), "data": data })
                        }
                        false => json!({ "name": name, "shape": shape(own), "data": data }),
                    })
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

impl Output {
    /// The element type, as .npy has it.
    const fn descr(&self) -> &'static str {
        if self.int8 { "|i1" } else { "<f4" }
    }

    fn bytes(&self) -> Vec<u8> {
        match self.int8 {
            true => self.data.iter().map(|&x| (x as i8).cast_unsigned()).collect(),
            false => self.data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// The bytes of the core's words.
fn bytes(words: &[f32]) -> impl Iterator<Item = i8> {
    words.iter().flat_map(|word| word.to_bits().to_le_bytes().map(u8::cast_signed))
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
