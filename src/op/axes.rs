use crate::error::{Error, InvalidSpec};
use crate::shape::{Image, Shape};

/// An axis of a value, by its number in encoded nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Axis {
    /// Channels.
    Channels = 0,
    /// Rows of the image.
    Rows = 1,
    /// Columns of the image.
    Columns = 2,
}

impl Axis {
    /// The axis of a number; None for a number of none.
    pub(super) const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Channels,
            1 => Self::Rows,
            2 => Self::Columns,
            _ => return None,
        })
    }

    /// The entry of this axis.
    pub(super) const fn of(self, [channels, rows, columns]: [u32; 3]) -> u32 {
        match self {
            Self::Channels => channels,
            Self::Rows => rows,
            Self::Columns => columns,
        }
    }

    /// The same entries with another one for this axis.
    pub(super) const fn with(self, [channels, rows, columns]: [u32; 3], entry: u32) -> [u32; 3] {
        match self {
            Self::Channels => [entry, rows, columns],
            Self::Rows => [channels, entry, columns],
            Self::Columns => [channels, rows, entry],
        }
    }
}

/// Extents in the order of the axes.
pub(super) const fn extents(shape: Shape) -> [u32; 3] {
    [shape.channels, shape.height as u32, shape.width as u32]
}

/// The shape of these extents.
pub(super) const fn shape_of([channels, height, width]: [u32; 3]) -> Result<Shape, Error> {
    match Shape::of(Image { channels, height, width }) {
        Some(shape) => Ok(shape),
        None => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
    }
}

/// The unit of a place. Nothing wraps for a place of a shape whose units can be counted; others are looked up by `get`.
pub(super) fn unit_of(shape: Shape, [channel, row, column]: [u32; 3]) -> usize {
    let [_, rows, columns] = extents(shape);
    let line = (channel as usize).wrapping_mul(rows as usize).wrapping_add(row as usize);
    line.wrapping_mul(columns as usize).wrapping_add(column as usize)
}

/// The places of a shape in the order of its units.
pub(super) fn places(shape: Shape) -> impl Iterator<Item = [u32; 3]> {
    let [channels, rows, columns] = extents(shape);
    (0..channels).flat_map(move |c| (0..rows).flat_map(move |y| (0..columns).map(move |x| [c, y, x])))
}

/// The units along one axis: the first one, how many, and from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Line {
    first: usize,
    count: usize,
    step: usize,
}

impl Line {
    /// The lines of a shape along an axis, in the order of their first units.
    pub fn all(shape: Shape, axis: Axis) -> impl Iterator<Item = Self> {
        let step = unit_of(shape, axis.with([0; 3], 1));
        let count = axis.of(extents(shape)) as usize;
        let firsts = places(shape).filter(move |place| axis.of(*place) == 0);
        firsts.map(move |place| Self { first: unit_of(shape, place), count, step })
    }

    /// Indices of the elements of a point among `[unit][points]`, ascending.
    pub fn elements(self, point: usize, points: usize) -> impl Iterator<Item = usize> + Clone {
        // Nothing wraps: each unit has its points in a slice.
        (0..self.count)
            .map(move |i| self.first.wrapping_add(i.wrapping_mul(self.step)).wrapping_mul(points).wrapping_add(point))
    }
}
