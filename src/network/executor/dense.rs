use super::Executor;
use super::activations::{Activations, all_finite, elements_of, units_of};
use crate::error::Error;
use crate::kernel::chain;
use crate::network::weights::product_shape;
use crate::network::{Block, Dense, Weights, Workers};

impl<W: Weights, K: Workers, const R: usize, const T: usize> Executor<'_, W, K, R, T> {
    /// One panel of a dense product, forward or transposed; None while panels are to come.
    pub(super) fn dense(&mut self, dense: &Dense, transposed: bool) -> Result<Option<bool>, Error> {
        let (rows, columns) = product_shape(dense, transposed);
        let tiles = self.tiles();
        let two = !self.reverse() && !self.moments();
        if self.cursor.row == 0 && self.cursor.column == 0 {
            self.start_chains(dense, transposed, tiles);
        }
        let from = (self.cursor.row, self.cursor.column);
        let block = self.weights.block(dense, transposed, from, self.panel.len(), R as u32)?;
        self.weights.fill::<R>(dense, &block, self.panel);
        let panel = self.panel.get(..block.len()).unwrap_or_default();
        multiply::<K, R, T>(self.workers, self.options.isa, panel, &block, &mut self.values, tiles);
        if two {
            multiply::<K, R, T>(self.workers, self.options.isa, panel, &block, &mut self.tangents, tiles);
        }
        let products = block.len() as u64 * self.count() as u64;
        self.done = self.done.saturating_add(if two { 2 * products } else { products });
        (self.cursor.row, self.cursor.column) =
            if block.columns.end < columns { (block.rows.start, block.columns.end) } else { (block.rows.end, 0) };
        if self.cursor.row < rows {
            return Ok(None);
        }
        self.values.swap();
        if two {
            self.tangents.swap();
        }
        Ok(Some(self.finite(rows as usize, tiles)))
    }

    /// Every chain starts from its bias or from +0.0.
    fn start_chains(&mut self, dense: &Dense, transposed: bool, tiles: usize) {
        let rows = product_shape(dense, transposed).0;
        if dense.bias && !transposed {
            for row in 0..rows {
                let bias = self.weights.bias(dense, row);
                self.values.fill(row as usize, tiles, bias);
            }
        } else {
            zero::<K, T>(self.workers, &mut self.values, rows as usize, tiles);
        }
        if !self.reverse() {
            zero::<K, T>(self.workers, &mut self.tangents, rows as usize, tiles);
        }
    }

    /// Whether all values (and tangents) of the first `units` units are finite.
    pub(super) fn finite(&mut self, units: usize, tiles: usize) -> bool {
        let tile_len = self.values.tile_len;
        let bad = |_: usize, tile: &mut [f32]| !all_finite(elements_of::<T>(tile, units));
        let values = self.workers.any(self.values.used(tiles), tile_len, bad);
        let tangents = !self.reverse() && !self.moments() && self.workers.any(self.tangents.used(tiles), tile_len, bad);
        !values && !tangents
    }
}

fn zero<K: Workers, const T: usize>(workers: &K, buffers: &mut Activations<'_, T>, rows: usize, tiles: usize) {
    let tile_len = buffers.tile_len;
    let there = buffers.there.get_mut(..tiles * tile_len).unwrap_or_default();
    workers.any(there, tile_len, |_, tile| {
        elements_of::<T>(tile, rows).fill(0.0);
        false
    });
}

/// Continues the chains of the block's rows in every tile.
fn multiply<K: Workers, const R: usize, const T: usize>(
    workers: &K,
    isa: crate::kernel::Isa,
    panel: &[f32],
    block: &Block,
    buffers: &mut Activations<'_, T>,
    tiles: usize,
) {
    let tile_len = buffers.tile_len;
    let Some(there) = buffers.there.get_mut(..tiles * tile_len) else { return };
    let here = &*buffers.here;
    workers.any(there, tile_len, |i, y| {
        let x = here.get(i * tile_len..).unwrap_or_default().as_chunks::<T>().0;
        let x = x.get(block.columns.start as usize..block.columns.end as usize).unwrap_or_default();
        let y = units_of::<T>(y, block.rows.end as usize);
        chain::<R, T>(isa, panel, x, y.get_mut(block.rows.start as usize..).unwrap_or_default());
        false
    });
}
