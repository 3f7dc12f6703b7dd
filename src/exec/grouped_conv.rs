//! Convolutions by groups, by dilated windows.
use super::backward::Backward;
use super::forward::Forward;
use super::memory::{Memory, Span};
use super::rows::Matrices;
use super::sink::{PART, fitting, rows_at_once};
use crate::graph::Node;
use crate::kernel::{
    Isa, all_finite, conv_weight_gradient, grouped_conv_backward_input, grouped_conv_forward, grouped_conv_gather,
    grouped_conv_pack, nest_rows,
};
use crate::op::{Conv, GroupedConv, grouped_conv_backward_weights};
use crate::shape::{conv_gathered_len, conv_read_past};
use crate::workers::Workers;
use core::ops::Range;

/// Whether the code is there: the plan has refused the graph otherwise.
pub(super) const COMPILED: bool = cfg!(all(feature = "conv", feature = "models"));

/// A convolution with its weights and biases, forward or backward to its operand.
pub(super) struct Pass<'p> {
    pub conv: &'p GroupedConv,
    pub transposed: bool,
    pub weights: &'p [f32],
    pub biases: &'p [f32],
}

impl Pass<'_> {
    /// Weights of a row: of a channel out or, transposed, of a channel in.
    fn each(&self) -> usize {
        let (_, outputs) = invariant!(self.conv.per_group());
        // Nothing saturates: a part of the weights.
        let each = match self.transposed {
            false => self.conv.weights_each(),
            true => Some(self.conv.window.taps().saturating_mul(outputs as u64)),
        };
        invariant!(each) as usize
    }

    /// Whether rows are packed as they are: they are alone in their groups.
    fn is_packed(&self) -> bool {
        let (inputs, outputs) = invariant!(self.conv.per_group());
        if self.transposed { inputs == 1 } else { outputs == 1 }
    }

    /// Computes some rows of all tiles, as many at a time as the scratch holds packed. Returns whether all of the value is finite, if the last row
    /// is among them.
    pub(super) fn run<K: Workers, const T: usize>(
        &self,
        memory: &mut Memory<'_, K, T>,
        (isa, scratch): (Isa, &mut [f32]),
        all: Range<usize>,
        (from, to): (Span, Span),
    ) -> bool {
        let Self { conv, transposed, weights, biases } = *self;
        let total = if transposed { conv.input.channels } else { conv.channels } as usize;
        let (each, packed) = (self.each(), self.is_packed());
        let capacity = if packed { usize::MAX } else { scratch.len() };
        let mut finite = true;
        for rows in fitting(all.len(), each, capacity, nest_rows::<T>(isa)) {
            let rows = rows.start.wrapping_add(all.start)..rows.end.wrapping_add(all.start);
            let panel = if packed {
                invariant!(weights.get(rows.start.wrapping_mul(each)..rows.end.wrapping_mul(each)))
            } else {
                let panel = invariant!(scratch.get_mut(..rows.len().wrapping_mul(each)));
                grouped_conv_pack::<T>(isa, conv, transposed, rows.clone(), weights, panel);
                &*panel
            };
            let last = rows.end == total;
            finite = memory.across(from, to, |_, x, y| {
                let (x, to) = (x.as_chunks().0, y.as_chunks_mut().0);
                if transposed {
                    grouped_conv_backward_input::<T>(isa, conv, rows.clone(), panel, x, to);
                } else {
                    grouped_conv_forward::<T>(isa, conv, rows.clone(), panel, biases, x, to);
                }
                !last || all_finite(isa, y)
            });
        }
        finite
    }
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn grouped_conv(&mut self, node: &Node) -> bool {
        if !COMPILED {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let Some((conv, bias)) = node.op.grouped_conv(shape.image()) else { return false };
        let outputs = conv.channels as usize;
        let (len, own) = (invariant!(conv.weights()) as usize, if bias { outputs } else { 0 });
        let (weights, biases) = self.affine(len, own);
        let pass = Pass { conv: &conv, transposed: false, weights, biases };
        let products = pass.each().wrapping_mul(node.shape.plane() as usize).wrapping_mul(self.memory.count);
        let all = self.rows.take(0, outputs, products);
        if all.end == outputs {
            self.rows.end_node();
        }
        self.take_if_done(len.wrapping_add(own));
        let spans = (self.memory.span(node.x), self.memory.span(i));
        pass.run(self.memory, (self.room.isa, &mut *self.room.scratch), all, spans)
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn grouped_conv(&mut self, node: &Node) -> bool {
        if !COMPILED {
            return false;
        }
        let (_, shape) = self.at_hand(node);
        let Some((conv, bias)) = node.op.grouped_conv(shape.image()) else { return false };
        let (inputs, outputs) = (conv.input.channels as usize, conv.channels as usize);
        let weights = invariant!(conv.weights()) as usize;
        let len = weights.wrapping_add(if bias { outputs } else { 0 });
        // Multiply-adds of a point.
        let of = |rows: usize| (rows, (weights / rows.max(1)).wrapping_mul(node.shape.plane() as usize));
        self.by_rows(
            node,
            Matrices { operand: of(inputs), parameters: of(outputs), len },
            |pass, at, rows| pass.grouped_conv_operand(node, &conv, at, rows),
            |pass, at, rows| pass.grouped_conv_parameters(node, &conv, bias, (at, rows)),
        )
    }

    #[inline(never)]
    fn grouped_conv_operand(&mut self, node: &Node, conv: &GroupedConv, at: usize, all: Range<usize>) -> bool {
        let spans = (self.memory.gradient(self.at_hand(node).0), self.target(node));
        let weights = invariant!(self.sink.parameters().get(at..));
        let weights = invariant!(weights.get(..invariant!(conv.weights()) as usize));
        let pass = Pass { conv, transposed: true, weights, biases: &[] };
        pass.run(self.memory, (self.room.isa, &mut *self.room.scratch), all, spans)
    }

    #[inline(never)]
    fn grouped_conv_parameters(
        &mut self,
        node: &Node,
        conv: &GroupedConv,
        bias: bool,
        (at, all): (usize, Range<usize>),
    ) {
        let (from, of) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0));
        let (isa, workers, tiles) = (self.room.isa, self.memory.workers, self.memory.tiles);
        let (x, g) = (self.memory.get(from), self.memory.get(of));
        let (each, outputs) = (invariant!(conv.weights_each()) as usize, conv.channels as usize);
        let scratch = &mut *self.room.scratch;
        let gathered = &mut *self.room.gathered;
        for rows in fitting(all.len(), each, scratch.len(), PART) {
            // Nothing wraps: indices of weights, here and below.
            let rows = rows.start.wrapping_add(all.start)..rows.end.wrapping_add(all.start);
            let range = at.wrapping_add(rows.start.wrapping_mul(each))..at.wrapping_add(rows.end.wrapping_mul(each));
            let operands = Operands { conv, x: (x, from), g: (g, of), tiles, workers, isa };
            self.sink.with(range, scratch, |gradient| match conv.padded_group() {
                Some(group) => operands.gathered::<T>(&group, rows, gathered, gradient),
                None => operands.plain::<T>(rows, gradient),
            });
        }
        if bias && all.end == outputs {
            let first = at.wrapping_add(invariant!(conv.weights()) as usize);
            self.sink.with(first..first.wrapping_add(outputs), scratch, |gradient| {
                let each = (node.shape.plane() as usize).max(1);
                for tile in 0..tiles {
                    let channels = of.of_tile(g, tile).as_chunks::<T>().0.chunks_exact(each);
                    for (bias, positions) in gradient.iter_mut().zip(channels) {
                        for lane in 0..T {
                            positions.iter().for_each(|g| *bias += invariant!(g.get(lane).copied()));
                        }
                    }
                }
            });
        }
    }
}

/// What gradients of weights are computed from: the operand and the gradient of the value.
struct Operands<'v, K> {
    conv: &'v GroupedConv,
    x: (&'v [f32], Span),
    g: (&'v [f32], Span),
    tiles: usize,
    workers: &'v K,
    isa: Isa,
}

impl<K: Workers> Operands<'_, K> {
    /// Adds the gradients of some channels out by the plain loops.
    fn plain<const T: usize>(&self, rows: Range<usize>, gradient: &mut [f32]) {
        let Self { conv, x, g, tiles, workers, .. } = *self;
        let (each, at_once) = (invariant!(conv.weights_each()) as usize, rows_at_once(workers, rows.len()));
        workers.any(gradient, at_once.wrapping_mul(each), |part, gradient| {
            let first = rows.start.wrapping_add(part.wrapping_mul(at_once));
            let own = first..first.wrapping_add(at_once).min(rows.end);
            (0..tiles).any(|tile| {
                let (x, g) = (x.1.of_tile(x.0, tile), g.1.of_tile(g.0, tile));
                grouped_conv_backward_weights(conv, own.clone(), T, x, g, gradient).is_err()
            })
        });
    }

    /// The same, a group at a time, as many tiles as fit gathered between zeros.
    fn gathered<const T: usize>(&self, group: &Conv, rows: Range<usize>, gathered: &mut [f32], gradient: &mut [f32]) {
        let Self { conv, x: (x, from), g: (g, of), tiles, workers, isa } = *self;
        let Some((inputs_len, outputs_len)) = conv_gathered_len(group, T as u64) else { return };
        let past = conv_read_past(T as u64) as usize;
        let (inputs_len, outputs_len) = ((inputs_len as usize).saturating_sub(past), outputs_len as usize);
        let room = gathered.len().saturating_sub(past);
        let at_once = (room / inputs_len.saturating_add(outputs_len).max(1)).min(tiles).max(1);
        let used = at_once.wrapping_mul(inputs_len);
        let (inputs, outputs) = invariant!(gathered.split_at_mut_checked(used.wrapping_add(past)));
        let (own, each) = ((group.channels as usize).max(1), invariant!(conv.weights_each()) as usize);
        // Nothing wraps: numbers of channels, and indices of weights.
        let mut begin = rows.start;
        while begin < rows.end {
            let number = begin / own;
            let first = number.wrapping_mul(own);
            let end = first.wrapping_add(own).min(rows.end);
            let weights =
                begin.wrapping_sub(rows.start).wrapping_mul(each)..end.wrapping_sub(rows.start).wrapping_mul(each);
            let weights = invariant!(gradient.get_mut(weights));
            for tile in (0..tiles).step_by(at_once) {
                let now = at_once.min(tiles.saturating_sub(tile));
                let used = invariant!(inputs.get_mut(..now.wrapping_mul(inputs_len)));
                workers.any2(used, inputs_len, outputs, outputs_len, |i, inputs, outputs| {
                    let tile = tile.wrapping_add(i);
                    let operands = (from.of_tile(x, tile), of.of_tile(g, tile));
                    grouped_conv_gather::<T>(isa, conv, number, operands, inputs, outputs);
                    false
                });
                let (inputs, outputs, points) = (&*inputs, &*outputs, now.wrapping_mul(T));
                let at_once = rows_at_once(workers, end.wrapping_sub(begin));
                workers.any(weights, at_once.wrapping_mul(each), |part, weights| {
                    let row = begin.wrapping_sub(first).wrapping_add(part.wrapping_mul(at_once));
                    conv_weight_gradient::<T>(isa, group, points, row, inputs, outputs, weights, &mut []);
                    false
                });
            }
            begin = end;
        }
    }
}
