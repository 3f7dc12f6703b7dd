//! What the optimisers of `ai.onnx.preview.training` have in common: operands `R`, `T`, then lists of as many tensors each.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope},
    operation::Operation,
};

/// The operands of a step.
pub struct Step {
    /// The learning rate, a scalar.
    pub rate: ValueId,
    /// The number of steps done before.
    pub count: i64,
    /// For each tensor that is optimised: itself, its gradient, and what the optimiser keeps of it, all of one shape.
    pub tensors: Vec<Vec<ValueId>>,
}

impl Step {
    /// `lists` is the number of lists of tensors.
    pub fn new(s: &mut Scope<'_, '_>, lists: usize) -> Result<Self> {
        if s.version != 1 {
            return s.unsupported(format!("of version {}; version 1 is supported", s.version));
        }
        let rate = s.operand(0)?;
        if s.shape(rate).iter().any(|&n| n != 1) || !s.is_float(rate) {
            return Err(s.error(format!("R of shape {:?}, expected one floating-point number", s.shape(rate))));
        }
        let rate = s.reshape(rate, &[])?;
        let count = match s.constant_ints(1, "number of steps T")?.as_deref() {
            Some(&[count]) if count >= 0 => count,
            other => return Err(s.error(format!("T is {:?}, expected one number from 0 on", other.unwrap_or(&[])))),
        };
        let all = s.all()?;
        let operands = &all[2..];
        let n = operands.len() / lists;
        if n == 0 || n * lists != operands.len() {
            return Err(s.error(format!("{} tensors, expected {lists} for each that is optimised", operands.len())));
        }
        let tensors: Vec<Vec<ValueId>> =
            (0..n).map(|i| (0..lists).map(|list| operands[list * n + i]).collect()).collect();
        for (i, own) in tensors.iter().enumerate() {
            if own.iter().any(|&x| s.shape(x) != s.shape(own[0]) || !s.is_float(x)) {
                let shapes: Vec<Vec<usize>> = own.iter().map(|&x| s.shape(x)).collect();
                return Err(s.error(format!(
                    "tensor {i}, its gradient and its averages have shapes {shapes:?}, expected equal ones of f32"
                )));
            }
        }
        Ok(Self { rate, count, tensors })
    }

    /// Applies a step to each tensor; the results are those of the first list, then of the next.
    pub fn each(
        &self,
        s: &mut Scope<'_, '_>,
        step: impl Fn(&mut Scope<'_, '_>, &[ValueId]) -> Result<Vec<ValueId>>,
    ) -> Results {
        let new = self.tensors.iter().map(|own| step(s, own)).collect::<Result<Vec<_>>>()?;
        let lists = new.first().map_or(0, Vec::len);
        Ok((0..lists).flat_map(|list| new.iter().map(move |own| own.get(list).copied())).collect())
    }
}

/// An attribute that is a finite number; without a default it has to be given.
pub fn coefficient(s: &Scope<'_, '_>, name: &str, default: Option<f32>) -> Result<f32> {
    let value = match default {
        Some(default) => s.float(name, default)?,
        None if !s.has(name) => return Err(s.error(format!("attribute `{name}` is missing"))),
        None => s.float(name, 0.0)?,
    };
    if value.is_finite() { Ok(value) } else { Err(s.error(format!("attribute `{name}` is {value}"))) }
}

/// `factor x`.
pub fn times(s: &mut Scope<'_, '_>, factor: f32, x: ValueId) -> Result<ValueId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let factor = s.number(factor);
    s.emit(Operation::Mul, &[factor, x])
}

/// `norm x + g`, the gradient with that of the penalty of large parameters; `g` where `norm` is 0.
pub fn regularised(s: &mut Scope<'_, '_>, norm: f32, x: ValueId, g: ValueId) -> Result<ValueId> {
    if norm == 0.0 {
        return Ok(g);
    }
    let penalty = times(s, norm, x)?;
    s.emit(Operation::Add, &[penalty, g])
}

/// `sqrt(h) + epsilon`.
pub fn deviation(s: &mut Scope<'_, '_>, h: ValueId, epsilon: f32) -> Result<ValueId> {
    let root = s.emit(Operation::Sqrt, &[h])?;
    let epsilon = s.number(epsilon);
    s.emit(Operation::Add, &[root, epsilon])
}
