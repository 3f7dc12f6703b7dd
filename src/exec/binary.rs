use super::backward::Backward;
use super::forward::Forward;
use crate::graph::{Node, Saved};
use crate::kernel::all_finite;
use crate::op::{Binary, binary_of};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// An operation with two operands and without parameters, out of place.
    #[inline(never)]
    pub(super) fn binary(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let operands = [node.x, node.y].map(|i| self.memory.plan.graph().shape(i as usize));
        let Some(binary) = binary_of(&node.op, operands, node.shape) else { return false };
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let [first, second, to] = [node.x, node.y, self.node()].map(|i| self.memory.span(i));
        let (rest, value) = self.memory.writing(to);
        let (x, y) = (rest.get(first), rest.get(second));
        !workers.any(value, to.tile_len, |tile, value| {
            binary.forward(T, (first.of_tile(x, tile), second.of_tile(y, tile)), value);
            !all_finite(isa, value)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn binary(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let operands = [node.x, node.y].map(|i| self.memory.plan.graph().shape(i as usize));
        let Some(binary) = binary_of(&node.op, operands, node.shape) else { return false };
        // Both are written even if the first is not finite.
        self.binary_operand(node, &binary, false) & self.binary_operand(node, &binary, true)
    }

    /// The gradient of one operand.
    fn binary_operand(&mut self, node: &Node, binary: &Binary, second: bool) -> bool {
        let operand = if second { node.y } else { node.x };
        if !self.wants(operand) {
            return true;
        }
        let (i, shape) = self.at_hand(node);
        // The first of two gradients of one value is stored, the second added.
        let stores = self.is_first(operand) && !(second && node.x == node.y);
        let gradient = self.memory.gradient(operand);
        let to = if stores { gradient } else { self.memory.part(i, operand) };
        let saved = matches!(node.op.backward(shape, 1, false).saved, Saved::Operands);
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let [x, y] = [node.x, node.y].map(|i| self.memory.span(i));
        let of = self.memory.gradient(i);
        let (rest, target) = self.memory.writing(to);
        let (first, last, g) = (rest.get(x), rest.get(y), rest.get(of));
        let any = workers.any(target, to.tile_len, |tile, to| {
            let operands = if saved { (x.of_tile(first, tile), y.of_tile(last, tile)) } else { (&[][..], &[][..]) };
            binary.backward(second, T, operands, of.of_tile(g, tile), to);
            !all_finite(isa, to)
        });
        let finite = !any;
        if stores { finite } else { self.accumulate(to, gradient, 1.0) && finite }
    }
}
