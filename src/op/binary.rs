use super::Op;
use super::concat::{Concat, concat_backward, concat_forward};
use super::matmul::{Matmul, matmul_backward_first, matmul_backward_second, matmul_forward, matmul_tangent};
use super::pairwise::{
    Pairwise, pairwise_backward_first, pairwise_backward_second, pairwise_forward, pairwise_tangent,
};
use crate::shape::Shape;

/// An operation with two operands and without parameters that a graph runs out of place, with the plain loops.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Binary {
    /// A function of pairs of elements.
    Pairwise(Pairwise),
    /// Products of matrices.
    Matmul(Matmul),
    /// One behind the other.
    Concat(Concat),
}

impl Binary {
    /// The value.
    ///
    /// # Shapes
    /// `x`, `y` and `value` `[unit][points]`.
    pub fn forward(&self, points: usize, (x, y): (&[f32], &[f32]), value: &mut [f32]) {
        match self {
            Self::Pairwise(pairwise) => pairwise_forward(pairwise, points, x, y, value),
            Self::Matmul(matmul) => matmul_forward(matmul, points, x, y, value),
            Self::Concat(concat) => concat_forward(concat, points, x, y, value),
        }
    }

    /// The gradient of the first or the second operand, overwritten. Operands that it does not [save](super::Saved) may be empty.
    pub fn backward(&self, second: bool, points: usize, (x, y): (&[f32], &[f32]), g: &[f32], to: &mut [f32]) {
        match (self, second) {
            (Self::Pairwise(pairwise), false) => pairwise_backward_first(pairwise, points, (x, y), g, to),
            (Self::Pairwise(pairwise), true) => pairwise_backward_second(pairwise, points, (x, y), g, to),
            (Self::Matmul(matmul), false) => matmul_backward_first(matmul, points, y, g, to),
            (Self::Matmul(matmul), true) => matmul_backward_second(matmul, points, x, g, to),
            (Self::Concat(concat), _) => concat_backward(concat, second, points, g, to),
        }
    }

    /// The tangent of the value from those of the operands.
    pub fn tangent(&self, points: usize, operands: (&[f32], &[f32]), (of_x, of_y): (&[f32], &[f32]), to: &mut [f32]) {
        match self {
            Self::Pairwise(pairwise) => pairwise_tangent(pairwise, points, operands, (of_x, of_y), to),
            Self::Matmul(matmul) => matmul_tangent(matmul, points, operands, (of_x, of_y), to),
            Self::Concat(concat) => concat_forward(concat, points, of_x, of_y, to),
        }
    }
}

/// What an operation with two operands computes out of place; None for other operations.
pub fn binary_of(op: &Op, operands: [Shape; 2], value: Shape) -> Option<Binary> {
    Some(match *op {
        Op::Pairwise { pair } => Binary::Pairwise(Pairwise { pair, operands }),
        Op::Concat { axis } => Binary::Concat(Concat { operands, value, axis }),
        Op::Matmul { transposed } => Binary::Matmul(Matmul { operands, transposed }),
        _ => return None,
    })
}
