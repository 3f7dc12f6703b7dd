//! Operations on constants: f32 with one rounding for each operation, i64 with overflow as an error.
mod elementwise;
mod movement;
mod reduce;

use crate::{operation::Operation, shape::Outcome, tensor::Tensor};
pub use elementwise::{Comparison, compare, floats, logical, modulo, select};
pub use movement::{cast_from, strides};

/// Whether the operation is computed where all operands are constant. Those that multiply many are left to whoever runs the network.
pub const fn can(op: &Operation) -> bool {
    use Operation as O;
    matches!(
        op,
        O::Relu
            | O::Clip { .. }
            | O::Abs
            | O::Neg
            | O::Exp
            | O::Log
            | O::Erf
            | O::Sqrt
            | O::Reciprocal
            | O::Pow
            | O::Sigmoid
            | O::Tanh
            | O::Add
            | O::Sub
            | O::Mul
            | O::Div
            | O::Min
            | O::Max
            | O::Reduce { .. }
            | O::Concat { .. }
            | O::Slice { .. }
            | O::Pad { mode: crate::operation::PadMode::Constant, .. }
            | O::Reshape
            | O::Transpose { .. }
            | O::Gather { .. }
            | O::Expand
    )
}

/// The result of an operation on constants, for which [`can`] is true; `shape` is that of the result.
pub fn evaluate(op: &Operation, inputs: &[&Tensor], shape: &[usize]) -> Outcome<Tensor> {
    use Operation as O;
    match (op, inputs) {
        (O::Add | O::Sub | O::Mul | O::Div | O::Min | O::Max | O::Pow, &[a, b]) => elementwise::binary(op, a, b, shape),
        (O::Reduce { kind, axes, .. }, &[x]) => reduce::reduce(*kind, axes, x, shape),
        (O::Concat { axis }, _) => movement::concat(*axis, inputs, shape),
        (O::Slice { starts, steps }, &[x]) => movement::slice(starts, steps, x, shape),
        (O::Pad { pads, value, .. }, &[x]) => movement::pad(pads, *value, x, shape),
        (O::Reshape, &[x]) => Ok(x.reshaped(shape.to_vec())),
        (O::Transpose { perm }, &[x]) => movement::transpose(perm, x, shape),
        (O::Gather { axis, indices }, &[x]) => movement::gather(*axis, indices, x, shape),
        (O::Expand, &[x]) => movement::expand(x, shape),
        (_, &[x]) => elementwise::unary(op, x),
        _ => Err("wrong number of operands".to_owned()),
    }
}
