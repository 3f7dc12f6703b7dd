//! Pools and reductions.
use super::super::assemble::Assembler;
use super::super::parse::Layer;
use super::{AXES, Made};
use shatterscope::graph::{Axis, DilatedWindow, Op, Reduction};
use shatterscope_model::window;

impl Assembler<'_> {
    /// The window of a pool, whose stride is its size by default.
    fn pool(&self, layer: &Layer, x: u32) -> Made<DilatedWindow> {
        let one_row = self.shape(x).height == 1;
        let kernel =
            layer.pair("kernel", one_row, 1)?.ok_or("it needs the key kernel, a whole number or [rows, columns]")?;
        self.window_of(layer, kernel, one_row, kernel)
    }

    pub fn max_pool(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let window = self.pool(layer, x)?;
        let plain = layer.operation == "max-pool";
        self.push(if plain { window::max_pool(window) } else { Op::DilatedMaxPool { window } }, x, x)
    }

    pub fn average_pool(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let window = self.pool(layer, x)?;
        // PyTorch's default of count_include_pad.
        let whole = layer.flag("count-padding", true)?;
        let plain = layer.operation == "average-pool";
        let op = if plain { window::average_pool(window, whole) } else { Op::DilatedAveragePool { window, whole } };
        self.push(op, x, x)
    }

    pub fn reduce(&mut self, layer: &Layer) -> Made<u32> {
        const WORDS: [(&str, Reduction); 3] =
            [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("max", Reduction::Max)];
        let x = self.operand(layer)?;
        let (reduction, axes) = match layer.operation {
            "global-average-pool" => (Reduction::Mean, vec![Axis::Rows, Axis::Columns]),
            "global-max-pool" => (Reduction::Max, vec![Axis::Rows, Axis::Columns]),
            _ => (layer.word("reduction", &WORDS, None)?, layer.words("axes", &AXES)?),
        };
        let bit = |axis: Axis| if axes.contains(&axis) { 1 << axis as u32 } else { 0 };
        let axes = bit(Axis::Channels) | bit(Axis::Rows) | bit(Axis::Columns);
        self.push(Op::Reduce { reduction, axes }, x, x)
    }
}
