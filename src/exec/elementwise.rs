use super::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::layer::{crelu_values, join_forward, prelu_in_place, relu_values};
use crate::network::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn relu(&mut self, node: &Node) -> bool {
        let (i, isa) = (self.node(), self.isa);
        self.memory.over(node.x, i, |y| {
            isa.compiled(|y: &mut [f32], ()| relu_values(y), y, ());
            true
        })
    }

    #[inline(never)]
    pub(super) fn crelu(&mut self, node: &Node) -> bool {
        let (i, shape) = self.at_hand(node);
        let (isa, plane) = (self.isa, (shape.plane() as usize).wrapping_mul(T));
        self.memory.across(node.x, i, |x, y| {
            isa.compiled(|x: &[f32], y: &mut [f32]| crelu_values(plane, x, y), x, y);
            true
        })
    }

    /// Slopes are looked at, too: one that met no negative value would hide.
    #[inline(never)]
    pub(super) fn prelu(&mut self, node: &Node) -> bool {
        let (i, isa) = (self.node(), self.isa);
        let slopes = self.take(node.shape.channels as usize);
        all_finite(isa, slopes)
            && self.memory.over(node.x, i, |y| {
                isa.compiled(prelu_in_place, slopes, &mut *y);
                all_finite(isa, y)
            })
    }
}

/// `y = (a * kept) + (b * y)`
#[inline(always)]
pub(super) fn join((a, kept): (f32, &[f32]), (b, y): (f32, &mut [f32])) {
    join_forward(a, kept, b, y);
}
