//! Functions of single elements.
use super::extents::{merged, of, product};
use super::{Lower, Lowered};
use shatterscope::graph::{Function, Op};
use shatterscope_import::{Operation as O, ValueId};

impl Lower<'_> {
    pub(super) fn element(&mut self, op: &O, x: ValueId) -> Lowered<u32> {
        let x = self.at(x)?;
        let with = |function: Function, a: f32, b: f32| Op::Function { function, a, b };
        let op = match *op {
            O::Relu => Op::Relu,
            O::Elu { alpha } => Op::Elu { alpha },
            O::Sigmoid => Op::Sigmoid,
            O::LeakyRelu { alpha } => with(Function::LeakyRelu, alpha, 0.0),
            O::Selu { alpha, gamma } => with(Function::Selu, alpha, gamma),
            O::HardSigmoid { alpha, beta } => with(Function::HardSigmoid, alpha, beta),
            O::Tanh => with(Function::Tanh, 0.0, 0.0),
            O::Silu => with(Function::Silu, 1.0, 0.0),
            O::HardSwish => with(Function::HardSwish, 0.0, 0.0),
            O::Gelu { tanh: false } => with(Function::Gelu, 0.0, 0.0),
            O::Gelu { tanh: true } => with(Function::GeluTanh, 0.0, 0.0),
            O::Softplus => with(Function::Softplus, 0.0, 0.0),
            O::Softsign => with(Function::Softsign, 0.0, 0.0),
            O::Clip { min, max } => with(Function::Clip, min, max),
            O::Abs => with(Function::Abs, 0.0, 0.0),
            O::Neg => with(Function::Affine, -1.0, 0.0),
            O::Exp => with(Function::Exp, 0.0, 0.0),
            O::Log => with(Function::Log, 0.0, 0.0),
            O::Erf => with(Function::Erf, 0.0, 0.0),
            O::Sqrt => with(Function::Sqrt, 0.0, 0.0),
            O::Reciprocal => with(Function::Reciprocal, 0.0, 0.0),
            ref other => return Err(format!("{other:?} is not supported")),
        };
        self.unary(op, x)
    }

    /// One slope for each channel, or for each unit if the slopes of a channel differ.
    pub(super) fn prelu(&mut self, inputs: &[ValueId]) -> Lowered<u32> {
        let dims = self.dims(inputs[0]);
        let (shape, slopes) = self.constant(inputs[1], "its slopes")?;
        let (shape, slopes) = match broadcast(shape, slopes, dims)? {
            (Pattern::Channels, channels, slopes) => (of(channels, 1, product(dims) / channels.max(1))?, slopes),
            (Pattern::Units, units, slopes) => (of(units, 1, 1)?, slopes),
        };
        let x = self.at(inputs[0])?;
        let x = self.view(x, shape)?;
        let start = slopes.first().copied().unwrap_or(0.25);
        self.push(Op::Prelu { slope: start }, x, x, &slopes)
    }

    pub(super) fn pow(&mut self, inputs: &[ValueId]) -> Lowered<u32> {
        let (_, exponent) = self.constant(inputs[1], "its exponents")?;
        let &[exponent, ref more @ ..] = exponent else { return Err("it has no exponent".to_owned()) };
        if more.iter().any(|x| *x != exponent) {
            return Err("it has several exponents: one is supported".to_owned());
        }
        let x = self.at(inputs[0])?;
        if exponent == 0.0 {
            // x^0 is 1 for every x.
            return self.unary(Op::Function { function: Function::Affine, a: 0.0, b: 1.0 }, x);
        }
        self.unary(Op::Function { function: Function::Power, a: exponent, b: 0.0 }, x)
    }
}

/// How a constant is spread over a value.
pub(super) enum Pattern {
    /// An element for each channel: for the first axes, the same for all others.
    Channels,
    /// An element for each unit.
    Units,
}

/// A constant of a shape that broadcasts to `dims`, its number of channels or units, and its elements.
pub(super) fn broadcast(shape: &[usize], data: &[f32], dims: &[usize]) -> Lowered<(Pattern, usize, Vec<f32>)> {
    let own = aligned(shape, dims)?;
    let marks: Vec<bool> = own.iter().zip(dims).map(|(own, n)| own == n).collect();
    let groups = merged(dims, &marks);
    match groups[..] {
        [] => Ok((Pattern::Units, 1, data.to_vec())),
        [(n, false)] => Ok((Pattern::Units, n, vec![data[0]; n])),
        [(channels, true)] => Ok((Pattern::Units, channels, data.to_vec())),
        [(channels, true), (_, false)] => Ok((Pattern::Channels, channels, data.to_vec())),
        _ => Ok((Pattern::Units, product(dims), spread(&own, data, dims))),
    }
}

/// The dimensions of an operand with ones in front, as many as the value has.
pub(super) fn aligned(shape: &[usize], dims: &[usize]) -> Lowered<Vec<usize>> {
    // Of a batched model the axis of examples, which is 1, is left out.
    let shape = if shape.len() == dims.len() + 1 && shape[0] == 1 { &shape[1..] } else { shape };
    let Some(before) = dims.len().checked_sub(shape.len()) else {
        return Err(format!("an operand of {shape:?} does not broadcast to {dims:?}"));
    };
    let own: Vec<usize> = std::iter::repeat_n(1, before).chain(shape.iter().copied()).collect();
    match own.iter().zip(dims).all(|(own, n)| own == n || *own == 1) {
        true => Ok(own),
        false => Err(format!("an operand of {shape:?} does not broadcast to {dims:?}")),
    }
}

/// All elements of a broadcast constant.
fn spread(own: &[usize], data: &[f32], dims: &[usize]) -> Vec<f32> {
    let mut all = vec![0.0; product(dims)];
    for (unit, to) in all.iter_mut().enumerate() {
        let (mut rest, mut at, mut stride) = (unit, 0, 1);
        for (&own, &n) in own.iter().zip(dims).rev() {
            let along = rest % n;
            rest /= n;
            at += if own == 1 { 0 } else { along * stride };
            stride *= own;
        }
        *to = data[at];
    }
    all
}
