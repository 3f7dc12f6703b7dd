//! Convolutions by groups whose weights are drawn, all at once.
use super::super::grouped_conv::{COMPILED, Pass};
use super::Run;
use crate::graph::Node;
use crate::weights::{Block, Seeded};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Run<'_, K, R, T> {
    /// Draws the weights of a convolution by groups and computes its values and tangents, or the gradient of its operand. Returns None for other
    /// nodes, otherwise whether all results are finite.
    #[inline(never)]
    pub(super) fn drawn_grouped_conv(&mut self, node: &Node, seeded: &Seeded) -> Option<bool> {
        if !COMPILED {
            return None;
        }
        let transposed = self.cursor.backward;
        let input = self.memory.plan.graph().shape(node.x as usize).image();
        let (conv, bias) = node.op.grouped_conv(input)?;
        let dense = seeded.grouped_conv(node.address, &conv, bias)?;
        let (from, to) = match transposed {
            false => (self.memory.span(node.x), self.memory.span(self.cursor.node)),
            true => (self.memory.gradient(self.cursor.node), self.pass_back().target(node)),
        };
        let two = self.takes_tangents();
        let block = Block { transposed: false, rows: 0..dense.fan_out, columns: 0..dense.fan_in };
        // `Run::new` has checked that there is room.
        let biases = if bias { conv.channels as usize } else { 0 };
        let (biases, scratch) = invariant!(self.room.scratch.split_at_mut_checked(biases));
        let drawn_len = block.len().wrapping_add(seeded.behind(&dense));
        let (drawn, scratch) = invariant!(scratch.split_at_mut_checked(drawn_len));
        seeded.fill::<1>(&dense, &block, drawn);
        for (row, bias) in (0..).zip(&mut *biases) {
            *bias = seeded.bias(&dense, row);
        }
        let weights = invariant!(drawn.get(..block.len()));
        let rows = 0..if transposed { conv.input.channels } else { conv.channels } as usize;
        let mut finite = true;
        for turn in 0..if two { 2 } else { 1 } {
            // Tangents use the slots of the values, in a buffer of their own, and have no biases.
            let biases = if turn == 0 { &*biases } else { &[] };
            let pass = Pass { conv: &conv, transposed, weights, biases };
            finite &= pass.run(&mut self.memory, (self.room.isa, &mut *scratch), rows.clone(), (from, to));
            if two {
                core::mem::swap(&mut self.memory.values, &mut self.tangents);
            }
        }
        let products = (block.len() as u64).saturating_mul(node.shape.plane() as u64);
        let points = (self.memory.count as u64).saturating_mul(if two { 2 } else { 1 });
        self.drawing.next_part(products.saturating_mul(points));
        self.drawing.restart();
        if transposed { self.settled(node, Some(finite)) } else { Some(finite) }
    }
}
