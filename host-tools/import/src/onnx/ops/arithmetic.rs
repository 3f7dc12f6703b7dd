//! Arithmetic between tensors.
use crate::{
    error::Result,
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
    tensor::Tensor,
};

/// Both operands. Before version 7 the second one broadcast where an attribute said so, from the axis that another one named.
pub fn operands(s: &mut Scope<'_, '_>) -> Result<(ValueId, ValueId)> {
    let (a, mut b) = (s.operand(0)?, s.operand(1)?);
    if s.version < 7
        && s.flag("broadcast")?
        && let Some(axis) = s.maybe_int("axis")?
    {
        let (rank, own) = (s.shape(a).len(), s.shape(b));
        // A negative axis counts from the end; `rank` itself is one of a scalar.
        let axis = if axis == rank as i64 { rank } else { s.axis(axis, rank)? };
        let Some(after) = (rank - axis).checked_sub(own.len()) else {
            return Err(s.error(format!("a second operand of {own:?} does not fit from axis {axis} of {rank} axes")));
        };
        let to = [own, vec![1; after]].concat();
        b = s.reshape(b, &to)?;
    }
    Ok((a, b))
}

pub fn binary(mut s: Scope<'_, '_>) -> Results {
    let op = match s.site.kind.as_str() {
        "Add" => Operation::Add,
        "Sub" => Operation::Sub,
        "Mul" => Operation::Mul,
        _ => Operation::Div,
    };
    let (a, b) = operands(&mut s)?;
    one(s.emit(op, &[a, b])?)
}

/// Squares become products: the same bits as a power that is correctly rounded.
pub fn pow(mut s: Scope<'_, '_>) -> Results {
    let (x, mut exponent) = operands(&mut s)?;
    let tensor = s.constant(exponent, "exponent")?;
    let single = match tensor {
        Tensor::I64 { data, .. } if s.builder.tensor(x).is_none() => {
            let data = data.iter().map(|&n| n as f32).collect();
            let tensor = Tensor::F32 { shape: tensor.shape().to_vec(), data };
            let single = tensor.as_scalar();
            exponent = s.fresh(tensor);
            single
        }
        tensor => tensor.as_scalar(),
    };
    // An exponent of more axes would give the result more axes.
    let fits = s.shape(exponent).len() <= s.shape(x).len();
    if fits && single == Some(1.0) && s.is_float(x) {
        return one(x);
    }
    if fits && single == Some(2.0) && s.is_float(x) {
        return one(s.emit(Operation::Mul, &[x, x])?);
    }
    one(s.emit(Operation::Pow, &[x, exponent])?)
}

/// From the first operand to the last.
pub fn variadic(mut s: Scope<'_, '_>) -> Results {
    let op = match s.site.kind.as_str() {
        "Min" => Operation::Min,
        "Max" => Operation::Max,
        _ => Operation::Add,
    };
    let operands = s.all()?;
    let mut y = operands[0];
    for &operand in &operands[1..] {
        y = s.emit(op.clone(), &[y, operand])?;
    }
    if s.site.kind == "Mean" && operands.len() > 1 {
        let n = s.number(operands.len() as f32);
        y = s.emit(Operation::Div, &[y, n])?;
    }
    one(y)
}
