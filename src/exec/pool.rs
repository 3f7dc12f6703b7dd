use super::backward::Backward;
use super::forward::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::{
    Pool, Window, average_pool_backward, average_pool_forward, max_pool_backward, max_pool_forward, max_pool_values,
};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn average_pool(&mut self, node: &Node, window: Window) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, Pool { input: shape.image(), window });
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |_, x, y| average_pool_forward(&pool, T, x, y).is_ok() && all_finite(isa, y))
    }

    pub(super) fn max_pool(&mut self, node: &Node, window: Window) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let i = self.at_hand(node).0;
        match self.take_tape(self.memory.span(i).tile_len) {
            Some(at) => self.max_pool_saving(node, window, at),
            None => self.max_pool_values(node, window),
        }
    }

    #[inline(never)]
    fn max_pool_values(&mut self, node: &Node, window: Window) -> bool {
        let (i, shape) = self.at_hand(node);
        let pool = Pool { input: shape.image(), window };
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |_, x, y| max_pool_values(&pool, T, x, y).is_ok())
    }

    #[inline(never)]
    fn max_pool_saving(&mut self, node: &Node, window: Window, at: usize) -> bool {
        let (i, shape) = self.at_hand(node);
        let pool = Pool { input: shape.image(), window };
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across_taped((from, to), at, |x, y, tape| max_pool_forward(&pool, T, x, y, tape).is_ok())
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn average_pool(&mut self, node: &Node, window: Window) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (_, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, Pool { input: shape.image(), window });
        self.across(node, |_, g, to| average_pool_backward(&pool, T, g, to).is_ok() && all_finite(isa, to))
    }

    #[inline(never)]
    pub(super) fn max_pool(&mut self, node: &Node, window: Window) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "conv") {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, Pool { input: shape.image(), window });
        let at = self.take_tape(self.memory.gradient(i).tile_len);
        let (tape, tape_tile_len) = (core::mem::take(&mut self.memory.tape), self.memory.tape_tile_len);
        let of_tile = |tile: usize| invariant!(tape.get(tile.wrapping_mul(tape_tile_len).wrapping_add(at)..));
        let finite = self.across(node, |tile, g, to| {
            max_pool_backward(&pool, T, of_tile(tile), g, to).is_ok() && all_finite(isa, to)
        });
        self.memory.tape = tape;
        finite
    }
}
