//! Norms.
use super::extents::{image, of, product};
use super::{Lower, Lowered};
use shatterscope::graph::{Op, Pair, Shape};
use shatterscope_import::ValueId;

/// The weight of a new batch in the running statistics, if the network is trained: PyTorch's default.
const MOMENTUM: f32 = 0.1;

impl Lower<'_> {
    pub(super) fn batch_norm(&mut self, inputs: &[ValueId], eps: f32) -> Lowered<u32> {
        let dims = self.image_dims(inputs[0])?;
        let shape = of(dims[0], 1, 1).and_then(|vector| if dims.len() == 1 { Ok(vector) } else { wide(dims) })?;
        let part = |i: usize, what: &str| self.constant(inputs[i], what).map(|(_, data)| data);
        let parameters = [part(1, "its scales")?, part(2, "its biases")?].concat();
        let running = [part(3, "its means")?, part(4, "its variances")?].concat();
        let x = self.at(inputs[0])?;
        let x = self.view(x, shape)?;
        self.push_with(Op::BatchNorm { eps, momentum: MOMENTUM }, (x, x), &parameters, &running)
    }

    /// Over groups of channels of one image; without a number of groups each channel is one.
    pub(super) fn group_norm(&mut self, inputs: &[ValueId], groups: Option<usize>, eps: f32) -> Lowered<u32> {
        let dims = self.image_dims(inputs[0])?;
        let (shape, groups) = (wide(dims)?, groups.unwrap_or(dims[0]) as u32);
        let part = |i: usize, what: &str| self.constant(inputs[i], what).map(|(_, data)| data);
        let parameters = [part(1, "its scales")?, part(2, "its biases")?].concat();
        let x = self.at(inputs[0])?;
        let x = self.view(x, shape)?;
        self.push(Op::GroupNorm { groups, eps }, x, x, &parameters)
    }

    pub(super) fn layer_norm(&mut self, inputs: &[ValueId], axis: usize, eps: f32) -> Lowered<u32> {
        let dims = self.dims(inputs[0]);
        let axis = self.axis(axis);
        let (rows, units) = (product(&dims[..axis]), product(&dims[axis..]));
        let spread = |data: &[f32]| match data {
            [one] => vec![*one; units],
            data => data.to_vec(),
        };
        let scale = spread(self.constant(inputs[1], "its scales")?.1);
        let bias = match inputs.get(2) {
            Some(&bias) => spread(self.constant(bias, "its biases")?.1),
            None => vec![0.0; units],
        };
        if scale.len() != units || bias.len() != units {
            return Err(format!("it has {} scales and {} biases for {units} units", scale.len(), bias.len()));
        }
        let x = self.at(inputs[0])?;
        if rows == 1 {
            let x = self.view(x, Shape::vector(units as u32))?;
            return self.push(Op::GroupNorm { groups: 1, eps }, x, x, &[scale, bias].concat());
        }
        let x = self.view(x, of(rows, 1, units)?)?;
        let ones = [vec![1.0; rows], vec![0.0; rows]].concat();
        let x = self.push(Op::GroupNorm { groups: rows as u32, eps }, x, x, &ones)?;
        let row = of(1, 1, units)?;
        let scale = self.constant_from(row, 1.0, &scale)?;
        let x = self.pair(Pair::Multiply, x, scale)?;
        let bias = self.constant_from(row, 0.0, &bias)?;
        self.pair(Pair::Add, x, bias)
    }
}

/// Channels and everything behind them.
fn wide(dims: &[usize]) -> Lowered<Shape> {
    match dims {
        [_, _] | [_, _, _] => image(dims),
        [channels, rest @ ..] => of(*channels, 1, product(rest)),
        [] => Err("its operand is a scalar".to_owned()),
    }
}
