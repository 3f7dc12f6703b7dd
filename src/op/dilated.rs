use super::positions::at;
use super::{DilatedWindow, Image};
use crate::error::{Error, InvalidSpec};
use crate::shape::Axis;

/// Where a dilated window stands on an image, and which positions of a plane its taps see there. Taps outside of the image see nothing.
#[derive(Clone, Copy)]
pub(super) struct Dilated {
    rows: Axis,
    columns: Axis,
}

impl Dilated {
    pub fn new(window: &DilatedWindow, image: &Image) -> Result<Self, Error> {
        match window.axes(image) {
            Some([rows, columns]) => Ok(Self { rows, columns }),
            None => Err(Error::InvalidSpec(InvalidSpec::Window)),
        }
    }

    /// How many taps there are. Nothing wraps, here and below: products of numbers below 2^16.
    pub fn taps(self) -> usize {
        self.rows.taps.wrapping_mul(self.columns.taps)
    }

    /// How many positions there are.
    pub fn count(self) -> usize {
        self.rows.positions.saturating_mul(self.columns.positions)
    }

    /// The position in the plane of the image that a tap sees from a position of the window, both by their indices in order.
    pub fn sees(self, position: usize, tap: usize) -> Option<usize> {
        let (row, column) = divided(position, self.columns.positions);
        let (ky, kx) = divided(tap, self.columns.taps);
        Some(at(self.rows.sees(row, ky)?, self.columns.size, self.columns.sees(column, kx)?))
    }

    /// (index of the tap, position seen) of the taps that see the image from a position, in order.
    pub fn seen_from(self, position: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { rows, columns } = self;
        let (row, column) = divided(position, columns.positions);
        let of_rows = (0..rows.taps).filter_map(move |ky| Some((ky, rows.sees(row, ky)?)));
        of_rows.flat_map(move |(ky, y)| {
            let of_columns = (0..columns.taps).filter_map(move |kx| Some((kx, columns.sees(column, kx)?)));
            of_columns.map(move |(kx, x)| (at(ky, columns.taps, kx), at(y, columns.size, x)))
        })
    }

    /// (index of the position, position seen) of the positions from which a tap sees the image, in order.
    pub fn seen_by(self, tap: usize) -> impl Iterator<Item = (usize, usize)> {
        let (ky, kx) = divided(tap, self.columns.taps);
        let Self { rows, columns } = self;
        let of_rows = (0..rows.positions).filter_map(move |row| Some((row, rows.sees(row, ky)?)));
        of_rows.flat_map(move |(row, y)| {
            let of_columns = (0..columns.positions).filter_map(move |column| Some((column, columns.sees(column, kx)?)));
            of_columns.map(move |(column, x)| (at(row, columns.positions, column), at(y, columns.size, x)))
        })
    }
}

/// (quotient, remainder); an axis has at least one position and one tap.
fn divided(index: usize, by: usize) -> (usize, usize) {
    let by = by.max(1);
    (index / by, index % by)
}
