use super::backward::Backward;
use super::forward::{Forward, Mode};
use super::memory::Span;
use super::rows::Matrices;
use super::sink::{PART, fitting, rows_at_once};
use crate::graph::Node;
use crate::kernel::{Matrix, all_finite, chain_matrix_ahead, descend, weight_gradient};
use crate::workers::Workers;
use core::ops::Range;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    // The kinds of operations are out of line: what one needs of a small stack is not there while another is at work.
    #[inline(never)]
    pub(super) fn dense(&mut self, node: &Node, bias: bool) -> bool {
        if !self.rows.are_all() {
            return self.dense_part(node, bias);
        }
        let (i, shape) = self.at_hand(node);
        let (inputs, outputs) = (invariant!(shape.units()) as usize, node.shape.channels as usize);
        let weights = self.take(inputs.wrapping_mul(outputs));
        let biases = self.take_biases(if bias { outputs } else { 0 });
        let (isa, tiles) = (self.room.isa, self.memory.tiles);
        let probing = matches!(self.mode, Mode::Probing);
        let ahead = next(probing, weights.len(), |len| self.to_come().get(..len));
        let matrix = Matrix { data: weights, stride: inputs, transposed: false };
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |tile, x, y| {
            let (x, y) = (x.as_chunks::<T>().0, y.as_chunks_mut::<T>().0);
            begin(biases, y);
            chain_matrix_ahead::<R, T>(isa, matrix, x, y, piece(ahead, tile, tiles));
            all_finite(isa, y.as_flattened())
        })
    }

    /// As many rows as a step may take.
    #[inline(never)]
    fn dense_part(&mut self, node: &Node, bias: bool) -> bool {
        let (i, shape) = self.at_hand(node);
        let (inputs, outputs) = (invariant!(shape.units()) as usize, node.shape.channels as usize);
        let rows = self.rows.take(0, outputs, inputs.wrapping_mul(self.memory.count));
        let (len, own) = (inputs.wrapping_mul(outputs), if bias { outputs } else { 0 });
        let (weights, biases) = self.affine(len, own);
        // Tangents have none.
        let biases = biases.get(rows.start..).map_or(&[][..], |biases| biases);
        let data = invariant!(weights.get(rows.start.wrapping_mul(inputs)..));
        let matrix = Matrix { data, stride: inputs, transposed: false };
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(i));
        if rows.end == outputs {
            self.rows.end_node();
        }
        self.take_if_done(len.wrapping_add(own));
        self.memory.across(from, to, |_, x, y| {
            let own = invariant!(y.as_chunks_mut::<T>().0.get_mut(rows.clone()));
            begin(biases, own);
            chain_matrix_ahead::<R, T>(isa, matrix, x.as_chunks().0, own, &[]);
            all_finite(isa, own.as_flattened())
        })
    }
}

/// The parameters beside a matrix of `len` elements that the next product probably needs: as many, if that is too many to be in the cache
/// by chance, on processors that are told what to fetch. Steps of training have few tiles: fetching takes longer there than it saves.
fn next<'p>(probing: bool, len: usize, find: impl FnOnce(usize) -> Option<&'p [f32]>) -> &'p [f32] {
    const LARGE: usize = 1 << 14;
    match cfg!(registers = "x86") && probing && len >= LARGE {
        // Nothing is behind the last product.
        true => find(len).map_or(&[], |next| next),
        false => &[],
    }
}

/// Those that are fetched with one of `tiles` tiles.
fn piece(ahead: &[f32], tile: usize, tiles: usize) -> &[f32] {
    let each = ahead.len().div_ceil(tiles.max(1)).max(1);
    // The last tiles have nothing left to fetch.
    ahead.chunks(each).nth(tile).map_or(&[], |piece| piece)
}

/// Chains start from their biases, or from +0.0 where there are none.
fn begin<const T: usize>(biases: &[f32], y: &mut [[f32; T]]) {
    let (from_biases, from_zero) = invariant!(y.split_at_mut_checked(biases.len().min(y.len())));
    from_zero.as_flattened_mut().fill(0.0);
    for (y, bias) in from_biases.iter_mut().zip(biases) {
        *y = [bias + 0.0; T];
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    pub(super) fn dense(&mut self, node: &Node, bias: bool) -> bool {
        if !self.rows.are_all() {
            return self.dense_part(node, bias);
        }
        let i = self.at_hand(node).0;
        let (inputs, outputs) = (self.memory.units(node.x), node.shape.channels as usize);
        let weights = inputs.wrapping_mul(outputs);
        let at = self.take(weights.wrapping_add(if bias { outputs } else { 0 }));
        let of = self.memory.gradient(i);
        let finite = if self.wants(node.x) { self.dense_operand(node, of, (at, inputs)) } else { self.is_finite() };
        if finite && self.sink.wanted() {
            self.dense_parameters(node, of, (inputs, outputs, bias), at);
        }
        finite
    }

    /// As many rows as a step may take.
    #[inline(never)]
    fn dense_part(&mut self, node: &Node, bias: bool) -> bool {
        let of = self.memory.gradient(self.at_hand(node).0);
        let (inputs, outputs) = (self.memory.units(node.x), node.shape.channels as usize);
        let weights = inputs.wrapping_mul(outputs);
        let len = weights.wrapping_add(if bias { outputs } else { 0 });
        self.by_rows(
            node,
            Matrices { operand: (inputs, outputs), parameters: (outputs, inputs), len },
            |pass, at, rows| pass.dense_operand_rows(node, of, (at, inputs), rows),
            |pass, at, rows| {
                // These rows are the outputs of a smaller layer.
                let from = rows.start.wrapping_mul(T);
                let own = Span { start: of.start.wrapping_add(from), len: of.len.saturating_sub(from), ..of };
                let last = rows.end == outputs;
                let first = at.wrapping_add(rows.start.wrapping_mul(inputs));
                pass.dense_parameters(node, own, (inputs, rows.len(), false), first);
                if bias && last {
                    pass.dense_parameters(node, of, (0, outputs, true), at.wrapping_add(weights));
                }
            },
        )
    }

    #[inline(never)]
    fn dense_operand_rows(
        &mut self,
        node: &Node,
        from: Span,
        (at, inputs): (usize, usize),
        rows: Range<usize>,
    ) -> bool {
        let (isa, to) = (self.room.isa, self.target(node));
        let end = at.wrapping_add(inputs.wrapping_mul(node.shape.channels as usize));
        let data = invariant!(self.sink.parameters().get(at.wrapping_add(rows.start)..end));
        let matrix = Matrix { data, stride: inputs, transposed: true };
        self.memory.across(from, to, |_, g, to| {
            let to = invariant!(to.as_chunks_mut().0.get_mut(rows.clone()));
            to.as_flattened_mut().fill(0.0);
            chain_matrix_ahead::<R, T>(isa, matrix, g.as_chunks().0, to, &[]);
            all_finite(isa, to.as_flattened())
        })
    }

    #[inline(never)]
    fn dense_operand(&mut self, node: &Node, from: Span, (at, inputs): (usize, usize)) -> bool {
        let to = self.target(node);
        let (isa, tiles) = (self.room.isa, self.memory.tiles);
        let parameters = self.sink.parameters();
        let weights = invariant!(parameters.get(at..));
        let len = inputs.wrapping_mul(node.shape.channels as usize);
        let data = invariant!(weights.get(..len));
        let matrix = Matrix { data, stride: inputs, transposed: true };
        let ahead = next(!self.sink.wanted(), len, |len| parameters.get(at.checked_sub(len)?..at));
        let finite = self.memory.across(from, to, |tile, g, to| {
            to.fill(0.0);
            chain_matrix_ahead::<R, T>(isa, matrix, g.as_chunks().0, to.as_chunks_mut().0, piece(ahead, tile, tiles));
            all_finite(isa, to)
        });
        finite && self.settle(node)
    }

    #[inline(never)]
    fn dense_parameters(&mut self, node: &Node, of: Span, (inputs, outputs, bias): (usize, usize, bool), at: usize) {
        let from = self.memory.span(node.x);
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let (x, g) = (self.memory.get(from), self.memory.get(of));
        let weights = inputs.wrapping_mul(outputs);
        if T == 1
            && let Some((parameters, rate)) = self.sink.descent()
        {
            // One point: a gradient is one product, and no sum.
            let own = invariant!(parameters.get_mut(at..));
            let (own, biases) = invariant!(own.split_at_mut_checked(weights));
            if x.len() == from.tile_len {
                descend(isa, (outputs, inputs), rate, x, g, own);
                if bias {
                    biases.iter_mut().zip(g).take(outputs).for_each(|(bias, g)| *bias -= rate * g);
                }
                return;
            }
        }
        let scratch = &mut *self.room.scratch;
        // Biases alone have no inputs.
        for rows in fitting(if inputs > 0 { outputs } else { 0 }, inputs, scratch.len(), PART) {
            let begin = at.wrapping_add(rows.start.wrapping_mul(inputs));
            let range = begin..begin.wrapping_add(rows.len().wrapping_mul(inputs));
            self.sink.with(range, scratch, |gradient| {
                let at_once = rows_at_once(workers, rows.len());
                workers.any(gradient, at_once.saturating_mul(inputs), |part, gradient| {
                    let first = rows.start.wrapping_add(part.wrapping_mul(at_once));
                    let shape = (gradient.len() / inputs.max(1), inputs, T);
                    // Not a zip of two: where it is not inlined, the compiler forgets that no chunk is empty.
                    for (tile, x) in x.chunks_exact(from.tile_len.max(1)).enumerate() {
                        let g = g.get(tile.wrapping_mul(of.tile_len).wrapping_add(first.wrapping_mul(T))..);
                        weight_gradient(isa, shape, x, invariant!(g), gradient);
                    }
                    false
                });
            });
        }
        if bias {
            let at = at.wrapping_add(weights);
            for rows in fitting(outputs, 1, scratch.len(), 1) {
                self.sink.with(at.wrapping_add(rows.start)..at.wrapping_add(rows.end), scratch, |gradient| {
                    for g in g.chunks_exact(of.tile_len.max(1)) {
                        let g = invariant!(g.as_chunks::<T>().0.get(rows.clone()));
                        for (bias, g) in gradient.iter_mut().zip(g) {
                            g.iter().for_each(|g| *bias += g);
                        }
                    }
                });
            }
        }
    }
}
