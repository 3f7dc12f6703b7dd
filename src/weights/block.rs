use super::{Dense, Wanted};
use crate::error::Error;
use crate::kernel::Series;
use core::ops::Range;

/// A block of a weight matrix as the dense kernel wants it in its panel.
///
/// Rows are the outputs of the product at hand: rows of W forward, columns of W (`transposed`) backward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Block {
    /// The product is by the transposed matrix.
    pub transposed: bool,
    /// Outputs of the product.
    pub rows: Range<u32>,
    /// Inputs of the product.
    pub columns: Range<u32>,
}

impl Block {
    /// f32 elements.
    pub fn len(&self) -> usize {
        self.rows.len().saturating_mul(self.columns.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes `weight(row of W, column of W)` in the order of the panel, rows in groups of R.
    #[inline(always)]
    pub fn fill<const R: usize>(&self, panel: &mut [f32], mut weight: impl FnMut(u32, u32) -> f32) {
        let columns = self.columns.len().max(1);
        let whole = self.rows.len() / R * R;
        let mut at = |row, column| if self.transposed { weight(column, row) } else { weight(row, column) };
        let Some((groups, rest)) = panel.split_at_mut_checked(whole * columns) else { return };
        for (group, panel) in groups.chunks_exact_mut((R * columns).max(1)).enumerate() {
            for (column, lanes) in self.columns.clone().zip(panel.as_chunks_mut::<R>().0) {
                for (lane, w) in lanes.iter_mut().enumerate() {
                    *w = at(self.rows.start + (group * R + lane) as u32, column);
                }
            }
        }
        for (row, panel) in (self.rows.start + whole as u32..self.rows.end).zip(rest.chunks_exact_mut(columns)) {
            for (column, w) in self.columns.clone().zip(panel) {
                *w = at(row, column);
            }
        }
    }
}

impl Block {
    /// The same by series along the rows of the product. Columns that are not wanted get [`Wanted::PLACEHOLDER`].
    #[inline(always)]
    pub(super) fn fill_series<const R: usize>(&self, panel: &mut [f32], series: &mut Series, wanted: &Wanted) {
        let columns = self.columns.len();
        let whole = self.rows.len() / R * R;
        for (i, row) in self.rows.clone().enumerate() {
            let (mut at, step) = if i < whole { (i / R * R * columns + i % R, R) } else { (i * columns, 1) };
            series.begin(row);
            let mut column = self.columns.start;
            while column < self.columns.end {
                let mut zeros = wanted.zeros_from(column);
                let end = (column | 31).saturating_add(1).min(self.columns.end);
                for column in column..end {
                    let weight = if zeros & 1 == 0 { series.draw(column) } else { Wanted::PLACEHOLDER };
                    if let Some(to) = panel.get_mut(at) {
                        *to = weight;
                    }
                    (at, zeros) = (at.wrapping_add(step), zeros >> 1);
                }
                column = end;
            }
        }
    }

    /// The same, where weights come in pieces of rows of the product: `piece(row of W, column of W, out)` writes those from there
    /// on, along the row of the product.
    pub(super) fn fill_pieces<const R: usize>(&self, panel: &mut [f32], piece: impl Fn(u32, u32, &mut [f32])) {
        const LEN: usize = 64;
        let columns = self.columns.len();
        let whole = self.rows.len() / R * R;
        let at = |row, column, out: &mut [f32]| {
            if self.transposed { piece(column, row, out) } else { piece(row, column, out) }
        };
        let Some((groups, rest)) = panel.split_at_mut_checked(whole * columns) else { return };
        for (group, panel) in (0..).zip(groups.chunks_exact_mut((R * columns).max(1))) {
            if R == 1 {
                at(self.rows.start + group, self.columns.start, panel);
                continue;
            }
            for lane in 0..R {
                let row = self.rows.start + group * R as u32 + lane as u32;
                for (first, panel) in
                    self.columns.clone().step_by(LEN).zip(panel.as_chunks_mut::<R>().0.chunks_mut(LEN))
                {
                    let mut drawn = [0.0; LEN];
                    let drawn = invariant!(drawn.get_mut(..panel.len()));
                    at(row, first, drawn);
                    for (to, weight) in panel.iter_mut().zip(drawn) {
                        if let Some(to) = to.get_mut(lane) {
                            *to = *weight;
                        }
                    }
                }
            }
        }
        for (row, panel) in (self.rows.start + whole as u32..self.rows.end).zip(rest.chunks_exact_mut(columns.max(1))) {
            at(row, self.columns.start, panel);
        }
    }
}

/// (rows, columns) of a product with this matrix.
pub(super) const fn product_shape(dense: &Dense, transposed: bool) -> (u32, u32) {
    if transposed { (dense.fan_in, dense.fan_out) } else { (dense.fan_out, dense.fan_in) }
}

/// Whole rows where they fit, in full groups where more than one group fits; otherwise a piece of one row.
pub(super) fn rows_first(
    dense: &Dense,
    transposed: bool,
    (row, column): (u32, u32),
    capacity: usize,
    group: u32,
) -> Result<Block, Error> {
    let (rows, columns) = product_shape(dense, transposed);
    let capacity = capacity.min(u32::MAX as usize) as u32;
    if capacity == 0 {
        return Err(Error::TooShort { buffer: crate::Buffer::Panel, need: 1, have: 0 });
    }
    let fit = invariant!(capacity.checked_div(columns));
    if column == 0 && fit > 0 {
        let grouped = if fit > group { fit - invariant!(fit.checked_rem(group)) } else { fit };
        let end = row.saturating_add(grouped).min(rows);
        return Ok(Block { transposed, rows: row..end, columns: 0..columns });
    }
    let end = column.saturating_add(capacity).min(columns);
    Ok(Block { transposed, rows: row..row.saturating_add(1).min(rows), columns: column..end })
}
