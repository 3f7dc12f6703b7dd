//! Reads ONNX and TensorFlow Lite files: what comes out is checked, has static shapes, and everything that depends on constants alone is a
//! constant.
//!
//! [`read`] takes a file, [`onnx`] and [`tflite`] take bytes. Nothing in a file is believed: lengths are checked before memory is
//! allocated, what is made from constants is bounded by a multiple of the file's size, and external data is read from the model's folder alone.
mod builder;
mod error;
mod evaluate;
mod int8;
mod model;
#[path = "onnx/mod.rs"]
mod onnx_format;
mod operation;
mod options;
mod passes;
mod shape;
mod tensor;
#[path = "tflite/mod.rs"]
mod tflite_format;

/// The messages of ONNX's files, for tests that write some.
#[doc(hidden)]
pub mod messages {
    pub use crate::onnx_format::proto::*;
    pub use prost::Message;
}

pub use error::{Error, Result, Unsupported};
pub use int8::{Int8, Int8Function, Profile, Quantisation};
pub use model::{Format, Model, Node, Value, ValueId};
pub use onnx_format::{pb_name, pb_tensor};
pub use operation::{Operation, Order, PadMode, ReduceKind};
pub use options::Options;
pub use tensor::Tensor;

use std::path::Path;

/// Reads a model file. Its extension is `.onnx` or `.tflite`; with another one, the first bytes decide.
///
/// # Errors
/// A file that cannot be read, is in neither format, or has a network that this crate does not support.
pub fn read(path: &Path, options: &Options) -> Result<Model> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    // The file identifier of a flatbuffer is at its bytes 4 to 7.
    if extension.as_deref() == Some("tflite")
        || (extension.as_deref() != Some("onnx") && bytes.get(4..8) == Some(b"TFL3"))
    {
        return tflite(&bytes, options);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    onnx(&bytes, Some(folder), options)
}

/// Reads the bytes of an ONNX file. Without a folder, a tensor with external data is an error.
///
/// # Errors
/// Bytes that are not an ONNX model, or a network that this crate does not support.
pub fn onnx(bytes: &[u8], folder: Option<&Path>, options: &Options) -> Result<Model> {
    onnx_format::read(bytes, folder, options)
}

/// Reads the bytes of a TensorFlow Lite file.
///
/// # Errors
/// Bytes that are not a TensorFlow Lite model, or a network that this crate does not support.
pub fn tflite(bytes: &[u8], options: &Options) -> Result<Model> {
    tflite_format::read(bytes, options)
}
