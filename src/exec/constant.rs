use super::backward::Backward;
use super::forward::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::constant_forward;
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Parameters as a value. Their tangent is +0.0.
    #[inline(never)]
    pub(super) fn constant(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let (isa, linear, to) = (self.room.isa, self.linear, self.memory.span(self.node()));
        let constants = self.take(invariant!(node.shape.units()) as usize);
        self.memory.over(to, |_, y| {
            if linear {
                y.fill(0.0);
            } else {
                constant_forward(constants, T, y);
            }
            all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn constant(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "models") {
            return false;
        }
        let units = invariant!(node.shape.units()) as usize;
        let at = self.take(units);
        let finite = self.is_finite()
            && self.across(node, |_, _, to| {
                to.fill(0.0);
                true
            });
        if finite && self.sink.wanted() {
            self.chain_rows(node, at, (units, 1));
        }
        finite
    }
}
