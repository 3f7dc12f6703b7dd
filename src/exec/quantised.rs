//! Operations on values of i8, and between these and f32, a point at a time.
use super::forward::Forward;
use crate::graph::Node;
use crate::workers::Workers;
#[cfg(feature = "int8")]
use crate::{kernel::all_finite, op::int8::Quantised};

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// The plan has refused the graph: the code is left out.
    #[cfg(not(feature = "int8"))]
    pub(super) fn quantised(&mut self, _: &Node) -> bool {
        false
    }

    #[cfg(feature = "int8")]
    #[inline(never)]
    pub(super) fn quantised(&mut self, node: &Node) -> bool {
        // The executor has refused wider tiles: the code is left out.
        if T != 1 {
            return false;
        }
        let graph = self.memory.plan.graph();
        let operands = [node.x, node.y].map(|i| graph.shape(i as usize));
        // A checked graph has facts for each node.
        let len = invariant!(graph.facts(self.node()).map(|facts| facts.parameters_len() as usize));
        let parameters = self.take(len);
        let quantised = Quantised { op: &node.op, operands, value: node.shape, parameters };
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let [first, second, to] = [node.x, node.y, self.node()].map(|i| self.memory.span(i));
        let bytes = node.op.is_int8()[1];
        if first.start == to.start {
            // Only what works in place has its operand's place.
            return self.memory.over(to, |_, y| quantised.in_place(y));
        }
        let scratch: &mut [u32] = bytemuck::must_cast_slice_mut(&mut *self.room.scratch);
        let (rest, value) = self.memory.writing(to);
        let (x, y) = (rest.get(first), rest.get(second));
        let operands = |tile: usize| (first.of_tile(x, tile), second.of_tile(y, tile));
        if workers.count() == 1 {
            let tiles = value.chunks_exact_mut(to.tile_len.max(1));
            return tiles.enumerate().fold(true, |finite, (tile, value)| {
                quantised.forward(isa, operands(tile), scratch, value);
                finite & (bytes || all_finite(isa, value))
            });
        }
        // Several points at a time have no scratch.
        !workers.any(value, to.tile_len, |tile, value| {
            quantised.forward(isa, operands(tile), &mut [], value);
            !(bytes || all_finite(isa, value))
        })
    }
}
