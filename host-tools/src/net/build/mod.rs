//! The nodes of each layer.
mod affine;
mod elements;
mod movement;
mod norms;
mod pairs;
mod windows;

use super::Layer;
use super::assemble::Assembler;
use shatterscope::graph::Axis;

/// The number of a node, or why it cannot be made.
type Made<T> = Result<T, String>;

/// The names of axes.
const AXES: [(&str, Axis); 3] = [("channels", Axis::Channels), ("rows", Axis::Rows), ("columns", Axis::Columns)];

impl Assembler<'_> {
    /// The nodes of a layer; returns the last of them.
    pub fn layer(&mut self, layer: &Layer) -> Made<u32> {
        match layer.operation {
            "dense" => self.dense(layer),
            "conv" | "grouped-conv" | "taps-first-conv" => self.conv(layer),
            "prelu" => self.prelu(layer),
            "constant" => self.constant(layer),
            "batch-norm" | "normalise" | "centre" => self.batch_norm(layer),
            "group-norm" => self.group_norm(layer),
            "layer-norm" => self.layer_norm(layer),
            "max-pool" | "dilated-max-pool" => self.max_pool(layer),
            "average-pool" | "dilated-average-pool" => self.average_pool(layer),
            "global-average-pool" | "global-max-pool" | "reduce" => self.reduce(layer),
            "flatten" | "reshape" => self.reshape(layer),
            "transpose" => self.transpose(layer),
            "slice" => self.slice(layer),
            "pad" => self.pad(layer),
            "expand" => self.expand(layer),
            "resize" => self.resize(layer),
            "upsample" => self.upsample(layer),
            "shortcut" => self.shortcut(layer),
            "fork" => self.fork(layer),
            "join" => self.join(layer),
            "add" => self.add(layer),
            "subtract" | "multiply" | "divide" | "maximum" | "minimum" => self.pairwise(layer),
            "concat" => self.concat(layer),
            "matmul" => self.matmul(layer),
            _ => self.element(layer),
        }
    }
}
