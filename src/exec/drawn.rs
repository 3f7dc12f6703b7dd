//! Matrix products whose weights are drawn one panel at a time.
use super::memory::{Memory, Span};
use super::run::Room;
use crate::kernel::{Isa, all_finite, chain};
use crate::weights::{Block, Dense, Role, Seeded, Wanted};
use crate::workers::Workers;

/// The progress of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawing {
    row: u32,
    column: u32,
    /// Whether a result so far is NaN or infinite.
    bad: bool,
    /// The product of which panels are left.
    pub product: Product,
    /// The inputs whose weights are needed.
    wanted: Wanted,
    /// Multiply-adds of all products so far.
    pub done: u64,
}

impl Drawing {
    pub const START: Self =
        Self { row: 0, column: 0, bad: false, product: Product::NONE, wanted: Wanted::ALL, done: 0 };

    /// Discards a product that was not finished.
    pub fn restart(&mut self) {
        (self.row, self.column) = (0, 0);
    }

    /// Parts of a convolution that have been computed.
    pub fn parts(&self) -> usize {
        self.row as usize
    }

    /// Takes up what a part gave; the first forgets the product before.
    pub fn found(&mut self, finite: bool) {
        self.bad = !finite || (self.bad && self.row > 0);
    }

    /// Moves to the next part.
    pub fn next_part(&mut self, products: u64) {
        self.row = self.row.saturating_add(1);
        self.done = self.done.saturating_add(products);
    }

    /// Ends a convolution; whether all of it is finite.
    pub fn end(&mut self) -> bool {
        self.restart();
        !self.bad
    }

    /// Whether no panel of the current product has been drawn.
    pub fn is_new(&self) -> bool {
        self.row == 0 && self.column == 0
    }
}

/// A product of drawn weights with values and, in forward mode, with their tangents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub dense: Dense,
    pub transposed: bool,
    pub from: Span,
    pub to: Span,
}

impl Drawing {
    /// Draws one panel and multiplies by it. Returns None while panels are left, otherwise whether all results are finite.
    pub fn step<'a, K: Workers, const R: usize, const T: usize>(
        &mut self,
        seeded: &Seeded,
        (memory, tangents): (&mut Memory<'a, K, T>, &mut &'a mut [f32]),
        room: &mut Room<'_>,
    ) -> Option<bool> {
        let Product { ref dense, transposed, from, to } = self.product;
        let (rows, columns) = if transposed { (dense.fan_in, dense.fan_out) } else { (dense.fan_out, dense.fan_in) };
        let two = !tangents.is_empty();
        let biased = dense.bias && !transposed;
        if self.is_new() {
            self.bad = false;
            if biased {
                self.product.begin(seeded, memory);
            }
            // With SIMD draws, skipping single weights saves nothing.
            if !room.isa.has_words() {
                self.wanted = self.product.find_wanted(columns, memory, tangents);
            }
        }
        let panel = &mut *room.scratch;
        // `Run::new` has checked the length of the panel, so this does not fail.
        let Ok(block) = seeded.block(dense, transposed, (self.row, self.column), panel.len(), R as u32) else {
            return Some(false);
        };
        seeded.fill_wanted::<R>(dense, &block, panel, &self.wanted);
        let panel = invariant!(panel.get(..block.len()));
        let ends = block.columns.end >= columns;
        let first = block.columns.start == 0;
        let part = Part { isa: room.isa, panel, block: &block, ends, from, to };
        self.bad |= part.run::<K, R, T>(memory, first && !biased);
        if two {
            // Tangents use the slots of the values, in a buffer of their own.
            core::mem::swap(&mut memory.values, tangents);
            self.bad |= part.run::<K, R, T>(memory, first);
            core::mem::swap(&mut memory.values, tangents);
        }
        let products = block.len() as u64 * memory.count as u64;
        self.done = self.done.saturating_add(if two { 2 * products } else { products });
        (self.row, self.column) = if ends { (block.rows.end, 0) } else { (block.rows.start, block.columns.end) };
        if self.row < rows {
            return None;
        }
        (self.row, self.column) = (0, 0);
        Some(!self.bad)
    }
}

impl Product {
    const NONE: Self = Self {
        dense: Dense { role: Role::Hidden, layer: 0, fan_in: 0, fan_out: 0, taps: 1, bias: false },
        transposed: false,
        from: Span { start: 0, len: 0, tile_len: 0 },
        to: Span { start: 0, len: 0, tile_len: 0 },
    };

    /// Initializes every chain with its bias.
    #[inline(never)]
    fn begin<K: Workers, const T: usize>(&self, seeded: &Seeded, memory: &mut Memory<'_, K, T>) {
        let values = memory.get_mut(self.to);
        for row in 0..self.dense.fan_out {
            let bias = seeded.bias(&self.dense, row);
            // Does not wrap: offsets in the values or just past their end.
            let mut at = (row as usize).wrapping_mul(T);
            while let Some(lanes) = values.get_mut(at..).and_then(|x| x.first_chunk_mut::<T>()) {
                *lanes = [bias; T];
                at = at.wrapping_add(self.to.tile_len);
            }
        }
    }

    /// The inputs whose value or tangent is not zero at some resident point.
    #[inline(never)]
    fn find_wanted<K: Workers, const T: usize>(
        &self,
        inputs: u32,
        memory: &Memory<'_, K, T>,
        tangents: &[f32],
    ) -> Wanted {
        let Span { start, len, tile_len } = self.from;
        let values = memory.get(self.from);
        let tangents = match tangents.get(start..).and_then(|t| t.get(..len)) {
            Some(tangents) => tangents,
            // Reverse mode has none.
            None => &[],
        };
        let all_zero = |x: &[f32], unit: u32| match x.get(unit as usize * T..) {
            Some(x) => x.chunks(tile_len.max(1)).all(|lanes| lanes.iter().take(T).all(|x| x.to_bits() << 1 == 0)),
            None => true,
        };
        Wanted::unless(inputs, |unit| all_zero(values, unit) && all_zero(tangents, unit))
    }
}

/// One panel of a product.
struct Part<'p> {
    isa: Isa,
    panel: &'p [f32],
    block: &'p Block,
    /// Whether this panel is the last one of its rows.
    ends: bool,
    from: Span,
    to: Span,
}

impl Part<'_> {
    /// Continues the chains of the panel's rows in every tile. Returns whether a finished chain is NaN or infinite.
    fn run<K: Workers, const R: usize, const T: usize>(&self, memory: &mut Memory<'_, K, T>, from_zero: bool) -> bool {
        let (columns, rows) = (&self.block.columns, &self.block.rows);
        !memory.across(self.from, self.to, |_, x, y| {
            let x = invariant!(x.as_chunks::<T>().0.get(columns.start as usize..columns.end as usize));
            let y = invariant!(y.as_chunks_mut::<T>().0.get_mut(rows.start as usize..rows.end as usize));
            if from_zero {
                y.as_flattened_mut().fill(0.0);
            }
            chain::<R, T>(self.isa, self.panel, x, y);
            !self.ends || all_finite(self.isa, y.as_flattened())
        })
    }
}
