//! Pools by dilated windows.
use super::backward::Backward;
use super::forward::Forward;
use super::grouped_conv::COMPILED;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::{
    DilatedPool, DilatedWindow, dilated_average_pool_backward, dilated_average_pool_forward, dilated_max_pool_backward,
    dilated_max_pool_forward,
};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn dilated_average_pool(&mut self, node: &Node, window: DilatedWindow, whole: bool) -> bool {
        if !COMPILED {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, DilatedPool { input: shape.image(), window });
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |_, x, y| {
            dilated_average_pool_forward(&pool, whole, T, x, y).is_ok() && all_finite(isa, y)
        })
    }

    #[inline(never)]
    pub(super) fn dilated_max_pool(&mut self, node: &Node, window: DilatedWindow) -> bool {
        if !COMPILED {
            return false;
        }
        let (i, shape) = self.at_hand(node);
        let pool = DilatedPool { input: shape.image(), window };
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        let bytes = pool.tape_len(T as u64) as usize;
        match self.take_tape(bytes) {
            Some(at) => self.memory.across_taped((from, to), at, |x, y, tape| {
                let tape = invariant!(tape.get_mut(..bytes));
                dilated_max_pool_forward(&pool, T, x, y, tape).is_ok()
            }),
            None => self.memory.across(from, to, |_, x, y| dilated_max_pool_forward(&pool, T, x, y, &mut []).is_ok()),
        }
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn dilated_average_pool(&mut self, node: &Node, window: DilatedWindow, whole: bool) -> bool {
        if !COMPILED {
            return false;
        }
        let (_, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, DilatedPool { input: shape.image(), window });
        self.across(node, |_, g, to| {
            dilated_average_pool_backward(&pool, whole, T, g, to).is_ok() && all_finite(isa, to)
        })
    }

    #[inline(never)]
    pub(super) fn dilated_max_pool(&mut self, node: &Node, window: DilatedWindow) -> bool {
        if !COMPILED {
            return false;
        }
        let (_, shape) = self.at_hand(node);
        let (isa, pool) = (self.room.isa, DilatedPool { input: shape.image(), window });
        let bytes = pool.tape_len(T as u64) as usize;
        let at = self.take_tape(bytes);
        let (tape, tape_tile_len) = (core::mem::take(&mut self.memory.tape), self.memory.tape_tile_len);
        let of_tile = |tile: usize| {
            let tape = invariant!(tape.get(tile.wrapping_mul(tape_tile_len).wrapping_add(at)..));
            invariant!(tape.get(..bytes))
        };
        let finite = self.across(node, |tile, g, to| {
            dilated_max_pool_backward(&pool, T, of_tile(tile), g, to).is_ok() && all_finite(isa, to)
        });
        self.memory.tape = tape;
        finite
    }
}
