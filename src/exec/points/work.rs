use super::super::at::At;
use super::super::backward::Backward;
use super::super::drawn::Product;
use super::super::drawn_conv::DrawnConv;
use super::super::forward::{Forward, Mode};
use super::super::norm::{Swept, Target};
use super::super::sink::{Sink, Way};
use super::super::source::Source;
use super::Run;
use crate::graph::Node;
use crate::kernel::all_finite;
use crate::op::Conv;
use crate::plan::Sweep;
use crate::weights::Seeded;
use crate::workers::Workers;

impl<'a, K: Workers, const R: usize, const T: usize> Run<'a, K, R, T> {
    /// Whether tangents are computed: in forward mode, except in sweeps for means and variances.
    pub(super) fn takes_tangents(&self) -> bool {
        !self.reverse() && !matches!(self.cursor.sweep, Sweep::Means | Sweep::Variances)
    }

    /// A forward pass whose next node is the current one.
    pub(super) fn pass(&mut self, at: At) -> Forward<'_, 'a, 'a, K, R, T> {
        let parameters = invariant!(self.parameters.get(at.parameters..));
        let mut pass = Forward::new(&mut self.memory, &mut self.room, self.cursor.node, parameters, Mode::Probing);
        pass.at = at;
        pass
    }

    /// Computes the value of the current node. Returns whether it is finite.
    pub(super) fn value(&mut self, node: &Node) -> bool {
        let mut pass = self.pass(self.at);
        let finite = pass.compute(node);
        self.at = pass.at;
        self.count_work(1);
        finite
    }

    /// The same, or one panel if the weights are drawn. Returns None while panels are left.
    pub(super) fn value_or_panel(&mut self, node: &Node) -> Option<bool> {
        match self.panel(node) {
            Some(finite) => finite,
            None => Some(self.value(node)),
        }
    }

    /// Computes the value of the current node and its tangent, or one panel of both.
    pub(super) fn both(&mut self, node: &Node) -> Option<bool> {
        if let Some(finite) = self.panel(node) {
            return finite;
        }
        let finite = self.value_and_tangent(node);
        self.count_work(1);
        Some(finite)
    }

    /// Computes the gradients of the operands of the current node, or one panel of them.
    pub(super) fn backward(&mut self, node: &Node) -> Option<bool> {
        if let Some(finite) = self.panel(node) {
            return finite;
        }
        let mut pass = self.pass_back();
        let finite = pass.propagate(node);
        self.at = pass.at;
        let finite = finite || (node.op.is_binary() && self.is_branch_finite(node));
        self.count_work(1);
        Some(finite)
    }

    /// A backward pass at the current node.
    pub(super) fn pass_back(&mut self) -> Backward<'_, 'a, 'a, K, R, T> {
        let sink = Sink::new(Way::Buffer(self.parameters, &mut []));
        Backward::at_node(&mut self.memory, &mut self.room, sink, self.cursor.node, self.at)
    }

    /// Whether the gradient of a join's branch (its second operand) is finite where that of the skip (the first operand) is not. The fault is
    /// then one of the skip's layer, where both gradients are added, and the pass continues: layers of the branch are higher, and named
    /// if they fail, too. See docs/numerics.md, section 8.
    fn is_branch_finite(&mut self, node: &Node) -> bool {
        let (isa, branch) = (self.room.isa, self.memory.gradient(node.y));
        let finite = self.memory.over(branch, |_, g| all_finite(isa, g));
        if let (true, Some(skip)) = (finite, self.memory.node(node.x)) {
            self.layer = skip.address;
            self.record_fault();
        }
        finite
    }

    /// Adds `times` times the multiply-adds of the current node.
    fn count_work(&mut self, times: u64) {
        // `Drawing` counts the others.
        if (matches!(self.source, Source::Stored(_)) || !self.is_drawn())
            && let Some(facts) = self.memory.plan.graph().facts(self.cursor.node)
        {
            let each = times.saturating_mul(self.memory.count as u64);
            self.done = self.done.saturating_add(facts.multiply_adds.saturating_mul(each));
        }
    }

    /// Whether weights of the current node are drawn from a seed.
    fn is_drawn(&self) -> bool {
        let op = self.memory.plan.graph().at(self.cursor.node as usize).op;
        !cfg!(feature = "models") || op.dense().is_some() || op.conv().is_some()
    }

    /// Computes one panel of a node whose weights are drawn. Returns None for other nodes.
    fn panel(&mut self, node: &Node) -> Option<Option<bool>> {
        let Source::Seeded(seeded) = self.source else { return None };
        let Some(bias) = node.op.dense() else {
            if node.op.conv().is_some() {
                return self.conv_rows(node, seeded);
            }
            return if node.op.is_conv() { self.drawn_grouped_conv(node, seeded).map(Some) } else { None };
        };
        // In a family, no other operation takes what a dense layer takes.
        let shared = self.cursor.backward && self.memory.plan.graph().spec().is_none();
        if self.drawing.is_new() {
            self.drawing.product = self.product(node, seeded, bias, shared);
        }
        let mut none: &mut [f32] = &mut [];
        let tangents = if self.takes_tangents() { &mut self.tangents } else { &mut none };
        let finite = self.drawing.step::<K, R, T>(seeded, (&mut self.memory, tangents), &mut self.room);
        Some(if shared { self.settled(node, finite) } else { finite })
    }

    /// The product of a dense layer.
    #[inline(always)]
    fn product(&mut self, node: &Node, seeded: &Seeded, bias: bool, shared: bool) -> Product {
        let (i, x, transposed) = (self.cursor.node, node.x, self.cursor.backward);
        let (from, to) = match transposed {
            false => (self.memory.span(x), self.memory.span(i)),
            true => {
                (self.memory.gradient(i), if shared { self.pass_back().target(node) } else { self.memory.gradient(x) })
            }
        };
        let fan_in = invariant!(if transposed { to } else { from }.tile_len.checked_div(T)) as u32;
        let dense = seeded.dense(node.address, (fan_in, node.shape.channels), bias);
        Product { dense, transposed, from, to }
    }

    /// Adds a finished gradient to the parts that other operations gave.
    #[inline(never)]
    pub(super) fn settled(&mut self, node: &Node, finite: Option<bool>) -> Option<bool> {
        if finite == Some(true) { Some(self.pass_back().settle(node)) } else { finite }
    }

    /// Computes some rows of a convolution. Returns None for other nodes.
    #[inline(never)]
    fn conv_rows(&mut self, node: &Node, seeded: &Seeded) -> Option<Option<bool>> {
        if !cfg!(feature = "conv") {
            return None;
        }
        let (window, bias) = node.op.conv()?;
        let transposed = self.cursor.backward;
        let (from, to) = match transposed {
            false => (self.memory.span(node.x), self.memory.span(self.cursor.node)),
            true => (self.memory.gradient(self.cursor.node), self.pass_back().target(node)),
        };
        let input = self.memory.plan.graph().shape(node.x as usize).image();
        let conv = Conv { input, channels: node.shape.channels, window };
        let dense = seeded.conv(node.address, &conv, bias)?;
        let drawn = DrawnConv { seeded, dense, conv, output: node.shape, transposed, from, to };
        let mut none: &mut [f32] = &mut [];
        let tangents = if self.takes_tangents() { &mut self.tangents } else { &mut none };
        let finite = drawn.step::<K, R, T>((&mut self.memory, tangents), &mut self.room, &mut self.drawing);
        Some(if transposed { self.settled(node, finite) } else { finite })
    }

    /// Adds the resident points to the sums of the current norm.
    pub(super) fn sum(&mut self, node: &Node) {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return;
        }
        let Some(norm) = node.op.norm() else { return };
        let i = self.cursor.node;
        let rows = self.room.sums.kept(&norm, self.memory.plan.want()) as usize;
        let channels = node.shape.channels as usize;
        let own = channels.wrapping_mul(rows);
        // In the backward pass the offsets are those of the end of the node's data.
        let kept = if self.cursor.backward { self.at.kept.wrapping_sub(own) } else { self.at.kept };
        let target = Target { norm, channels, plane: node.shape.plane() as usize, kept };
        let (parameters, affine) = (self.parameters, norm.affine.is_some());
        let mut scale: &[f32] = &[];
        let (swept, span) = match self.cursor.sweep {
            Sweep::Means => (Swept::Values, self.memory.span(node.x)),
            Sweep::Variances => (Swept::Squares, self.memory.span(node.x)),
            _ if self.cursor.backward => {
                if affine {
                    let at = self.at.parameters.saturating_sub(channels.wrapping_mul(2));
                    scale = invariant!(parameters.get(at..));
                }
                (Swept::Derivative, self.memory.gradient(i))
            }
            _ => {
                // The sums need the normalised values.
                let at = self.at;
                let (_, _) = self.pass(at).normalise_alone(node, norm);
                (Swept::Derivative, self.memory.span(node.x))
            }
        };
        let (x, xhat) = match (swept, self.cursor.backward) {
            (Swept::Derivative, true) => (self.memory.get(span), self.memory.get(self.memory.saved(i, node.x))),
            (Swept::Derivative, false) => {
                let t = invariant!(self.tangents.get(span.start..).and_then(|t| t.get(..span.len)));
                (t, self.memory.get(self.memory.span(i)))
            }
            _ => (self.memory.get(span), &[][..]),
        };
        target.add((&self.memory, &mut self.room), swept, (x, xhat), (span, scale));
        self.target = Some(target);
    }
}
