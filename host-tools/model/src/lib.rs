//! Model files as graphs of the core with their parameters: ONNX, TensorFlow Lite, and the native form, a .safetensors file whose metadata hold the
//! graph.
mod assembly;
mod lower;
mod native;
mod network;
mod records;
mod table;
pub mod window;

pub use assembly::Assembly;
pub use lower::lower;
pub use native::{KEY, from_safetensors, to_safetensors};
pub use network::{Network, Origin, Port, Scale};
pub use shatterscope_import::{Options, Profile, Tensor};
pub use table::{Row, rows};

use shatterscope::plan::Want;
use shatterscope_engine::{Failure, Result};
use std::path::Path;

/// The most bytes of a model file.
pub const MOST: u64 = 8 << 30;

/// Reads a model file by its extension: `.onnx`, `.tflite`, or `.safetensors` in the native form.
///
/// # Errors
/// A file that cannot be read or is damaged; all operations that are not supported, with their nodes' names; no memory.
pub fn read(path: &Path, options: &Options, want: Want) -> Result<Network> {
    let named = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("onnx" | "tflite") => {
            let length = std::fs::metadata(path).map_err(|error| Failure::file(path, "cannot read", error))?.len();
            if length > MOST {
                return Err(named(Failure::failed(format!("the file has {length} bytes: at most {MOST} are read"))));
            }
            let model =
                shatterscope_import::read(path, options).map_err(|error| named(Failure::failed(error.to_string())))?;
            lower(&model, want).map_err(named)
        }
        Some("safetensors") => {
            let bytes = std::fs::read(path).map_err(|error| Failure::file(path, "cannot read", error))?;
            from_safetensors(&bytes, want).map_err(named)
        }
        _ => Err(named(Failure::usage("models are read from .onnx, .tflite and .safetensors files: give such a file"))),
    }
}
