use super::at::At;
use super::forward::Passed;
use super::memory::{Memory, Span};
use super::rows::Rows;
use super::run::Room;
use super::sink::Sink;
use crate::error::{Error, NonFinite, Pass};
use crate::graph::{Node, Op, Shape};
use crate::kernel::all_finite;
use crate::op::join_backward_input;
use crate::workers::Workers;

/// A backward pass, from the last node to the first one that needs a gradient.
pub struct Backward<'e, 'a, 'p, K, const R: usize, const T: usize> {
    pub(super) memory: &'e mut Memory<'a, K, T>,
    pub(super) room: &'e mut Room<'a>,
    pub(super) passed: Passed,
    pub(super) sink: Sink<'p>,
    /// Nodes that are left.
    left: u32,
    /// Offsets of the end of those nodes.
    pub(super) at: At,
    /// The end of the parameters of the node that was processed last.
    last: usize,
    /// What is left of the node at hand, and what a step may take.
    pub(super) rows: Rows,
    /// Whether a parameter has changed.
    pub(super) changed: bool,
    /// The value whose gradient has not been checked for NaN and infinity since it was written; [`ALL`] if any may be.
    unchecked: u32,
    /// What ended the pass.
    error: Option<Error>,
}

const ALL: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;

impl<'e, 'a, 'p, K: Workers, const R: usize, const T: usize> Backward<'e, 'a, 'p, K, R, T> {
    pub(super) fn new(
        memory: &'e mut Memory<'a, K, T>,
        room: &'e mut Room<'a>,
        passed: Passed,
        sink: Sink<'p>,
    ) -> Self {
        let plan = memory.plan;
        Self {
            left: plan.graph().len() as u32,
            at: At {
                parameters: plan.parameters_len as usize,
                channels: plan.running_len as usize / 2,
                kept: plan.statistics_len() as usize - room.shared,
                taped: memory.tape_tile_len,
            },
            last: plan.parameters_len as usize,
            rows: Rows::ALL,
            changed: false,
            // The caller's gradient of the only output, which is the last node.
            unchecked: if plan.lifetimes.outputs == 1 { plan.graph().len() as u32 - 1 } else { ALL },
            memory,
            room,
            passed,
            sink,
            error: None,
        }
    }

    /// A pass that processes one node.
    pub(super) const fn at_node(
        memory: &'e mut Memory<'a, K, T>,
        room: &'e mut Room<'a>,
        sink: Sink<'p>,
        node: u32,
        at: At,
    ) -> Self {
        Self {
            memory,
            room,
            passed: Passed::Probing,
            sink,
            left: node,
            at,
            last: 0,
            rows: Rows::ALL,
            changed: false,
            unchecked: NONE,
            error: None,
        }
    }

    /// The node that comes next; None at the end.
    pub fn node(&self) -> Option<u32> {
        let node = self.left.checked_sub(1)?;
        self.memory.is_trained(node).then_some(node)
    }

    /// The gradient of the value of the node that comes next, `[tile][unit][T]`, and how many elements a tile has.
    pub fn gradient(&self) -> (&[f32], usize) {
        let Some(node) = self.node() else { return (&[], T) };
        let span = self.memory.gradient(node);
        (self.memory.get(span), span.tile_len)
    }

    /// The current parameters of the node that was processed last; none while rows of a node are left.
    pub fn parameters(&self) -> &[f32] {
        invariant!(self.sink.parameters().get(self.at.parameters..self.last))
    }

    /// Multiply-adds of the next node that are done.
    pub fn done(&self) -> u64 {
        let Some(node) = self.node().and_then(|i| self.memory.node(i)) else { return 0 };
        let x = self.memory.plan.graph().shape(node.x as usize);
        let operand = if !self.wants(node.x) {
            0
        } else if node.op.is_conv() {
            x.channels
        } else {
            invariant!(x.units())
        };
        let (rows, before) = (self.rows.done() as u64, operand as u64);
        let of = |rows, all: u64| self.memory.multiply_adds(self.left.saturating_sub(1), rows, all);
        of(rows.min(before), before).saturating_add(of(rows.saturating_sub(before), node.shape.channels as u64))
    }

    /// Whether a parameter has been changed.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Processes the next node or, of a dense layer or a convolution, as many of its rows as `budget` multiply-adds allow, at least one: first those
    /// of the operand's gradient, then those of the weights. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the address of the node if the gradient of an operand is NaN or infinite; the parameters of this node and of
    /// the nodes before it have not changed. Every further call returns the same error.
    // Inlined: devices call it in one place, and a frame more is on their stack.
    #[inline]
    pub fn step(&mut self, budget: u64) -> Result<bool, Error> {
        self.rows = self.rows.within(budget);
        let stepped = self.advance();
        let changed = self.at.parameters != self.last && self.sink.updates();
        self.changed |= changed && self.memory.plan.graph().learns(self.left);
        stepped
    }

    #[inline(always)]
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some(i) = self.node() else { return Ok(false) };
        let Some(node) = self.memory.node(i) else { return Ok(false) };
        (self.left, self.last) = (i, self.at.parameters);
        if node.is_frozen() || self.sink.freezes() {
            self.freeze(&node);
        }
        let finite = self.propagate(&node);
        if self.unchecked == i {
            // The operation has checked what it wrote.
            self.unchecked = NONE;
        }
        if !finite {
            let error = Error::NonFinite(NonFinite { pass: Pass::Backward, layer: node.address });
            self.error = Some(error);
            return Err(error);
        }
        if !self.rows.are_done() {
            self.left = i.saturating_add(1);
        }
        Ok(true)
    }

    /// The frozen parameters of the node at hand get no gradients.
    #[inline(never)]
    fn freeze(&mut self, node: &Node) {
        if !node.is_frozen() {
            return self.sink.thaw();
        }
        let parameters = self.memory.plan.graph().facts(self.left).map_or([0; 2], |facts| facts.parameters);
        let end = self.at.parameters;
        let others = end.saturating_sub(parameters[1] as usize);
        let start = others.saturating_sub(parameters[0] as usize);
        let live = if node.frozen[0] { others } else { start }..if node.frozen[1] { others } else { end };
        self.sink.freeze_all_but(live.start..live.end.max(live.start));
    }

    /// Processes all remaining nodes.
    ///
    /// # Errors
    /// As [`Backward::step`].
    // Out of line, like the forward pass: neither is on a small stack while the loss is computed.
    #[inline(never)]
    pub fn run(mut self) -> Result<Gradients<'e, 'a, K, T>, Error> {
        self.rows = self.rows.within(u64::MAX);
        while self.advance()? {}
        Ok(Gradients { memory: self.memory })
    }

    /// Whether all gradients that were written are finite.
    pub(super) fn propagate(&mut self, node: &Node) -> bool {
        match node.op {
            Op::Input { .. } => true,
            Op::Reshape { .. } => self.pass_on(node),
            Op::Dense { bias, .. } => self.dense(node, bias),
            Op::Conv { window, bias, .. } => self.conv(node, window, bias),
            Op::Relu => self.relu(node),
            Op::Prelu { .. } => self.prelu(node),
            Op::Crelu => self.crelu(node),
            Op::GroupNorm { groups, eps } => self.group_norm(node, groups, eps),
            Op::Elu { .. } | Op::Sigmoid | Op::Function { .. } => self.elements(node),
            Op::BatchNorm { .. } | Op::Normalise { .. } | Op::Centre => self.norm(node),
            Op::AveragePool { window } => self.average_pool(node, window),
            Op::MaxPool { window } => self.max_pool(node, window),
            Op::Dropout { rate } => self.dropout(node, rate),
            Op::Shortcut { channels, stride } => self.shortcut(node, channels, stride),
            Op::Add { a, b } => self.add(node, (a, b)),
            Op::GroupedConv { .. } | Op::TapsFirstConv { .. } => self.grouped_conv(node),
            Op::DilatedAveragePool { window, whole } => self.dilated_average_pool(node, window, whole),
            Op::DilatedMaxPool { window } => self.dilated_max_pool(node, window),
            Op::Constant { .. } => self.constant(node),
            Op::Pairwise { .. } | Op::Concat { .. } | Op::Matmul { .. } => self.binary(node),
            Op::Softmax { .. }
            | Op::Reduce { .. }
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Expand { .. }
            | Op::Resize { .. } => self.unary(node),
            // The plan has refused gradients of a graph with bytes.
            Op::Int8Input { .. }
            | Op::Int8Reshape { .. }
            | Op::Int8Conv { .. }
            | Op::Int8DepthwiseConv { .. }
            | Op::Int8Dense { .. }
            | Op::Int8Add { .. }
            | Op::Int8Multiply { .. }
            | Op::Int8AveragePool { .. }
            | Op::Int8MaxPool { .. }
            | Op::Int8Table
            | Op::Int8Softmax { .. }
            | Op::Int8Mean { .. }
            | Op::Int8Pad { .. }
            | Op::Int8Concat { .. }
            | Op::Quantise { .. }
            | Op::Dequantise { .. } => false,
        }
    }

    /// The number of the node at hand, and the shape of its first operand.
    pub(super) fn at_hand(&self, node: &Node) -> (u32, Shape) {
        (self.left, self.memory.plan.graph().shape(node.x as usize))
    }

    /// Where the parameters of the node at hand begin, of which there are so many.
    pub(super) fn take(&mut self, len: usize) -> usize {
        self.at.parameters = self.at.parameters.saturating_sub(len);
        self.at.parameters
    }

    /// Where its tape of so many bytes a tile begins.
    pub(super) fn take_tape(&mut self, bytes: usize) -> usize {
        self.at.taped = self.at.taped.saturating_sub(bytes);
        self.at.taped
    }

    /// Whether a gradient of this operand is wanted.
    pub(super) fn wants(&self, x: u32) -> bool {
        self.memory.is_trained(x)
    }

    /// Whether the gradient of the value at hand is finite: of operations with parameters that hand nothing on.
    pub(super) fn is_finite(&mut self) -> bool {
        if self.unchecked != ALL && self.unchecked != self.left {
            return true;
        }
        let (isa, span) = (self.room.isa, self.memory.gradient(self.left));
        self.memory.over(span, |_, g| all_finite(isa, g))
    }

    /// Says that what operand x gets has not been looked at, if what it comes from has not.
    pub(super) fn passes_on_unchecked(&mut self, x: u32) {
        if self.unchecked == self.left && self.is_first(x) {
            self.unchecked = x;
        }
    }

    /// Where the gradient of operand x of the node at hand is to be written, which is that of the value itself or a part of it that
    /// [`settle`](Self::settle) adds.
    pub(super) fn target(&self, node: &Node) -> Span {
        if self.is_first(node.x) { self.memory.gradient(node.x) } else { self.memory.part(self.left, node.x) }
    }

    /// Whether this node is the first in the backward pass that writes the gradient of this operand.
    pub(super) fn is_first(&self, x: u32) -> bool {
        self.memory.plan.graph().last_use(x as usize) == self.left
    }

    /// Adds what was written to the target to the gradient of the operand, where others wrote before; whether that is finite.
    pub(super) fn settle(&mut self, node: &Node) -> bool {
        if self.is_first(node.x) {
            return true;
        }
        let (from, to) = (self.memory.part(self.left, node.x), self.memory.gradient(node.x));
        self.accumulate(from, to, 1.0)
    }

    /// `to = to + a * from`
    pub(super) fn accumulate(&mut self, from: Span, to: Span, a: f32) -> bool {
        let isa = self.room.isa;
        self.memory.across(from, to, |_, g, to| {
            isa.compiled(add, (a, g), &mut *to);
            all_finite(isa, to)
        })
    }

    /// `f(tile, gradient of the value, gradient of the operand)` for every tile, of which f overwrites the second and says whether it is
    /// finite.
    pub(super) fn across(&mut self, node: &Node, f: impl Fn(usize, &[f32], &mut [f32]) -> bool + Sync) -> bool {
        if !self.wants(node.x) {
            return true;
        }
        let (from, to) = (self.memory.gradient(self.left), self.target(node));
        self.memory.across(from, to, f) && self.settle(node)
    }

    /// Hands the gradient of the value at hand to its only operand as it is.
    pub(super) fn pass_on(&mut self, node: &Node) -> bool {
        if !self.wants(node.x) {
            return true;
        }
        self.pass_on_from(self.memory.gradient(self.left), node)
    }

    /// Hands on a gradient that is finished.
    pub(super) fn pass_on_from(&mut self, from: Span, node: &Node) -> bool {
        self.passes_on_unchecked(node.x);
        let to = self.memory.gradient(node.x);
        if !self.is_first(node.x) {
            return self.accumulate(from, to, 1.0);
        }
        self.memory.copy(from, to);
        true
    }
}

/// The gradients of the inputs.
pub struct Gradients<'e, 'a, K, const T: usize> {
    memory: &'e mut Memory<'a, K, T>,
}

impl<K: Workers, const T: usize> Gradients<'_, '_, K, T> {
    /// Number of inputs, which are the first nodes.
    pub(super) fn inputs(&self) -> u32 {
        self.memory.plan.inputs()
    }

    /// The gradient of an input's node, `[tile][unit][T]`, and how many elements a tile has. `None` if the node is not an input, and under a
    /// plan without these gradients.
    pub fn input(&self, node: u32) -> Option<(&[f32], usize)> {
        let is_input = self.memory.plan.graph().is_input(node as usize);
        if !is_input || !self.memory.plan.want().inputs() {
            return None;
        }
        let span = self.memory.gradient(node);
        Some((self.memory.get(span), span.tile_len))
    }
}

#[inline(always)]
fn add((a, g): (f32, &[f32]), to: &mut [f32]) {
    join_backward_input(a, g, to);
}
