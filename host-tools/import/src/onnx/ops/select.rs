//! `Where`.
use super::condition;
use crate::{
    error::Result,
    evaluate,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
    shape,
    tensor::Tensor,
};

/// `a m + b (1 - m)`, `m` being 1 where the condition holds and 0 elsewhere. It is exact for finite numbers, and no run stores others (-0.0
/// becomes +0.0). A constant operand is selected from, not multiplied, and may be infinite.
pub fn select(mut s: Scope<'_, '_>) -> Results {
    let (condition, a, b) = (s.operand(0)?, s.operand(1)?, s.operand(2)?);
    if let Some(&condition) = s.builder.conditions.get(&condition) {
        return condition::select(s, &condition, a, b);
    }
    s.constant(condition, "condition")?;
    let both = s.at(shape::broadcast(&s.shape(a), &s.shape(b)))?;
    let shape = s.at(shape::broadcast(&both, &s.shape(condition)))?;
    let n = s.at(shape::elements(&shape))?;
    s.spend(n)?;
    if let (Some(x), Some(y)) = (s.builder.tensor(a), s.builder.tensor(b)) {
        let y = evaluate::select(s.constant(condition, "condition")?, x, y);
        let y = s.at(y)?;
        return one(s.fresh(y));
    }
    for (id, what) in [(a, "second operand"), (b, "third operand")] {
        if !s.is_float(id) {
            s.constant(id, what)?;
            return Err(s.error(format!("its {what} is not of floating-point numbers, and the other one is")));
        }
    }
    let holds = match s.constant(condition, "condition")? {
        Tensor::Bool { data, .. } => data.clone(),
        other => return Err(s.error(format!("a condition of {}, expected truth values", other.element()))),
    };
    let (all, none) = (holds.iter().all(|&v| v), holds.iter().all(|&v| !v));
    let y = if all || none {
        if all { a } else { b }
    } else {
        match (part(&mut s, condition, a, true)?, part(&mut s, condition, b, false)?) {
            (Some(x), Some(y)) => s.emit(Operation::Add, &[x, y])?,
            (Some(x), None) | (None, Some(x)) => x,
            (None, None) => return Err(s.error("both operands are constant")),
        }
    };
    one(if s.shape(y) == shape { y } else { s.emit_shaped(Operation::Expand, &[y], &shape)? })
}

/// The elements of `x` where the condition is `when`, 0 elsewhere; none if that is 0 everywhere.
fn part(s: &mut Scope<'_, '_>, condition: ValueId, x: ValueId, when: bool) -> Result<Option<ValueId>> {
    let zero = Tensor::scalar(0.0);
    let choose = |s: &Scope<'_, '_>, from: &Tensor| {
        let condition = s.constant(condition, "condition")?;
        s.at(if when { evaluate::select(condition, from, &zero) } else { evaluate::select(condition, &zero, from) })
    };
    if let Some(tensor) = s.builder.tensor(x) {
        let chosen = choose(s, tensor)?;
        let empty = chosen.floats().is_some_and(|data| data.iter().all(|&v| v == 0.0));
        return Ok((!empty).then(|| s.fresh(chosen)));
    }
    let mask = choose(s, &Tensor::scalar(1.0))?;
    let mask = s.fresh(mask);
    s.emit(Operation::Mul, &[x, mask]).map(Some)
}
