use super::Executor;
use super::activations::{Activations, elements_of, finite_elements, units_of};
use crate::error::Error;
use crate::kernel::{Isa, Matrix, chain, chain_matrix_ahead};
use crate::network::weights::product_shape;
use crate::network::{Block, Dense, Layer, Wanted, Weights, Workers};

/// Where the weights of a block stand.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// In the panel, filled for this block.
    Panel(&'a [f32]),
    /// In memory, as the whole matrix.
    Memory(Matrix<'a>),
}

/// One block of a product, for one buffer.
struct Product<'a> {
    isa: Isa,
    source: Source<'a>,
    block: &'a Block,
    /// Chains start from +0.0 here, not from what a bias or an earlier block left.
    from_zero: bool,
    /// The chains of these rows end here.
    ends: bool,
    /// What the next product reads, to be brought into the cache meanwhile, a piece with each tile.
    ahead: &'a [f32],
}

impl<'a, W: Weights, K: Workers, const R: usize, const T: usize> Executor<'a, W, K, R, T> {
    /// One panel of a dense product, forward or transposed; None while panels are to come.
    pub(super) fn dense(&mut self, dense: &Dense, transposed: bool) -> Result<Option<bool>, Error> {
        let (rows, columns) = product_shape(dense, transposed);
        let tiles = self.tiles();
        let two = !self.reverse() && !self.moments();
        let biased = dense.bias && !transposed;
        let weights = self.weights;
        if self.cursor.row == 0 && self.cursor.column == 0 {
            self.bad = false;
            if biased {
                self.fill_biases(dense, tiles);
            }
            // Where weights are drawn in registers, one more or less costs next to nothing.
            if !self.options.isa.has_words() && weights.matrix(dense).is_none() {
                self.find_wanted(columns, tiles, two);
            }
        }
        let (block, source) = match weights.matrix(dense) {
            Some(data) => {
                let matrix = Matrix { data, stride: dense.fan_in as usize, transposed };
                (Block { transposed, rows: 0..rows, columns: 0..columns }, Source::Memory(matrix))
            }
            None => {
                let from = (self.cursor.row, self.cursor.column);
                let block = weights.block(dense, transposed, from, self.panel.len(), R as u32)?;
                weights.fill_wanted::<R>(dense, &block, self.panel, &self.wanted);
                let panel = self.panel.get(..block.len()).unwrap_or_default();
                (block, Source::Panel(panel))
            }
        };
        let (first, ends) = (block.columns.start == 0, block.columns.end >= columns);
        let in_memory = matches!(source, Source::Memory(_));
        let (isa, ahead) = (self.options.isa, if in_memory { self.ahead(dense, transposed) } else { &[] });
        let product = |from_zero| Product { isa, source, block: &block, from_zero: first && from_zero, ends, ahead };
        self.bad |= product(!biased).run::<K, R, T>(self.workers, &mut self.values, tiles);
        if two {
            self.bad |= product(true).run::<K, R, T>(self.workers, &mut self.tangents, tiles);
        }
        let products = block.len() as u64 * self.count() as u64;
        self.done = self.done.saturating_add(if two { 2 * products } else { products });
        (self.cursor.row, self.cursor.column) =
            if ends { (block.rows.end, 0) } else { (block.rows.start, block.columns.end) };
        if self.cursor.row < rows {
            return Ok(None);
        }
        self.values.swap();
        if two {
            self.tangents.swap();
        }
        Ok(Some(!self.bad))
    }

    /// The matrix of the next product, where it stands in memory and is too large to be in the cache by chance.
    fn ahead(&self, dense: &Dense, transposed: bool) -> &'a [f32] {
        const LARGE: u64 = 1 << 14;
        if (dense.fan_in as u64) * (dense.fan_out as u64) < LARGE {
            return &[];
        }
        let at = self.cursor.layer;
        let next = (1..=5).find_map(|step| {
            let i = if transposed { at.checked_sub(step)? } else { at.saturating_add(step) };
            match self.network.layer(i) {
                Some(Layer::Dense(dense)) => Some(dense),
                _ => None,
            }
        });
        next.and_then(|next| self.weights.matrix(&next)).unwrap_or_default()
    }

    /// Every chain starts from its bias.
    #[inline(never)]
    fn fill_biases(&mut self, dense: &Dense, tiles: usize) {
        for row in 0..dense.fan_out {
            let bias = self.weights.bias(dense, row);
            self.values.fill(row as usize, tiles, bias);
        }
    }

    /// Which of the inputs are zero at all resident points, as values and as tangents.
    #[inline(never)]
    fn find_wanted(&mut self, inputs: u32, tiles: usize, two: bool) {
        let (values, tangents) = (&self.values, &self.tangents);
        let zero = |unit| values.all_zero(unit, tiles) && (!two || tangents.all_zero(unit, tiles));
        self.wanted = Wanted::unless(inputs, zero);
    }

    /// Whether all values (and tangents) of the first `units` units are finite.
    pub(super) fn finite(&mut self, units: usize, tiles: usize) -> bool {
        let (isa, tile_len) = (self.options.isa, self.values.tile_len);
        let bad = |_: usize, tile: &mut [f32]| !finite_elements(isa, elements_of::<T>(tile, units));
        let values = self.workers.any(self.values.used(tiles), tile_len, bad);
        let tangents = !self.reverse() && !self.moments() && self.workers.any(self.tangents.used(tiles), tile_len, bad);
        !values && !tangents
    }
}

impl Product<'_> {
    /// Continues the chains of the block's rows in every tile; whether one ended in NaN or infinity.
    fn run<K: Workers, const R: usize, const T: usize>(
        &self,
        workers: &K,
        buffers: &mut Activations<'_, T>,
        tiles: usize,
    ) -> bool {
        let tile_len = buffers.tile_len;
        let Some(there) = buffers.there.get_mut(..tiles * tile_len) else { return false };
        let here = &*buffers.here;
        let piece = self.ahead.len().div_ceil(tiles.max(1));
        workers.any(there, tile_len, |i, y| {
            let x = here.get(i * tile_len..).unwrap_or_default().as_chunks::<T>().0;
            let x = x.get(self.block.columns.start as usize..self.block.columns.end as usize).unwrap_or_default();
            let y = units_of::<T>(y, self.block.rows.end as usize);
            let y = y.get_mut(self.block.rows.start as usize..).unwrap_or_default();
            if self.from_zero {
                y.as_flattened_mut().fill(0.0);
            }
            match self.source {
                Source::Panel(panel) => chain::<R, T>(self.isa, panel, x, y),
                Source::Memory(matrix) => {
                    let ahead = self.ahead.chunks(piece.max(1)).nth(i).unwrap_or_default();
                    chain_matrix_ahead::<R, T>(self.isa, matrix, x, y, ahead);
                }
            }
            self.ends && !finite_elements(self.isa, y.as_flattened())
        })
    }
}
