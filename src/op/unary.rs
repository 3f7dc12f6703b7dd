use super::Op;
use super::movement::{Movement, Moves, before, movement_backward, movement_forward};
use super::reduce::{Reduce, reduce_backward, reduce_forward, reduce_tangent};
use super::softmax::{Softmax, softmax_backward, softmax_forward, softmax_tangent};
use crate::shape::Shape;

/// An operation with one operand and without parameters that a graph runs out of place, with the plain loops.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unary {
    /// A softmax.
    Softmax(Softmax),
    /// A reduction.
    Reduce(Reduce),
    /// A movement.
    Movement(Movement),
}

impl Unary {
    /// The value.
    ///
    /// # Shapes
    /// `x` and `y` `[unit][points]`.
    pub fn forward(&self, points: usize, x: &[f32], y: &mut [f32]) {
        match self {
            Self::Softmax(softmax) => softmax_forward(softmax, points, x, y),
            Self::Reduce(reduce) => reduce_forward(reduce, points, x, y),
            Self::Movement(movement) => movement_forward(movement, points, false, x, y),
        }
    }

    /// The gradient of the operand, overwritten, from that of the value, where `of` is what the operation [saves](super::Saved).
    pub fn backward(&self, points: usize, of: &[f32], g: &[f32], to: &mut [f32]) {
        match self {
            Self::Softmax(softmax) => softmax_backward(softmax, points, of, g, to),
            Self::Reduce(reduce) => reduce_backward(reduce, points, of, g, to),
            Self::Movement(movement) => movement_backward(movement, points, g, to),
        }
    }

    /// The tangent of the value from that of the operand, where `of` is what the operation [saves](super::Saved).
    pub fn tangent(&self, points: usize, of: &[f32], t: &[f32], to: &mut [f32]) {
        match self {
            Self::Softmax(softmax) => softmax_tangent(softmax, points, of, t, to),
            Self::Reduce(reduce) => reduce_tangent(reduce, points, of, t, to),
            Self::Movement(movement) => movement_forward(movement, points, true, t, to),
        }
    }
}

/// What an operation with one operand and without parameters computes out of place; None for other operations.
pub fn unary_of(op: &Op, operand: Shape, value: Shape) -> Option<Unary> {
    let moves = match *op {
        Op::Softmax { axis, log } => return Some(Unary::Softmax(Softmax { shape: operand, axis, log })),
        Op::Reduce { reduction, .. } => return Some(Unary::Reduce(Reduce { reduction, operand, value })),
        Op::Transpose { channels, rows, columns } => Moves::Transpose([channels, rows, columns]),
        Op::Slice { axis, start, step, .. } => Moves::Slice(axis, start, step),
        Op::Pad { mode, constant, channels, rows, columns } => {
            Moves::Pad(mode, before([channels, rows, columns]), constant)
        }
        Op::Expand { .. } => Moves::Expand,
        Op::Resize { axis, numerator, offset, denominator, .. } => Moves::Resize(axis, numerator, offset, denominator),
        _ => return None,
    };
    Some(Unary::Movement(Movement { moves, operand, value }))
}
