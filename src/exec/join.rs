use super::backward::Backward;
use super::forward::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::{join_backward_branch, join_forward};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// `(a x) + (b y)`
    #[inline(always)]
    pub(super) fn add(&mut self, node: &Node, (a, b): (f32, f32)) -> bool {
        let (i, isa) = (self.node(), self.room.isa);
        self.memory.joined((node.x, node.y), i, |swapped, kept, y| {
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            isa.compiled(join, (a, kept), (b, &mut *y));
            all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    /// `a g` to the first operand, `b g` to the second: what overwrites g at last.
    #[inline(never)]
    pub(super) fn add(&mut self, node: &Node, (a, b): (f32, f32)) -> bool {
        let (i, at) = (self.at_hand(node).0, |i: u32| self.memory.gradient(i).start);
        let last = self.wants(node.x) && node.x != node.y && at(node.x) == at(i);
        let (first, second) = if last { ((node.y, b), (node.x, a)) } else { ((node.x, a), (node.y, b)) };
        // The first of two gradients of one value is stored, the second added.
        // Both are written even if the first is not finite.
        self.scale_into(i, first, true) & self.scale_into(i, second, node.x != node.y)
    }

    fn scale_into(&mut self, i: u32, (x, a): (u32, f32), may_be_first: bool) -> bool {
        if !self.wants(x) {
            return true;
        }
        let (isa, from, to) = (self.room.isa, self.memory.gradient(i), self.memory.gradient(x));
        if from.start == to.start {
            return self.memory.over(to, |_, g| {
                isa.compiled(scale_in_place, a, &mut *g);
                all_finite(isa, g)
            });
        }
        if !(may_be_first && self.is_first(x)) {
            return self.accumulate(from, to, a);
        }
        self.memory.across(from, to, |_, g, to| {
            isa.compiled(scale, (a, g), &mut *to);
            all_finite(isa, to)
        })
    }
}

/// `y = (a * kept) + (b * y)`
#[inline(always)]
fn join((a, kept): (f32, &[f32]), (b, y): (f32, &mut [f32])) {
    join_forward(a, kept, b, y);
}

#[inline(always)]
fn scale_in_place(a: f32, g: &mut [f32]) {
    join_backward_branch(a, g);
}

#[inline(always)]
fn scale((a, g): (f32, &[f32]), to: &mut [f32]) {
    for (to, g) in to.iter_mut().zip(g) {
        *to = a * g;
    }
}
