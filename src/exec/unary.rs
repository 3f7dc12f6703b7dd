use super::backward::Backward;
use super::forward::Forward;
use crate::graph::{Node, Saved};
use crate::kernel::all_finite;
use crate::op::unary_of;
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// An operation with one operand and without parameters, out of place.
    #[inline(never)]
    pub(super) fn unary(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let (i, operand) = self.at_hand(node);
        let Some(unary) = unary_of(&node.op, operand, node.shape) else { return false };
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(i));
        self.memory.across(from, to, |_, x, y| {
            unary.forward(T, x, y);
            all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn unary(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        if !self.wants(node.x) {
            return true;
        }
        let (i, operand) = self.at_hand(node);
        let Some(unary) = unary_of(&node.op, operand, node.shape) else { return false };
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let (gradient, to) = (self.memory.gradient(i), self.target(node));
        let of = match node.op.backward(operand, 1, false).saved {
            Saved::Operands => self.memory.span(node.x),
            Saved::Value => self.memory.span(i),
            // It reads no more than the gradient.
            Saved::Nothing | Saved::Normalised => gradient,
        };
        let (rest, target) = self.memory.writing(to);
        let (values, g) = (rest.get(of), rest.get(gradient));
        let any = workers.any(target, to.tile_len, |tile, to| {
            unary.backward(T, of.of_tile(values, tile), gradient.of_tile(g, tile), to);
            !all_finite(isa, to)
        });
        !any && self.settle(node)
    }
}
