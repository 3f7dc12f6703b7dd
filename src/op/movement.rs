use super::Facts;
use super::axes::{Axis, extents, places, shape_of, unit_of};
use super::facts::{compiled, finite};
use super::positions::{part, part_mut};
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;

/// What stands around a padded value, by its number in encoded nodes, which never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum PadMode {
    /// A constant.
    Constant = 1,
    /// The value mirrored at its first and last entry, which are not repeated.
    Reflect = 2,
    /// The first and last entry.
    Edge = 3,
}

impl PadMode {
    /// The mode of a number; None for a number of none.
    pub(super) const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Constant,
            2 => Self::Reflect,
            3 => Self::Edge,
            _ => return None,
        })
    }
}

/// How an operation moves elements.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Moves {
    /// The axes of the operand that become channels, rows and columns.
    Transpose([Axis; 3]),
    /// Entries of an axis: the first one, and from one to the next.
    Slice(Axis, u32, i32),
    /// Entries before those of the operand, and the constant.
    Pad(PadMode, [u32; 3], f32),
    /// The only entry of an axis is repeated.
    Expand,
    /// Entry i of an axis is `floor((i * numerator + offset) / denominator)` of the operand, or the first or last one.
    Resize(Axis, u32, i32, u32),
}

/// A value whose elements are elements of the operand, or a constant.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Movement {
    /// Which ones.
    pub moves: Moves,
    /// The shape of the operand.
    pub operand: Shape,
    /// The shape of the value.
    pub value: Shape,
}

impl Movement {
    /// The place in the operand of a place of the value; None for the constant. Entries are below 2^32, sums and products of them in i64.
    fn source(&self, place: [u32; 3]) -> Option<[u32; 3]> {
        let own = extents(self.operand);
        match self.moves {
            Moves::Transpose([first, second, third]) => {
                let [a, b, c] = place;
                Some(first.with(second.with(third.with([0; 3], c), b), a))
            }
            Moves::Slice(axis, start, step) => {
                let along = i64::from(axis.of(place)).wrapping_mul(i64::from(step)).wrapping_add(i64::from(start));
                Some(axis.with(place, along as u32))
            }
            Moves::Pad(mode, [c, y, x], _) => {
                let [channel, row, column] = place;
                let [channels, rows, columns] = own;
                Some([mode.inside(channel, c, channels)?, mode.inside(row, y, rows)?, mode.inside(column, x, columns)?])
            }
            Moves::Expand => {
                let ([c, y, x], [channels, rows, columns]) = (place, own);
                let of = |at: u32, extent: u32| if extent > 1 { at } else { 0 };
                Some([of(c, channels), of(y, rows), of(x, columns)])
            }
            Moves::Resize(axis, numerator, offset, denominator) => {
                let along =
                    i64::from(axis.of(place)).wrapping_mul(i64::from(numerator)).wrapping_add(i64::from(offset));
                let at = invariant!(along.checked_div_euclid(i64::from(denominator)));
                let last = i64::from(axis.of(own)).wrapping_sub(1);
                let at = if at > last { last } else { at };
                Some(axis.with(place, if at < 0 { 0 } else { at as u32 }))
            }
        }
    }

    /// (unit of the value, unit of the operand or None), ascending.
    fn units(self) -> impl Iterator<Item = (usize, Option<usize>)> {
        places(self.value)
            .enumerate()
            .map(move |(unit, place)| (unit, self.source(place).map(|source| unit_of(self.operand, source))))
    }
}

impl PadMode {
    /// The entry of an axis of `extent` entries that stands `before` entries before this one; None for the constant.
    fn inside(self, at: u32, before: u32, extent: u32) -> Option<u32> {
        let (at, last) = (i64::from(at).wrapping_sub(i64::from(before)), i64::from(extent).wrapping_sub(1));
        let beyond = at < 0 || at > last;
        let at = match self {
            Self::Constant if beyond => return None,
            Self::Edge if at < 0 => 0,
            Self::Edge if at > last => last,
            Self::Reflect if at < 0 => at.wrapping_neg(),
            Self::Reflect if at > last => last.wrapping_mul(2).wrapping_sub(at),
            _ => at,
        };
        Some(at as u32)
    }
}

/// `y[u] = x[source of u]`, or the constant; +0.0 instead of it if `linear`, for tangents.
///
/// # Shapes
/// `x` `[unit of the operand][points]`, `y` `[unit of the value][points]`.
pub fn movement_forward(movement: &Movement, points: usize, linear: bool, x: &[f32], y: &mut [f32]) {
    let constant = match movement.moves {
        Moves::Pad(_, _, constant) if !linear => constant,
        _ => 0.0,
    };
    for (unit, source) in movement.units() {
        let y = part_mut(y, unit, points);
        match source {
            Some(source) => y.iter_mut().zip(part(x, source, points)).for_each(|(y, x)| *y = *x),
            None => y.fill(constant),
        }
    }
}

/// `to[v] = chain(+0.0; g[u], u ascending, whose source is v)`: overwrites.
///
/// # Shapes
/// `g` as the value, `to` as the operand.
pub fn movement_backward(movement: &Movement, points: usize, g: &[f32], to: &mut [f32]) {
    to.fill(0.0);
    for (unit, source) in movement.units() {
        if let Some(source) = source {
            part_mut(to, source, points).iter_mut().zip(part(g, unit, points)).for_each(|(to, g)| *to += g);
        }
    }
}

const OPERATION: Error = Error::InvalidSpec(InvalidSpec::Operation);

/// The shape of a transposed value.
pub(super) const fn transpose(x: Shape, order: [Axis; 3]) -> Result<Shape, Error> {
    let [a, b, c] = order;
    if a as u8 == b as u8 || a as u8 == c as u8 || b as u8 == c as u8 {
        return Err(OPERATION);
    }
    let own = extents(x);
    shape_of([a.of(own), b.of(own), c.of(own)])
}

/// The shape of a slice.
pub(super) const fn slice(x: Shape, axis: Axis, start: u32, step: i32, count: u32) -> Result<Shape, Error> {
    let own = extents(x);
    if count == 0 || step == 0 {
        return Err(OPERATION);
    }
    // Nothing wraps: fewer than 2^32 steps below 2^31 from a start below 2^32.
    let last = (count as i64).wrapping_sub(1).wrapping_mul(step as i64).wrapping_add(start as i64);
    let extent = axis.of(own) as i64;
    if start as i64 >= extent || last < 0 || last >= extent {
        return Err(Error::InvalidSpec(InvalidSpec::Shape));
    }
    shape_of(axis.with(own, count))
}

/// Entries before and after those of an axis, from the halves of a word.
const fn ends(word: u32) -> [u32; 2] {
    [word & 0xffff, word >> 16]
}

/// Entries before those of each axis.
pub(super) const fn before([channels, rows, columns]: [u32; 3]) -> [u32; 3] {
    [ends(channels)[0], ends(rows)[0], ends(columns)[0]]
}

/// The shape of a padded value.
pub(super) const fn pad(x: Shape, mode: PadMode, constant: f32, padding: [u32; 3]) -> Result<Shape, Error> {
    if let Err(error) = finite(constant) {
        return Err(error);
    }
    if !matches!(mode, PadMode::Constant) && constant.to_bits() != 0 {
        return Err(OPERATION);
    }
    let ([a, b, c], [d, e, f]) = (extents(x), padding);
    match (padded(a, mode, d), padded(b, mode, e), padded(c, mode, f)) {
        (Some(a), Some(b), Some(c)) => shape_of([a, b, c]),
        _ => Err(Error::InvalidSpec(InvalidSpec::Shape)),
    }
}

const fn padded(extent: u32, mode: PadMode, word: u32) -> Option<u32> {
    let [before, after] = ends(word);
    // What is mirrored is in the operand.
    if matches!(mode, PadMode::Reflect) && (before >= extent || after >= extent) {
        return None;
    }
    // Does not wrap: two numbers below 2^16.
    extent.checked_add(before.wrapping_add(after))
}

/// The shape of a value that is repeated.
pub(super) const fn expand(x: Shape, shape: Shape) -> Result<Shape, Error> {
    let ([a, b, c], [d, e, f]) = (extents(x), extents(shape));
    if (a == d || a == 1) && (b == e || b == 1) && (c == f || c == 1) {
        Ok(shape)
    } else {
        Err(Error::InvalidSpec(InvalidSpec::Shape))
    }
}

/// The shape of a value with another extent.
pub(super) const fn resize(x: Shape, axis: Axis, size: u32, fraction: [u32; 2], offset: i32) -> Result<Shape, Error> {
    const MOST: u32 = 1 << 30;
    let [numerator, denominator] = fraction;
    // Products with entries fit in an i64.
    if numerator > MOST || denominator > MOST || denominator == 0 || offset.unsigned_abs() > MOST {
        return Err(OPERATION);
    }
    shape_of(axis.with(extents(x), size))
}

/// A movement of this shape in a graph.
pub(super) const fn facts(shape: Result<Shape, Error>) -> Result<Facts, Error> {
    match (compiled(cfg!(feature = "models")), shape) {
        (Ok(()), Ok(shape)) => Facts::of(shape),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
