//! What no input may do: each check takes any bytes and panics where a promise is broken.
//!
//! `fuzz_targets/` hands them to libFuzzer; `tests/corpus.rs` replays the inputs that were found on the way, which stand in
//! `corpus/`.
mod checkpoint;
mod data;
mod device;
mod files;
mod frames;
mod graph;
mod line;
mod models;
mod native;
mod nets;
mod refused;
mod seeds;
mod serve;
mod specs;
mod tensors;

pub use checkpoint::checkpoint;
pub use data::data;
pub use device::device;
pub use files::files;
pub use frames::frames;
pub use graph::graph;
pub use models::{onnx, tflite};
pub use native::native;
pub use nets::nets;
pub use seeds::seeds;
pub use serve::serve;
pub use specs::specs;
pub use tensors::tensors;

/// A check of any input.
pub type Target = fn(&[u8]);

/// Every check and its name, which is that of its folder of inputs.
pub const TARGETS: [(&str, Target); 13] = [
    ("frames", frames),
    ("serve", serve),
    ("device", device),
    ("specs", specs),
    ("files", files),
    ("nets", nets),
    ("data", data),
    ("tensors", tensors),
    ("checkpoint", checkpoint),
    ("graph", graph),
    ("onnx", onnx),
    ("tflite", tflite),
    ("native", native),
];
