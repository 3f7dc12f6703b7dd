use super::backward::Backward;
use crate::graph::Node;
use crate::kernel::{Isa, Steps, chain_rows, interleave};
use crate::shape::COLUMNS;
use crate::workers::Workers;

/// Tiles of operands turned for chains through points and their positions.
#[derive(Clone, Copy)]
pub(super) struct Gathered<'b> {
    data: &'b [f32],
    of_tile: usize,
    /// Of the first tile, and of a tile.
    points: (usize, usize),
    count: usize,
    plane: usize,
}

impl<'b> Gathered<'b> {
    /// (rows, operands) of each tile: a row is a place of a point, its columns are channels. One operand stands behind the other, and
    /// behind the last as much as a register reads past it.
    pub fn tiles(self) -> impl Iterator<Item = (usize, &'b [f32])> {
        let Self { data, of_tile, points: (first, each), count, plane } = self;
        let left = move |i: usize| count.saturating_sub(first + i * each).min(each);
        data.chunks_exact(of_tile.max(1)).enumerate().map(move |(i, tile)| (left(i) * plane, tile))
    }
}

/// Lets `chains` see all tiles of N operands `[channel][place][T]` as `[point][place][channel]`, as many at a time as fit.
///
/// # Shapes
/// An operand is its tiles and how many elements one has; `shape` is (channels, positions, points).
pub(super) fn gather<K: Workers, const N: usize, const T: usize>(
    (isa, workers): (Isa, &K),
    (channels, plane, count): (usize, usize, usize),
    operands: [(&[f32], usize); N],
    gathered: &mut [f32],
    mut chains: impl FnMut(Gathered<'_>),
) {
    let (each, tiles) = (channels * plane * T, count.div_ceil(T));
    let of_tile = N * each + COLUMNS;
    let at_once = (gathered.len() / of_tile.max(1)).max(1).min(tiles);
    let gathered = invariant!(gathered.get_mut(..at_once * of_tile));
    let from = Steps { first: 0, outer: plane * T, place: T };
    let into = Steps { first: 0, outer: plane * channels, place: channels };
    for first in (0..tiles).step_by(at_once.max(1)) {
        workers.any(gathered, of_tile, |i, gathered| {
            let tile = first + i;
            if tile < tiles {
                for ((x, tile_len), to) in operands.iter().zip(gathered.chunks_exact_mut(each.max(1))) {
                    let x = invariant!(x.get(tile * tile_len..));
                    interleave(isa, (channels, T, plane), (x, from), (to, into));
                }
            }
            false
        });
        chains(Gathered { data: gathered, of_tile, points: (first * T, T), count, plane });
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    /// Adds the gradient of the value at hand, points and then positions ascending, to the gradients of the parameters from `at` on, one a channel.
    pub(super) fn chain_channels(&mut self, node: &Node, at: usize) {
        self.chain_rows(node, at, (node.shape.channels as usize, node.shape.plane() as usize));
    }

    /// The same of so many rows of the value, of `plane` units each.
    pub(super) fn chain_rows(&mut self, node: &Node, at: usize, (channels, plane): (usize, usize)) {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let of = self.memory.gradient(self.at_hand(node).0);
        let terms = self.memory.get(of);
        let gathered = &mut *self.room.gathered;
        self.sink.with(at..at.wrapping_add(channels), self.room.scratch, |gradient| {
            let shape = (channels, plane, count);
            gather::<K, 1, T>((isa, workers), shape, [(terms, of.tile_len)], gathered, |gathered| {
                workers.any(gradient, COLUMNS, |part, sums| {
                    for (rows, terms) in gathered.tiles() {
                        let terms = invariant!(terms.get(part.wrapping_mul(COLUMNS)..));
                        chain_rows::<false>(isa, (rows, channels), (terms, &[]), sums, &mut []);
                    }
                    false
                });
            });
        });
    }
}
