//! Norms, in inference.
use crate::{
    onnx_format::scope::{Results, Scope, one},
    operation::{Operation, ReduceKind},
    shape,
};

pub fn batch(mut s: Scope<'_, '_>) -> Results {
    if s.flag("training_mode")? {
        return s.unsupported("in training mode");
    }
    if s.version < 7 && !s.flag("is_test")? {
        return s.unsupported("in training mode (is_test is 0)");
    }
    let x = s.operand(0)?;
    if s.version < 9 && s.int("spatial", 1)? == 0 && s.shape(x).len() > 2 {
        return s.unsupported("with a mean for each position (spatial is 0)");
    }
    // Before version 14 further results meant training.
    if s.node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return s.unsupported("in training mode (it has more than one output)");
    }
    let eps = s.float("epsilon", 1e-5)?;
    let operands = s.all()?;
    one(s.emit(Operation::BatchNormalization { eps }, &operands)?)
}

pub fn instance(mut s: Scope<'_, '_>) -> Results {
    let eps = s.float("epsilon", 1e-5)?;
    let operands = s.all()?;
    one(s.emit(Operation::InstanceNormalization { eps }, &operands)?)
}

pub fn layer(mut s: Scope<'_, '_>) -> Results {
    let (x, scale) = (s.operand(0)?, s.operand(1)?);
    let axis = s.axis(s.int("axis", -1)?, s.shape(x).len())?;
    let eps = s.float("epsilon", 1e-5)?;
    let operands: Vec<usize> = [Some(x), Some(scale), s.optional(2)].into_iter().flatten().collect();
    let y = s.emit(Operation::LayerNormalization { axis, eps }, &operands)?;
    let named = |i: usize| s.node.output.get(i).is_some_and(|name| !name.is_empty());
    if !named(1) && !named(2) {
        return one(y);
    }
    // Mean and inverse deviation, which training wants.
    let axes: Vec<usize> = (axis..s.shape(x).len()).collect();
    let over = Operation::Reduce { kind: ReduceKind::Mean, axes, keepdims: true };
    let mean = s.emit(over.clone(), &[x])?;
    let centred = s.emit(Operation::Sub, &[x, mean])?;
    let square = s.emit(Operation::Mul, &[centred, centred])?;
    let variance = s.emit(over, &[square])?;
    let eps = s.number(eps);
    let sum = s.emit(Operation::Add, &[variance, eps])?;
    let root = s.emit(Operation::Sqrt, &[sum])?;
    let inverse = s.emit(Operation::Reciprocal, &[root])?;
    Ok(vec![Some(y), Some(mean), Some(inverse)])
}

pub fn group(mut s: Scope<'_, '_>) -> Results {
    let (x, mut scale, mut bias) = (s.operand(0)?, s.operand(1)?, s.operand(2)?);
    let shape = s.shape(x);
    let (channels, groups) = (shape.get(1).copied().unwrap_or(0), s.int("num_groups", 0)?);
    let groups = match usize::try_from(groups) {
        Ok(n) if n > 0 && channels % n == 0 => n,
        _ => return Err(s.error(format!("num_groups is {groups}, which does not divide {channels} channels"))),
    };
    // Before version 21 scale and bias were those of a group.
    if s.version < 21 && groups != channels {
        s.spend(2 * channels)?;
        let indices: Vec<usize> = (0..channels).map(|c| c / (channels / groups)).collect();
        for operand in [&mut scale, &mut bias] {
            if s.shape(*operand) != [groups] {
                return Err(s.error(format!("an operand has shape {:?}, expected {:?}", s.shape(*operand), [groups])));
            }
            *operand = s.emit(Operation::Gather { axis: 0, indices: indices.clone() }, &[*operand])?;
        }
    }
    let eps = s.float("epsilon", 1e-5)?;
    one(s.emit(Operation::GroupNormalization { groups, eps }, &[x, scale, bias])?)
}

/// `(x - mean) / (deviation + 1e-9)` over axes, as ONNX writes the operator out.
pub fn mean_variance(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let axes = s.ints("axes")?.unwrap_or(&[0, 2, 3]);
    let axes = s.at(shape::axes(axes, s.shape(x).len()))?;
    let over = Operation::Reduce { kind: ReduceKind::Mean, axes, keepdims: true };
    let mean = s.emit(over.clone(), &[x])?;
    let centred = s.emit(Operation::Sub, &[x, mean])?;
    let square = s.emit(Operation::Mul, &[centred, centred])?;
    let variance = s.emit(over, &[square])?;
    let deviation = s.emit(Operation::Sqrt, &[variance])?;
    let eps = s.number(1e-9);
    let divisor = s.emit(Operation::Add, &[deviation, eps])?;
    one(s.emit(Operation::Div, &[centred, divisor])?)
}

/// `x / (bias + alpha / size sum)^beta`, the sum being that of the squares of the `size` channels around each.
pub fn local_response(mut s: Scope<'_, '_>) -> Results {
    let x = s.operand(0)?;
    let shape = s.shape(x);
    let size = match usize::try_from(s.int("size", 0)?) {
        Ok(n) if n > 0 && shape.len() > 2 => n,
        _ => return Err(s.error(format!("its size is {}, for {shape:?}", s.int("size", 0)?))),
    };
    let square = s.emit(Operation::Mul, &[x, x])?;
    let rows = s.reshape(square, &[shape[0], 1, shape[1], shape[2..].iter().product()])?;
    let (before, after) = ((size - 1) / 2, size / 2);
    let pads = vec![before, 0, after, 0];
    let (kernel, strides) = (vec![size, 1], vec![1; 2]);
    let mean = s.emit(Operation::AveragePool { kernel, strides, pads, count_include_pad: true }, &[rows])?;
    let mean = s.reshape(mean, &shape)?;
    let [alpha, beta, bias] =
        [s.float("alpha", 1e-4)?, s.float("beta", 0.75)?, s.float("bias", 1.0)?].map(|v| s.number(v));
    let scaled = s.emit(Operation::Mul, &[mean, alpha])?;
    let sum = s.emit(Operation::Add, &[scaled, bias])?;
    let power = s.emit(Operation::Pow, &[sum, beta])?;
    one(s.emit(Operation::Div, &[x, power])?)
}
