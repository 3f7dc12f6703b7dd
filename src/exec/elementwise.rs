use super::backward::Backward;
use super::forward::{Forward, Mode, Passed};
use crate::graph::{Node, Saved};
use crate::kernel::{all_finite, crelu_backward, crelu_forward, relu_backward, relu_forward};
use crate::op::{Dropout, crelu_values, dropout_backward, dropout_forward, relu_values};
use crate::workers::Workers;

/// Bytes of tape with one bit per element of a tile.
pub(super) fn bytes(elements: usize) -> usize {
    elements.div_ceil(8)
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn relu(&mut self, node: &Node) -> bool {
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(self.node()));
        self.memory.copy(from, to);
        match self.take_tape(bytes(to.tile_len)) {
            Some(at) => self.memory.over_taped(to, at, |y, tape| {
                relu_forward(isa, y, tape);
                true
            }),
            None => self.memory.over(to, |_, y| {
                isa.compiled(|y: &mut [f32], ()| relu_values(y), y, ());
                true
            }),
        }
    }

    #[inline(never)]
    pub(super) fn crelu(&mut self, node: &Node) -> bool {
        let (i, shape) = self.at_hand(node);
        let (isa, plane) = (self.room.isa, shape.plane() as usize);
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        let bytes = bytes(from.tile_len);
        let tape = self.take_tape(bytes);
        if tape.is_none() && from.start != to.start {
            return self.memory.across(from, to, |_, x, y| {
                isa.compiled(|x: &[f32], y: &mut [f32]| crelu_values(plane.wrapping_mul(T), x, y), x, y);
                true
            });
        }
        // The operand in the first half of each tile of the value.
        self.memory.spread(from, to);
        match tape {
            Some(at) => self.memory.over_taped(to, at, |y, tape| {
                crelu_forward::<T>(isa, plane, y.as_chunks_mut::<T>().0, invariant!(tape.get_mut(..bytes)));
                true
            }),
            None => self.memory.over(to, |_, y| {
                crelu_forward::<T>(isa, plane, y.as_chunks_mut::<T>().0, &mut []);
                true
            }),
        }
    }

    /// An operation of single elements.
    #[inline(never)]
    pub(super) fn elements(&mut self, node: &Node) -> bool {
        let Some(elements) = node.op.elements() else { return false };
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(self.node()));
        self.memory.copy(from, to);
        self.memory.over(to, |_, y| {
            elements.value(y);
            all_finite(isa, y)
        })
    }

    #[inline(never)]
    pub(super) fn dropout(&mut self, node: &Node, rate: f32) -> bool {
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(self.node()));
        self.memory.copy(from, to);
        let Mode::Training { seed, step, .. } = self.mode else { return true };
        let Ok(dropout) = Dropout::new(seed, step, node.address, rate) else { return false };
        let first = self.memory.first;
        self.memory.over(to, |tile, y| {
            dropout_forward(&dropout, first.wrapping_add(tile.wrapping_mul(T) as u32), T, y);
            all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    #[inline(never)]
    pub(super) fn relu(&mut self, node: &Node) -> bool {
        let (isa, span) = (self.room.isa, self.memory.gradient(self.at_hand(node).0));
        let at = self.take_tape(bytes(span.tile_len));
        if !self.wants(node.x) {
            return true;
        }
        self.memory.over_taped(span, at, |g, tape| {
            relu_backward(isa, g, tape);
            true
        });
        self.pass_on_from(span, node)
    }

    #[inline(never)]
    pub(super) fn crelu(&mut self, node: &Node) -> bool {
        let (i, shape) = self.at_hand(node);
        let (isa, plane) = (self.room.isa, shape.plane() as usize);
        let bytes = bytes(self.memory.span(node.x).tile_len);
        let at = self.take_tape(bytes);
        if !self.wants(node.x) {
            return true;
        }
        // In place in the gradient of the value, of which the first half of each tile stays.
        let (from, operand) = (self.memory.gradient(i), self.memory.span(node.x));
        self.memory.over_taped(from, at, |g, tape| {
            let tape = invariant!(tape.get_mut(..bytes));
            crelu_backward::<T>(isa, plane, g.as_chunks_mut::<T>().0, tape);
            true
        });
        let half = self.memory.gather(from, operand);
        self.pass_on_from(half, node)
    }

    #[inline(never)]
    pub(super) fn elements(&mut self, node: &Node) -> bool {
        let Some(elements) = node.op.elements() else { return false };
        if !self.wants(node.x) {
            return true;
        }
        let i = self.at_hand(node).0;
        let (isa, gradient) = (self.room.isa, self.memory.gradient(i));
        let of = match elements.of() {
            Saved::Value => self.memory.span(i),
            Saved::Operands => self.memory.span(node.x),
            Saved::Nothing | Saved::Normalised => {
                let finite = self.memory.over(gradient, |_, g| {
                    elements.slope(&[], g);
                    all_finite(isa, g)
                });
                return finite && self.pass_on_from(gradient, node);
            }
        };
        let finite = self.memory.across(of, gradient, |_, of, g| {
            elements.slope(of, g);
            all_finite(isa, g)
        });
        finite && self.pass_on_from(gradient, node)
    }

    #[inline(never)]
    pub(super) fn dropout(&mut self, node: &Node, rate: f32) -> bool {
        let (isa, span) = (self.room.isa, self.memory.gradient(self.at_hand(node).0));
        if !self.wants(node.x) {
            return true;
        }
        if let Passed::Training { seed, step } = self.passed {
            let Ok(dropout) = Dropout::new(seed, step, node.address, rate) else { return false };
            let first = self.memory.first;
            let finite = self.memory.over(span, |tile, g| {
                dropout_backward(&dropout, first.wrapping_add(tile.wrapping_mul(T) as u32), T, g);
                all_finite(isa, g)
            });
            if !finite {
                return false;
            }
        }
        self.pass_on_from(span, node)
    }
}
