use super::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::layer::{Pool, Window, average_pool_forward, max_pool_values};
use crate::network::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn average_pool(&mut self, node: &Node, window: Window) -> bool {
        let (i, shape) = self.at_hand(node);
        let (isa, pool) = (self.isa, Pool { input: shape.image(), window });
        self.memory.across(node.x, i, |x, y| average_pool_forward(&pool, T, x, y).is_ok() && all_finite(isa, y))
    }

    #[inline(never)]
    pub(super) fn max_pool(&mut self, node: &Node, window: Window) -> bool {
        let (i, shape) = self.at_hand(node);
        let pool = Pool { input: shape.image(), window };
        self.memory.across(node.x, i, |x, y| max_pool_values(&pool, T, x, y).is_ok())
    }
}
