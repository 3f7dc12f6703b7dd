use super::Facts;
use super::axes::{Axis, extents, places, shape_of, unit_of};
use super::facts::compiled;
use super::positions::{part, part_mut};
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;

/// Two values behind each other along an axis.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Concat {
    /// The shapes of the operands.
    pub operands: [Shape; 2],
    /// The shape of the value.
    pub value: Shape,
    /// The axis.
    pub axis: Axis,
}

impl Concat {
    /// (unit of an operand, unit of the value), ascending.
    fn units(self, second: bool) -> impl Iterator<Item = (usize, usize)> {
        let [x, y] = self.operands;
        let before = if second { self.axis.of(extents(x)) } else { 0 };
        places(if second { y } else { x }).enumerate().map(move |(unit, place)| {
            // Nothing wraps: a place of the value.
            let along = self.axis.of(place).wrapping_add(before);
            (unit, unit_of(self.value, self.axis.with(place, along)))
        })
    }
}

/// The first operand, then the second.
///
/// # Shapes
/// `x`, `y` and `value` `[unit][points]`.
pub fn concat_forward(concat: &Concat, points: usize, x: &[f32], y: &[f32], value: &mut [f32]) {
    for (second, from) in [(false, x), (true, y)] {
        for (i, at) in concat.units(second) {
            copy(part(from, i, points), part_mut(value, at, points));
        }
    }
}

/// The gradient of the first or the second operand: its part of `g`.
///
/// # Shapes
/// As [`concat_forward`].
pub fn concat_backward(concat: &Concat, second: bool, points: usize, g: &[f32], to: &mut [f32]) {
    for (i, at) in concat.units(second) {
        copy(part(g, at, points), part_mut(to, i, points));
    }
}

fn copy(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The shape of two values behind each other.
pub(super) const fn shape(x: Shape, y: Shape, axis: Axis) -> Result<Shape, Error> {
    let (of_x, of_y) = (extents(x), extents(y));
    let [a, b, c] = axis.with(of_x, 0);
    let [d, e, f] = axis.with(of_y, 0);
    if a != d || b != e || c != f {
        return Err(Error::InvalidSpec(InvalidSpec::Shape));
    }
    match axis.of(of_x).checked_add(axis.of(of_y)) {
        Some(extent) => shape_of(axis.with(of_x, extent)),
        None => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// Two values behind each other in a graph.
pub(super) const fn facts(x: Shape, y: Shape, axis: Axis) -> Result<Facts, Error> {
    match (compiled(cfg!(feature = "models")), shape(x, y, axis)) {
        (Ok(()), Ok(shape)) => Facts::of(shape),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
