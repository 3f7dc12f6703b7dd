use super::backward::Backward;
use super::forward::Forward;
use super::rows::Matrices;
use super::sink::{PART, Way, fitting, rows_at_once};
use crate::graph::Node;
use crate::kernel::{
    all_finite, conv_backward_input, conv_forward, conv_gather, conv_pack, conv_weight_gradient, nest_rows,
};
use crate::op::{Conv, Shortcut, Window, shortcut_backward, shortcut_forward};
use crate::shape::{conv_gathered_len, conv_read_past};
use crate::workers::Workers;
use core::ops::Range;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn conv(&mut self, node: &Node, window: Window, bias: bool) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let outputs = node.shape.channels as usize;
        let conv = Conv { input: shape.image(), channels: node.shape.channels, window };
        let (len, own) = (invariant!(conv.weights()) as usize, if bias { outputs } else { 0 });
        let (weights, biases) = self.affine(len, own);
        let each = weights.len() / outputs.max(1);
        let all =
            self.rows.take(0, outputs, each.wrapping_mul(node.shape.plane() as usize).wrapping_mul(self.memory.count));
        if all.end == outputs {
            self.rows.end_node();
        }
        self.take_if_done(len.wrapping_add(own));
        let (isa, scratch) = (self.room.isa, &mut *self.room.scratch);
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        let mut finite = true;
        for rows in fitting(all.len(), each, scratch.len(), nest_rows::<T>(isa)) {
            let rows = rows.start.wrapping_add(all.start)..rows.end.wrapping_add(all.start);
            let panel = invariant!(scratch.get_mut(..rows.len().wrapping_mul(each)));
            conv_pack::<T>(isa, &conv, false, rows.clone(), weights, panel);
            let panel = &*panel;
            let last = rows.end == outputs;
            finite = self.memory.across(from, to, |_, x, y| {
                conv_forward::<T>(isa, &conv, rows.clone(), panel, biases, x.as_chunks().0, y.as_chunks_mut().0);
                !last || all_finite(isa, y)
            });
        }
        finite
    }

    #[inline(never)]
    pub(super) fn shortcut(&mut self, node: &Node, channels: u32, stride: u32) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let shortcut = Shortcut { input: shape.image(), channels, stride };
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |_, x, y| shortcut_forward(&shortcut, T, x, y).is_ok())
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    pub(super) fn conv(&mut self, node: &Node, window: Window, bias: bool) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (conv, all) = self.kernels(node, window, bias);
        self.by_rows(
            node,
            all,
            |pass, at, rows| pass.conv_operand(node, &conv, at, rows),
            |pass, at, rows| pass.conv_parameters(node, &conv, bias, (at, rows)),
        )
    }

    #[inline(always)]
    fn kernels(&self, node: &Node, window: Window, bias: bool) -> (Conv, Matrices) {
        let (_, shape) = self.at_hand(node);
        let conv = Conv { input: shape.image(), channels: node.shape.channels, window };
        let (inputs, outputs) = (conv.input.channels as usize, conv.channels as usize);
        let weights = invariant!(conv.weights()) as usize;
        let len = weights.wrapping_add(if bias { outputs } else { 0 });
        // Multiply-adds of a point.
        let of = |rows: usize| (rows, (weights / rows.max(1)).wrapping_mul(node.shape.plane() as usize));
        (conv, Matrices { operand: of(inputs), parameters: of(outputs), len })
    }

    #[inline(never)]
    fn conv_operand(&mut self, node: &Node, conv: &Conv, at: usize, all: Range<usize>) -> bool {
        let (isa, inputs) = (self.room.isa, conv.input.channels as usize);
        let (from, to) = (self.memory.gradient(self.at_hand(node).0), self.target(node));
        let weights = invariant!(self.sink.parameters().get(at..));
        let weights = invariant!(weights.get(..invariant!(conv.weights()) as usize));
        let scratch = &mut *self.room.scratch;
        let each = weights.len() / inputs.max(1);
        let mut finite = true;
        for rows in fitting(all.len(), each, scratch.len(), nest_rows::<T>(isa)) {
            let rows = rows.start.wrapping_add(all.start)..rows.end.wrapping_add(all.start);
            let panel = invariant!(scratch.get_mut(..rows.len().wrapping_mul(each)));
            conv_pack::<T>(isa, conv, true, rows.clone(), weights, panel);
            let panel = &*panel;
            let last = rows.end == inputs;
            finite = self.memory.across(from, to, |_, g, to| {
                conv_backward_input::<T>(isa, conv, rows.clone(), panel, g.as_chunks().0, to.as_chunks_mut().0);
                !last || all_finite(isa, to)
            });
        }
        finite
    }

    #[inline(never)]
    fn conv_parameters(&mut self, node: &Node, conv: &Conv, bias: bool, (at, all): (usize, Range<usize>)) {
        let Some((inputs_len, outputs_len)) = conv_gathered_len(conv, T as u64) else { return };
        let past = conv_read_past(T as u64) as usize;
        let (inputs_len, outputs_len) = ((inputs_len as usize).saturating_sub(past), outputs_len as usize);
        let (from, of) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0));
        let (isa, workers, tiles) = (self.room.isa, self.memory.workers, self.memory.tiles);
        let (x, g) = (self.memory.get(from), self.memory.get(of));
        let (scratch, gathered) = (&mut *self.room.scratch, &mut *self.room.gathered);
        let outputs = conv.channels as usize;
        let each = invariant!(conv.weights()) as usize / outputs.max(1);
        // Biases come with the weights where there is room for all of both, otherwise after them.
        let whole = all.len() == outputs;
        let bias = bias && all.end == outputs;
        let biases = if bias { outputs } else { 0 };
        let together = whole
            && (scratch.len() >= outputs * each + biases || matches!(self.sink.way, Way::Buffer(..)))
            && !self.sink.freezes();
        let capacity = if together { usize::MAX } else { scratch.len() };
        for rows in fitting(all.len(), each, capacity, PART) {
            let rows = rows.start.wrapping_add(all.start)..rows.end.wrapping_add(all.start);
            let end = at + rows.end * each + if together { biases } else { 0 };
            self.sink.with(at + rows.start * each..end, scratch, |gradient| {
                let (weights, biases) = invariant!(gradient.split_at_mut_checked(rows.len() * each));
                let rows_at_once = rows_at_once(workers, rows.len());
                let room = gathered.len().saturating_sub(past);
                let at_once = (room / (inputs_len + outputs_len).max(1)).min(tiles).max(1);
                let (inputs, outputs) = invariant!(gathered.split_at_mut_checked(at_once * inputs_len + past));
                for first in (0..tiles).step_by(at_once) {
                    let now = at_once.min(tiles - first);
                    let used = invariant!(inputs.get_mut(..now * inputs_len));
                    workers.any2(used, inputs_len, outputs, outputs_len, |i, inputs, outputs| {
                        let tile = first + i;
                        let x = invariant!(x.get(tile * from.tile_len..)).as_chunks::<T>().0;
                        let g = invariant!(g.get(tile * of.tile_len..)).as_chunks::<T>().0;
                        conv_gather::<T>(isa, conv, T, x, g, inputs, outputs);
                        false
                    });
                    let (inputs, outputs, points) = (&*inputs, &*outputs, now * T);
                    workers.any(weights, rows_at_once * each, |part, weights| {
                        let row = rows.start + part * rows_at_once;
                        conv_weight_gradient::<T>(isa, conv, points, row, inputs, outputs, weights, &mut []);
                        false
                    });
                    conv_weight_gradient::<T>(isa, conv, points, 0, &[], outputs, &mut [], biases);
                }
            });
        }
        if bias && !together {
            self.sink.with(at + outputs * each..at + outputs * each + outputs, scratch, |gradient| {
                let plane = node.shape.plane() as usize;
                for g in g.chunks_exact(of.tile_len.max(1)).take(tiles) {
                    let channels = g.as_chunks::<T>().0.chunks_exact(plane.max(1));
                    for (bias, positions) in gradient.iter_mut().zip(channels) {
                        for lane in 0..T {
                            positions.iter().for_each(|g| *bias += invariant!(g.get(lane).copied()));
                        }
                    }
                }
            });
        }
    }

    #[inline(never)]
    pub(super) fn shortcut(&mut self, node: &Node, channels: u32, stride: u32) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (_, shape) = self.at_hand(node);
        let shortcut = Shortcut { input: shape.image(), channels, stride };
        // What is taken or +0.0, so that nothing has to be looked at.
        self.passes_on_unchecked(node.x);
        self.across(node, |_, g, to| shortcut_backward(&shortcut, T, g, to).is_ok())
    }
}
