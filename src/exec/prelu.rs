use super::backward::Backward;
use super::elementwise::bytes;
use super::forward::Forward;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::{prelu_backward_gated, prelu_backward_input, prelu_gates, prelu_in_place, prelu_term};
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Slopes are checked, too: a bad slope has no effect if no value is negative.
    #[inline(never)]
    pub(super) fn prelu(&mut self, node: &Node) -> bool {
        let (isa, from, to) = (self.room.isa, self.memory.span(node.x), self.memory.span(self.node()));
        let slopes = self.take(node.shape.channels as usize);
        if !all_finite(isa, slopes) {
            return false;
        }
        self.memory.copy(from, to);
        // The slopes' gradient needs the operand itself.
        let gates = if self.memory.learns(node) { None } else { self.take_tape(bytes(to.tile_len)) };
        if let Some(at) = gates {
            self.memory.over_taped(to, at, |y, tape| {
                isa.compiled(prelu_gates, &*y, tape);
                true
            });
        }
        self.memory.over(to, |_, y| {
            isa.compiled(prelu_in_place, slopes, &mut *y);
            all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    pub(super) fn prelu(&mut self, node: &Node) -> bool {
        let at = self.take(node.shape.channels as usize);
        if !self.memory.learns(node) {
            return self.prelu_gated(node, at);
        }
        let finite = if self.wants(node.x) { self.prelu_operand(node, at) } else { self.is_finite() };
        if finite && self.sink.wanted() {
            self.prelu_parameters(node, at);
        }
        finite
    }

    /// The gradient of the operand, in place, where the slopes get none.
    #[inline(never)]
    fn prelu_gated(&mut self, node: &Node, at: usize) -> bool {
        let (isa, span) = (self.room.isa, self.memory.gradient(self.at_hand(node).0));
        let tape = self.take_tape(bytes(span.tile_len));
        if !self.wants(node.x) {
            return true;
        }
        let slopes = invariant!(self.sink.parameters().get(at..));
        let slopes = invariant!(slopes.get(..node.shape.channels as usize));
        let finite = self.memory.over_taped(span, tape, |g, tape| {
            isa.compiled(gated, (slopes, &*tape), &mut *g);
            all_finite(isa, g)
        });
        finite && self.pass_on_from(span, node)
    }

    #[inline(never)]
    fn prelu_operand(&mut self, node: &Node, at: usize) -> bool {
        let isa = self.room.isa;
        let (x, of, to) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0), self.target(node));
        let slopes = invariant!(self.sink.parameters().get(at..));
        let slopes = invariant!(slopes.get(..node.shape.channels as usize));
        let workers = self.memory.workers;
        let (rest, gradient) = self.memory.writing(to);
        let (values, g) = (rest.get(x), rest.get(of));
        let any = workers.any(gradient, to.tile_len, |tile, to| {
            isa.compiled(backward, (slopes, x.of_tile(values, tile)), (of.of_tile(g, tile), &mut *to));
            !all_finite(isa, to)
        });
        !any && self.settle(node)
    }

    #[inline(never)]
    fn prelu_parameters(&mut self, node: &Node, at: usize) {
        let isa = self.room.isa;
        let (x, of) = (self.memory.span(node.x), self.memory.gradient(self.at_hand(node).0));
        // What came back is not needed again: the terms take its place, and half as much is gathered.
        self.memory.across(x, of, |_, x, g| {
            isa.compiled(terms, x, g);
            true
        });
        self.chain_channels(node, at);
    }
}

#[inline(always)]
fn backward((slopes, x): (&[f32], &[f32]), (g, to): (&[f32], &mut [f32])) {
    prelu_backward_input(slopes, x, g, to);
}

#[inline(always)]
fn gated((slopes, tape): (&[f32], &[u8]), g: &mut [f32]) {
    prelu_backward_gated(slopes, tape, g);
}

/// g becomes what it adds to the gradient of its slope.
#[inline(always)]
fn terms(x: &[f32], g: &mut [f32]) {
    for (g, x) in g.iter_mut().zip(x) {
        *g = prelu_term(*x, *g);
    }
}
