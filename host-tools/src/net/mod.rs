//! Networks from a list of layers in TOML and a file of tensors.
//!
//! ```toml
//! input = [3, 32, 32]                        # channels, rows, columns; needed unless the first layer is dense
//! layers = [
//!   { conv = { name = "conv1", padding = 1 } },  # the tensors conv1.weight [out, in, rows, columns] and, if it is there, conv1.bias
//!   { batch-norm = "bn1" },                  # bn1.weight, bn1.bias, bn1.running_mean, bn1.running_var
//!   "relu",
//!   { max-pool = { kernel = 2 } },
//!   { dense = "fc" },
//! ]
//! ```
//!
//! A layer is an operation: its name, or a table of its name and its keys. A layer computes from the value of the one before it, or from
//! those that `input` or `inputs` names. [`Net::parse`] checks what the text alone can tell, [`assemble()`] finds the tensors and makes a
//! [`Network`](shatterscope_model::Network), which everything else is shared with.
mod assemble;
mod build;
pub mod infer;
mod keys;
mod operations;
mod parse;
mod tensors;

pub use assemble::{Assembled, Shapes, assemble};
pub use operations::names;
pub use parse::{Input, Layer, Net};
pub use tensors::listed;

use crate::tensors::Bundle;
use crate::{Failure, Result};
use shatterscope::plan::Want;
use std::path::Path;

/// Reads tensors (.safetensors or .npz) and the list of layers.
///
/// # Errors
/// A file that cannot be read; a list that is no network; a tensor that is missing, has another shape than its layer needs, or is not finite.
pub fn read(weights: &Path, net: &Path, shapes: &Shapes, want: Want) -> Result<Assembled> {
    let (bundle, list) = (Bundle::read(weights)?, Net::read(net)?);
    let within = |error: Failure| Failure { message: format!("{}: {error}", net.display()), ..error };
    assemble(&bundle, &list, shapes, want).map_err(within)
}
