//! Products of matrices.
use super::extents::{of, product};
use super::{Lower, Lowered};
use shatterscope::graph::{Axis, Op, Shape, Window};
use shatterscope_import::{Order, ValueId};

/// The attributes of a Gemm.
pub(super) struct Gemm {
    /// alpha and beta.
    pub factors: [f32; 2],
    /// Whether `a` and `b` are transposed.
    pub turned: [bool; 2],
    pub order: Order,
}

impl Lower<'_> {
    pub(super) fn gemm(&mut self, inputs: &[ValueId], gemm: Gemm) -> Lowered<u32> {
        let Gemm { factors: [alpha, beta], turned: [trans_a, trans_b], order } = gemm;
        let (shape, b) = self.constant(inputs[1], "the elements of its second operand")?;
        let (terms, outputs) = if trans_b { (shape[1], shape[0]) } else { (shape[0], shape[1]) };
        // [out][in], as dense layers have it.
        let weight = |o: usize, k: usize| alpha * b[if trans_b { o * terms + k } else { k * outputs + o }];
        let weights: Vec<f32> = (0..outputs).flat_map(|o| (0..terms).map(move |k| weight(o, k))).collect();
        let dims = self.dims(inputs[0]);
        let rows = product(dims) / terms.max(1);
        let mut x = self.at(inputs[0])?;
        if trans_a {
            x = self.view(x, of(terms, 1, rows)?)?;
            x = self.turn(x, [Axis::Columns, Axis::Rows, Axis::Channels])?;
        }
        let c = inputs.get(2).map(|&c| self.constant(c, "the elements of its third operand")).transpose()?;
        // A bias is the same for all rows.
        let bias: Option<Vec<f32>> = match c {
            None => Some(Vec::new()),
            Some((_, c)) if c.len() == outputs => Some(c.iter().map(|c| beta * c).collect()),
            Some((_, [c])) => Some(vec![beta * c; outputs]),
            Some(_) => None,
        };
        let inside = order == Order::OfContract;
        let y = match &bias {
            Some(bias) if inside => self.rows_by_matrix(x, (rows, terms, outputs), &weights, bias)?,
            _ => self.rows_by_matrix(x, (rows, terms, outputs), &weights, &[])?,
        };
        match (bias, c) {
            (Some(bias), Some(_)) if !inside => {
                let (shape, of_bias) = match rows {
                    1 => (Shape::vector(outputs as u32), Shape::vector(outputs as u32)),
                    _ => (of(rows, 1, outputs)?, of(1, 1, outputs)?),
                };
                let y = self.view(y, shape)?;
                let bias = self.constant_from(of_bias, 0.0, &bias)?;
                self.pair(shatterscope::graph::Pair::Add, y, bias)
            }
            (None, Some((shape, c))) => {
                let c: Vec<f32> = c.iter().map(|c| beta * c).collect();
                let all = if shape.len() == 2 { (shape[0], shape[1]) } else { (1, shape[0]) };
                let y = self.view(y, of(rows, 1, outputs)?)?;
                let c = self.constant_node(of(all.0, 1, all.1)?, &c)?;
                self.pair(shatterscope::graph::Pair::Add, y, c)
            }
            _ => Ok(y),
        }
    }

    /// `y[row][o] = chain(bias[o]; weights[o][k] x[row][k])`: a dense layer for one row, else a convolution of one tap whose positions are rows.
    fn rows_by_matrix(
        &mut self,
        x: u32,
        (rows, terms, outputs): (usize, usize, usize),
        weights: &[f32],
        bias: &[f32],
    ) -> Lowered<u32> {
        let parameters = [weights, bias].concat();
        let channels = u32::try_from(outputs).map_err(|_| "it has too many outputs".to_owned())?;
        let bias = !bias.is_empty();
        if rows == 1 {
            return self.push(Op::Dense { outputs: channels, bias }, x, x, &parameters);
        }
        let x = self.view(x, of(rows, 1, terms)?)?;
        let x = self.turn(x, [Axis::Columns, Axis::Rows, Axis::Channels])?;
        let window = Window { height: 1, width: 1, stride: 1, padding: 0 };
        let y = self.push(Op::Conv { channels, window, bias }, x, x, &parameters)?;
        self.turn(y, [Axis::Columns, Axis::Rows, Axis::Channels])
    }

    pub(super) fn matmul(&mut self, inputs: &[ValueId], out: ValueId) -> Lowered<u32> {
        let (a, b) = (inputs[0], inputs[1]);
        let (a_constant, b_constant) =
            (self.model.values[a].constant.is_some(), self.model.values[b].constant.is_some());
        if b_constant && !a_constant {
            let (shape, data) = self.constant(b, "the elements of its second operand")?;
            // A vector is a matrix of one column.
            let (terms, outputs) = match *shape {
                [terms] => (terms, 1),
                [.., terms, outputs] => (terms, outputs),
                [] => return Err("its second operand is a scalar".to_owned()),
            };
            if product(shape) == terms * outputs {
                let weights: Vec<f32> =
                    (0..outputs).flat_map(|o| (0..terms).map(move |k| data[k * outputs + o])).collect();
                let rows = product(self.dims(a)) / terms.max(1);
                let x = self.at(a)?;
                return self.rows_by_matrix(x, (rows, terms, outputs), &weights, &[]);
            }
        }
        let out = self.dims(out);
        let (dims_a, dims_b) = (self.operand_dims(a), self.operand_dims(b));
        let ([.., rows, terms], [.., also, columns]) = (dims_a, dims_b) else {
            return Err(format!("its operands are {dims_a:?} and {dims_b:?}: both need two axes or more"));
        };
        if [rows, terms, also, columns].contains(&&0) {
            return Err(format!("its operands {dims_a:?} and {dims_b:?} have no elements"));
        }
        let (matrices, other) = (product(dims_a) / (rows * terms), product(dims_b) / (also * columns));
        let all = product(out) / (rows * columns);
        if matrices != all || other != all {
            return Err(format!("its operands {dims_a:?} and {dims_b:?} broadcast: give both the same leading axes"));
        }
        let (of_a, of_b) = (of(all, *rows, *terms)?, of(all, *also, *columns)?);
        let x = self.operand(a, of_a)?;
        let y = self.operand(b, of_b)?;
        self.push(Op::Matmul { transposed: false }, x, y, &[])
    }

    /// The dimensions of an operand that may be constant.
    pub(super) fn operand_dims(&self, value: ValueId) -> &[usize] {
        let dims = self.dims(value);
        match self.model.values[value].constant {
            // Of a batched model the constant's axis of examples is one.
            Some(_) if self.batched && dims.len() > 2 && dims[0] == 1 => &dims[1..],
            _ => dims,
        }
    }

    /// An operand in a shape; of a constant a node that has it.
    pub(super) fn operand(&mut self, value: ValueId, shape: Shape) -> Lowered<u32> {
        if self.model.values[value].constant.is_some() {
            let (_, data) = self.constant(value, "the elements of an operand")?;
            let mask = self.mask(value, data);
            return self.constant_node(shape, mask.as_deref().unwrap_or(data));
        }
        let x = self.at(value)?;
        self.view(x, shape)
    }
}
