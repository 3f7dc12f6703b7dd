//! Functions of single elements, and softmax.
use super::super::assemble::Assembler;
use super::super::operations::function;
use super::super::parse::Layer;
use super::{AXES, Made};
use shatterscope::graph::{Axis, Function, Op};

impl Assembler<'_> {
    pub fn element(&mut self, layer: &Layer) -> Made<u32> {
        let x = self.operand(layer)?;
        let op = match layer.operation {
            "relu" => Op::Relu,
            "relu6" => Op::Function { function: Function::Clip, a: 0.0, b: 6.0 },
            "crelu" => Op::Crelu,
            "sigmoid" => Op::Sigmoid,
            // PyTorch's defaults.
            "elu" => Op::Elu { alpha: layer.number("alpha")?.unwrap_or(1.0) },
            "dropout" => Op::Dropout { rate: layer.number("rate")?.unwrap_or(0.5) },
            "softmax" | "log-softmax" => {
                let axis = layer.word("axis", &AXES, Some(Axis::Channels))?;
                let log = layer.operation == "log-softmax";
                if axis == Axis::Rows {
                    return self.softmax_of_rows(x, log);
                }
                Op::Softmax { axis, log }
            }
            name => {
                let (function, (keys, defaults)) = function(name).ok_or("the operation has no nodes")?;
                let mut numbers = [0.0; 2];
                for (i, number) in numbers.iter_mut().enumerate() {
                    *number = match (keys.get(i), defaults[i]) {
                        (Some(key), Some(default)) => layer.number(key)?.unwrap_or(default),
                        (Some(key), None) => layer.needed_number(key)?,
                        (None, default) => default.unwrap_or_default(),
                    };
                }
                Op::Function { function, a: numbers[0], b: numbers[1] }
            }
        };
        self.push(op, x, x)
    }

    /// The core's softmax is along channels or columns.
    fn softmax_of_rows(&mut self, x: u32, log: bool) -> Made<u32> {
        let turn = Op::Transpose { channels: Axis::Channels, rows: Axis::Columns, columns: Axis::Rows };
        let x = self.push(turn, x, x)?;
        let y = self.push(Op::Softmax { axis: Axis::Columns, log }, x, x)?;
        self.push(turn, y, y)
    }
}
