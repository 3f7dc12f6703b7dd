//! The values of a node in a file.
use super::{Placed, Prediction};
use crate::files::{Destination, refuse_input};
use crate::tensors::Bundle;
use crate::{Failure, Result};
use std::path::{Path, PathBuf};

/// The name of the array.
const VALUES: &str = "values";

/// A file for values, which is tried before they are computed.
#[derive(Debug)]
pub struct ValuesFile(Destination);

impl ValuesFile {
    /// Opens it.
    ///
    /// # Errors
    /// Wrong use: a name that does not end in .npz, a file that is read. A file that cannot be written.
    pub fn open(path: &Path, inputs: &[PathBuf]) -> Result<Self> {
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
            return Err(Failure::usage(format!(
                "--out {}: values are written as .npz: give such a file",
                path.display()
            )));
        }
        refuse_input(path, &inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        Destination::open(path).map(Self)
    }

    /// Writes values, `[example][unit]`, of examples of this shape.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, prediction: Prediction, shape: &[usize]) -> Result<()> {
        let mut bundle = Bundle::default();
        let examples = prediction.outputs.len() / shape.iter().product::<usize>().max(1);
        bundle.add(VALUES.to_owned(), [&[examples], shape].concat(), prediction.outputs);
        self.0.write(&bundle.to_npz()?)
    }
}

/// The extents of a node's value: channels, rows and columns of an image, units of a vector.
pub fn shape(placed: &Placed, node: u32) -> Vec<usize> {
    let Some(node) = placed.nodes.get(node as usize) else { return Vec::new() };
    let image = node.shape.image();
    let extents = [image.channels, image.height, image.width].map(|extent| extent as usize);
    if image.plane() == 1 { vec![extents[0]] } else { extents.to_vec() }
}
