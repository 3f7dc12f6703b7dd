use super::{Image, Window};
use crate::error::{Error, InvalidSpec};

/// Where a window stands on an image, and which positions of a plane its taps see there. Padded taps see nothing.
#[derive(Clone, Copy)]
pub(super) struct Places {
    window: Window,
    image: Image,
    rows: u32,
    columns: u32,
}

impl Places {
    pub fn new(window: &Window, image: &Image) -> Result<Self, Error> {
        match window.positions(image) {
            Some((rows, columns)) => Ok(Self { window: *window, image: *image, rows, columns }),
            None => Err(Error::InvalidSpec(InvalidSpec::Window)),
        }
    }

    /// The taps (ky, kx), ky and then kx ascending.
    pub fn taps(self) -> impl Iterator<Item = (u32, u32)> {
        scan(self.window.height, self.window.width)
    }

    /// The positions (row, column), rows and then columns ascending.
    pub fn all(self) -> impl Iterator<Item = (u32, u32)> {
        scan(self.rows, self.columns)
    }

    /// How many there are; more than an address counts are cut to `usize::MAX`, which no slice holds.
    pub fn count(self) -> usize {
        (self.rows as usize).saturating_mul(self.columns as usize)
    }

    /// The index of a place. Nothing wraps: a slice has an element for each place, as its length was checked.
    pub fn index(self, (row, column): (u32, u32)) -> usize {
        at(row as usize, self.columns as usize, column as usize)
    }

    /// The tap of an index in the order of [`Places::taps`].
    pub fn tap(self, index: u32) -> Option<(u32, u32)> {
        let (ky, kx) = (index.checked_div(self.window.width)?, index.checked_rem(self.window.width)?);
        (ky < self.window.height).then_some((ky, kx))
    }

    /// The position in the plane of the image that a tap sees from a place; None in the padding.
    pub fn sees(self, (row, column): (u32, u32), (ky, kx): (u32, u32)) -> Option<usize> {
        let y = self.along(row, ky, self.image.height)?;
        let x = self.along(column, kx, self.image.width)?;
        Some(at(y, self.image.width as usize, x))
    }

    fn along(self, place: u32, tap: u32, size: u32) -> Option<usize> {
        // Nothing wraps: a product of numbers below 2^32, plus one.
        let padded = (place as u64 * self.window.stride as u64).wrapping_add(tap as u64);
        padded.checked_sub(self.window.padding as u64).filter(|at| *at < size as u64).map(|at| at as usize)
    }

    /// (index of the place, position seen) wherever a tap sees the image, rows and then columns of positions ascending.
    pub fn seen_by(self, (ky, kx): (u32, u32)) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows).filter_map(move |row| Some((row, self.along(row, ky, self.image.height)?))).flat_map(
            move |(row, y)| {
                (0..self.columns).filter_map(move |column| {
                    let x = self.along(column, kx, self.image.width)?;
                    Some((self.index((row, column)), at(y, self.image.width as usize, x)))
                })
            },
        )
    }
}

fn scan(rows: u32, columns: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// Element `offset` of row `row` in rows of `len`. The callers have checked that a slice holds all rows, so nothing wraps; `get` takes
/// what it gives for no more than an index.
pub(super) fn at(row: usize, len: usize, offset: usize) -> usize {
    row.wrapping_mul(len).wrapping_add(offset)
}

/// Part `index` of a slice in parts of `len` elements; nothing wraps, as above.
pub(super) fn part<T>(x: &[T], index: usize, len: usize) -> &[T] {
    invariant!(x.get(index.wrapping_mul(len)..).and_then(|x| x.get(..len)))
}

/// The same to write to.
pub(super) fn part_mut<T>(x: &mut [T], index: usize, len: usize) -> &mut [T] {
    invariant!(x.get_mut(index.wrapping_mul(len)..).and_then(|x| x.get_mut(..len)))
}
