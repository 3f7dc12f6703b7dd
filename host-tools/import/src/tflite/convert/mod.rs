//! Operators of TensorFlow Lite as operations.
mod image;
pub mod int8;
mod movement;

use super::table::Table;
use crate::{
    builder::{Builder, Site},
    error::Result,
    model::ValueId,
    operation::{Operation, Order, ReduceKind},
    shape,
    tensor::Tensor,
};

/// What the conversion of an operator sees.
pub struct Scope<'s, 'a> {
    pub site: &'s Site,
    pub code: i32,
    pub builder: &'s mut Builder,
    pub operands: Vec<Option<ValueId>>,
    pub options: Option<Table<'a>>,
}

/// Channels last to channels first, and back.
const FIRST: [usize; 4] = [0, 3, 1, 2];
const LAST: [usize; 4] = [0, 2, 3, 1];

/// Whether the operator with this number is supported.
pub const fn is_known(code: i32) -> bool {
    matches!(code, 0..=4 | 6 | 9 | 14 | 17..=19 | 21 | 22 | 25 | 28 | 34 | 39..=43 | 45 | 70 | 98)
}

/// The result of an operator.
pub fn convert(mut s: Scope<'_, '_>) -> Result<ValueId> {
    match s.code {
        0 => s.binary(Operation::Add),
        41 => s.binary(Operation::Sub),
        18 => s.binary(Operation::Mul),
        42 => s.binary(Operation::Div),
        1 | 17 => s.pool(),
        2 => s.concatenation(),
        3 => s.conv(false),
        4 => s.conv(true),
        6 => s.dequantize(),
        9 => s.fully_connected(),
        14 => s.unary(Operation::Sigmoid),
        28 => s.unary(Operation::Tanh),
        19 => s.unary(Operation::Relu),
        21 => s.unary(Operation::Clip { min: 0.0, max: 6.0 }),
        98 => {
            let alpha = s.float(0, 0.0)?;
            s.unary(Operation::LeakyRelu { alpha })
        }
        22 => s.reshape(),
        25 => s.softmax(),
        34 => s.pad(),
        39 => s.transpose(),
        40 => s.mean(),
        43 => s.squeeze(),
        45 => s.strided_slice(),
        70 => s.expand_dims(),
        _ => Err(s.site.unsupported("")),
    }
}

impl Scope<'_, '_> {
    fn operand(&self, i: usize) -> Result<ValueId> {
        let found = self.operands.get(i).copied().flatten();
        found.ok_or_else(|| self.site.error(format!("operand {i} is missing")))
    }

    fn int(&self, field: usize, default: i32) -> Result<i32> {
        self.options.map_or(Ok(default), |o| o.int(field, default))
    }

    fn byte(&self, field: usize) -> Result<u8> {
        self.options.map_or(Ok(0), |o| o.byte(field, 0))
    }

    fn float(&self, field: usize, default: f32) -> Result<f32> {
        self.options.map_or(Ok(default), |o| o.float(field, default))
    }

    /// A number that has to be positive.
    fn positive(&self, field: usize, what: &str, default: i32) -> Result<usize> {
        let n = self.int(field, default)?;
        usize::try_from(n).ok().filter(|&n| n > 0).ok_or_else(|| self.site.error(format!("{what} is {n}")))
    }

    fn at<T>(&self, outcome: shape::Outcome<T>) -> Result<T> {
        outcome.map_err(|e| self.site.error(e))
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.shape(id).to_vec()
    }

    fn emit(&mut self, op: Operation, inputs: &[ValueId]) -> Result<ValueId> {
        self.builder.emit(self.site, op, inputs, None)
    }

    fn move_axes(&mut self, x: ValueId, perm: &[usize]) -> Result<ValueId> {
        self.builder.transpose(self.site, x, perm)
    }

    /// Integers of an operand that has to be constant.
    fn ints(&self, i: usize, what: &str) -> Result<Vec<i64>> {
        match self.builder.tensor(self.operand(i)?) {
            Some(Tensor::I64 { data, .. }) => Ok(data.clone()),
            Some(other) => Err(self.site.error(format!("its {what} are of {}, expected integers", other.element()))),
            None => Err(self.site.unsupported(format!("its {what} depend on an input and have to be constant"))),
        }
    }

    /// The activation that is part of an operator.
    fn fused(&mut self, x: ValueId, field: usize) -> Result<ValueId> {
        let op = match self.byte(field)? {
            0 => return Ok(x),
            1 => Operation::Relu,
            2 => Operation::Clip { min: -1.0, max: 1.0 },
            3 => Operation::Clip { min: 0.0, max: 6.0 },
            4 => Operation::Tanh,
            other => return Err(self.site.unsupported(format!("with activation number {other}"))),
        };
        self.emit(op, &[x])
    }

    fn unary(&mut self, op: Operation) -> Result<ValueId> {
        let x = self.operand(0)?;
        self.emit(op, &[x])
    }

    fn binary(&mut self, op: Operation) -> Result<ValueId> {
        let (a, b) = (self.operand(0)?, self.operand(1)?);
        let y = self.emit(op, &[a, b])?;
        self.fused(y, 0)
    }

    fn concatenation(&mut self) -> Result<ValueId> {
        let operands: Option<Vec<ValueId>> = self.operands.iter().copied().collect();
        let operands = operands.filter(|o| !o.is_empty()).ok_or_else(|| self.site.error("an operand is missing"))?;
        let axis = self.at(shape::axis(i64::from(self.int(0, 0)?), self.shape(operands[0]).len()))?;
        let y = self.emit(Operation::Concat { axis }, &operands)?;
        self.fused(y, 1)
    }

    /// Constants of f16, which were converted when they were read.
    fn dequantize(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        match self.builder.tensor(x) {
            Some(Tensor::F32 { .. }) => Ok(x),
            _ => Err(self.site.unsupported("of anything but constants of f16")),
        }
    }

    fn fully_connected(&mut self) -> Result<ValueId> {
        let (x, w) = (self.operand(0)?, self.operand(1)?);
        if self.byte(1)? != 0 {
            return Err(self.site.unsupported("with shuffled weights"));
        }
        let (from, weights) = (self.shape(x), self.shape(w));
        let &[out, each] = weights.as_slice() else {
            return Err(self.site.error(format!("weights of shape {weights:?}, expected a matrix")));
        };
        let all: usize = from.iter().product();
        if each == 0 || !all.is_multiple_of(each) {
            return Err(self.site.error(format!("an input of shape {from:?} does not divide into rows of {each}")));
        }
        let rows = self.builder.reshape(self.site, x, &[all / each, each])?;
        let operands = [Some(rows), Some(w), self.operands.get(2).copied().flatten()];
        let operands: Vec<ValueId> = operands.into_iter().flatten().collect();
        let op = Operation::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true, order: Order::Tflite };
        let mut y = self.emit(op, &operands)?;
        if self.byte(2)? != 0
            && let Some((&last, before)) = from.split_last()
        {
            if last != each {
                return Err(self.site.error(format!("an input of shape {from:?}, expected rows of {each}")));
            }
            y = self.builder.reshape(self.site, y, &[before, &[out]].concat())?;
        }
        self.fused(y, 0)
    }

    fn softmax(&mut self) -> Result<ValueId> {
        let (x, beta) = (self.operand(0)?, self.float(0, 0.0)?);
        let axis = self.at(shape::axis(-1, self.shape(x).len()))?;
        if beta != 1.0 {
            return Err(self.site.unsupported(format!("with beta {beta}, where only 1 is supported")));
        }
        self.emit(Operation::Softmax { axis }, &[x])
    }

    fn mean(&mut self) -> Result<ValueId> {
        let x = self.operand(0)?;
        let mut given = self.ints(1, "axes")?;
        let rank = self.shape(x).len();
        given.truncate(shape::MAX_RANK + 1);
        let axes = self.at(shape::axes(&given, rank))?;
        let keepdims = self.byte(0)? != 0;
        if axes.is_empty() {
            return Ok(x);
        }
        self.emit(Operation::Reduce { kind: ReduceKind::Mean, axes, keepdims }, &[x])
    }
}
