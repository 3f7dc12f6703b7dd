use super::axes::{extents, places, shape_of, unit_of};
use super::facts::compiled;
use super::positions::{part, part_mut};
use super::{BackwardFacts, Facts, Saved};
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;

/// What is computed from the elements along the axes, by its number in encoded nodes, which never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Reduction {
    /// Their mean.
    Mean = 1,
    /// Their sum.
    Sum = 2,
    /// Their maximum.
    Max = 3,
}

impl Reduction {
    /// The reduction of a number; None for a number of none.
    pub(super) const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Mean,
            2 => Self::Sum,
            3 => Self::Max,
            _ => return None,
        })
    }
}

/// A reduction along some axes, which have one entry in the value.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// The shape of the operand.
    pub operand: Shape,
    /// The shape of the value.
    pub value: Shape,
}

impl Reduce {
    /// The elements of one unit of the value: their units in the operand, ascending.
    fn units(self, place: [u32; 3]) -> impl Iterator<Item = usize> + Clone {
        let (own, of_value) = (extents(self.operand), extents(self.value));
        // An axis that is not reduced has the entry of the place.
        let range = move |i: usize| {
            let of = |all: [u32; 3]| invariant!(all.get(i).copied());
            if of(own) == of(of_value) { of(place)..of(place).saturating_add(1) } else { 0..of(own) }
        };
        range(0).flat_map(move |c| range(1).flat_map(move |y| range(2).map(move |x| unit_of(self.operand, [c, y, x]))))
    }

    /// How many elements are reduced to one.
    fn count(self) -> f32 {
        let units = |shape: Shape| invariant!(shape.units());
        invariant!(units(self.operand).checked_div(units(self.value))) as f32
    }

    /// The unit of the first of the largest elements of a point.
    fn largest(self, place: [u32; 3], x: &[f32], points: usize, p: usize) -> usize {
        let at = |unit: usize| invariant!(part(x, unit, points).get(p).copied());
        let mut all = self.units(place);
        let first = invariant!(all.next());
        all.fold((first, at(first)), |(best, m), unit| if at(unit) > m { (unit, at(unit)) } else { (best, m) }).0
    }
}

/// `chain(+0.0; x, units ascending)`, for the mean divided by their number; or the first of the largest.
///
/// # Shapes
/// `x` `[unit of the operand][points]`, `y` `[unit of the value][points]`.
pub fn reduce_forward(reduce: &Reduce, points: usize, x: &[f32], y: &mut [f32]) {
    let n = reduce.count();
    for (unit, place) in places(reduce.value).enumerate() {
        let y = part_mut(y, unit, points);
        if matches!(reduce.reduction, Reduction::Max) {
            select(reduce, place, points, (x, x), y);
            continue;
        }
        y.fill(0.0);
        for unit in reduce.units(place) {
            y.iter_mut().zip(part(x, unit, points)).for_each(|(y, x)| *y += x);
        }
        if matches!(reduce.reduction, Reduction::Mean) {
            y.iter_mut().for_each(|y| *y /= n);
        }
    }
}

/// What `from` has where `x` is the largest.
fn select(reduce: &Reduce, place: [u32; 3], points: usize, (x, from): (&[f32], &[f32]), to: &mut [f32]) {
    for (p, to) in to.iter_mut().enumerate() {
        let unit = reduce.largest(place, x, points, p);
        *to = invariant!(part(from, unit, points).get(p).copied());
    }
}

/// The gradient of the operand: of a sum `g`, of a mean `g / n`, of a maximum `g` where it was chosen and +0.0 elsewhere. Overwrites.
///
/// # Shapes
/// As [`reduce_forward`]; `x` may be empty but for a maximum.
pub fn reduce_backward(reduce: &Reduce, points: usize, x: &[f32], g: &[f32], to: &mut [f32]) {
    let n = reduce.count();
    for (unit, place) in places(reduce.value).enumerate() {
        let g = part(g, unit, points);
        for unit in reduce.units(place) {
            for (to, g) in part_mut(to, unit, points).iter_mut().zip(g) {
                *to = match reduce.reduction {
                    Reduction::Mean => g / n,
                    Reduction::Sum => *g,
                    Reduction::Max => 0.0,
                };
            }
        }
        if matches!(reduce.reduction, Reduction::Max) {
            for (p, g) in g.iter().enumerate() {
                let unit = reduce.largest(place, x, points, p);
                if let Some(to) = part_mut(to, unit, points).get_mut(p) {
                    *to = *g;
                }
            }
        }
    }
}

/// The tangent: the reduction of the tangents, of a maximum that of the element chosen.
///
/// # Shapes
/// As [`reduce_forward`].
pub fn reduce_tangent(reduce: &Reduce, points: usize, x: &[f32], t: &[f32], to: &mut [f32]) {
    if !matches!(reduce.reduction, Reduction::Max) {
        return reduce_forward(reduce, points, t, to);
    }
    for (unit, place) in places(reduce.value).enumerate() {
        select(reduce, place, points, (x, t), part_mut(to, unit, points));
    }
}

/// The shape of the value.
pub(super) const fn shape(x: Shape, axes: u32) -> Result<Shape, Error> {
    if axes == 0 || axes > 7 {
        return Err(Error::InvalidSpec(InvalidSpec::Operation));
    }
    let [a, b, c] = extents(x);
    shape_of([if axes & 1 != 0 { 1 } else { a }, if axes & 2 != 0 { 1 } else { b }, if axes & 4 != 0 { 1 } else { c }])
}

/// A reduction in a graph.
pub(super) const fn facts(x: Shape, axes: u32) -> Result<Facts, Error> {
    match (compiled(cfg!(feature = "models")), shape(x, axes)) {
        (Ok(()), Ok(shape)) => Facts::of(shape),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Its backward pass.
pub(super) const fn backward(reduction: Reduction) -> BackwardFacts {
    let saved = if matches!(reduction, Reduction::Max) { Saved::Operands } else { Saved::Nothing };
    BackwardFacts { saved, ..BackwardFacts::NOTHING }
}
