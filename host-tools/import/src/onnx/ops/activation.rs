//! Functions of single elements, and softmax.
use crate::{
    model::ValueId,
    onnx_format::scope::{Results, Scope, one},
    operation::Operation,
    tensor::Tensor,
};

pub fn plain(mut s: Scope<'_, '_>) -> Results {
    let op = match s.site.kind.as_str() {
        "Relu" => Operation::Relu,
        "Sigmoid" => Operation::Sigmoid,
        "Tanh" => Operation::Tanh,
        "HardSwish" => Operation::HardSwish,
        "Softplus" => Operation::Softplus,
        "Softsign" => Operation::Softsign,
        "Abs" => Operation::Abs,
        "Neg" => Operation::Neg,
        "Exp" => Operation::Exp,
        "Log" => Operation::Log,
        "Erf" => Operation::Erf,
        "Sqrt" => Operation::Sqrt,
        _ => Operation::Reciprocal,
    };
    let x = s.operand(0)?;
    one(s.emit(op, &[x])?)
}

pub fn with_numbers(mut s: Scope<'_, '_>) -> Results {
    let op = match s.site.kind.as_str() {
        "LeakyRelu" => Operation::LeakyRelu { alpha: s.float("alpha", 0.01)? },
        "Elu" => Operation::Elu { alpha: s.float("alpha", 1.0)? },
        "Selu" if s.version < 6 => {
            Operation::Selu { alpha: s.float("alpha", 1.6732)?, gamma: s.float("gamma", 1.0507)? }
        }
        "Selu" => Operation::Selu { alpha: s.float("alpha", 1.673_263_2)?, gamma: s.float("gamma", 1.050_701)? },
        "HardSigmoid" => Operation::HardSigmoid { alpha: s.float("alpha", 0.2)?, beta: s.float("beta", 0.5)? },
        _ => match s.text("approximate", "none")? {
            "none" => Operation::Gelu { tanh: false },
            "tanh" => Operation::Gelu { tanh: true },
            other => return Err(s.error(format!("approximate is {other:?}, expected \"none\" or \"tanh\""))),
        },
    };
    let x = s.operand(0)?;
    one(s.emit(op, &[x])?)
}

/// `alpha elu(x / alpha)`.
pub fn celu(mut s: Scope<'_, '_>) -> Results {
    let (x, alpha) = (s.operand(0)?, s.float("alpha", 1.0)?);
    if alpha == 1.0 {
        return one(s.emit(Operation::Elu { alpha }, &[x])?);
    }
    let factor = s.number(alpha);
    let scaled = s.emit(Operation::Div, &[x, factor])?;
    let elu = s.emit(Operation::Elu { alpha: 1.0 }, &[scaled])?;
    one(s.emit(Operation::Mul, &[elu, factor])?)
}

/// `x tanh(softplus(x))`.
pub fn mish(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let softplus = s.emit(Operation::Softplus, &[x])?;
    let tanh = s.emit(Operation::Tanh, &[softplus])?;
    one(s.emit(Operation::Mul, &[x, tanh])?)
}

pub fn prelu(mut s: Scope<'_, '_>) -> Results {
    let (x, mut slope) = (s.operand(0)?, s.operand(1)?);
    let (shape, slopes) = (s.shape(x), s.shape(slope));
    // Before version 7 a list of slopes was one for each channel.
    if s.version < 7 && slopes.len() == 1 && slopes[0] != 1 && shape.len() > 2 {
        let mut to = vec![1; shape.len() - 1];
        to[0] = slopes[0];
        slope = s.reshape(slope, &to)?;
    }
    one(s.emit(Operation::PRelu, &[x, slope])?)
}

pub fn clip(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    if s.version < 11 {
        let (min, max) = (s.float("min", f32::NEG_INFINITY)?, s.float("max", f32::INFINITY)?);
        return one(s.emit(Operation::Clip { min, max }, &[x])?);
    }
    // Constants may be integers; bounds that are computed are operands.
    let bound = |s: &Scope<'_, '_>, i: usize, none: f32| match s.optional(i) {
        None => Some(none),
        Some(id) => s.builder.tensor(id).filter(|_| s.is_float(x)).and_then(Tensor::as_scalar),
    };
    if let (Some(min), Some(max)) = (bound(&s, 1, f32::NEG_INFINITY), bound(&s, 2, f32::INFINITY)) {
        return one(if (s.optional(1), s.optional(2)) == (None, None) {
            x
        } else {
            s.emit(Operation::Clip { min, max }, &[x])?
        });
    }
    let mut y = x;
    if let Some(min) = s.optional(1) {
        y = s.emit(Operation::Max, &[y, min])?;
    }
    if let Some(max) = s.optional(2) {
        y = s.emit(Operation::Min, &[y, max])?;
    }
    one(y)
}

pub fn softmax(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let log = s.site.kind == "LogSoftmax";
    let along = |s: &mut Scope<'_, '_>, x: ValueId, axis: usize| {
        s.emit(if log { Operation::LogSoftmax { axis } } else { Operation::Softmax { axis } }, &[x])
    };
    let shape = s.shape(x);
    if s.version >= 13 {
        let axis = s.axis(s.int("axis", -1)?, shape.len())?;
        return one(along(&mut s, x, axis)?);
    }
    // The axes from this one on count as one.
    let axis = s.axis(s.int("axis", 1)?, shape.len())?;
    if shape[axis + 1..].iter().all(|&n| n == 1) {
        return one(along(&mut s, x, axis)?);
    }
    let flat = s.reshape(x, &[shape[..axis].iter().product(), shape[axis..].iter().product()])?;
    let y = along(&mut s, flat, 1)?;
    one(s.reshape(y, &shape)?)
}
