use super::at::At;
use super::memory::Memory;
use super::outputs::Outputs;
use super::rows::Rows;
use super::run::Room;
use crate::error::{Error, NonFinite, Pass};
use crate::graph::{Node, Op, Shape};
use crate::workers::Workers;

/// What a forward pass is for.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode<'p> {
    /// Batch norms use the batch and update their running statistics; dropout is active.
    Training {
        /// Key of dropout.
        seed: u64,
        /// Number of steps before this one.
        step: u32,
        /// Running means, then variances of each batch norm.
        running: &'p mut [f32],
    },
    /// Batch norms use the batch without updating anything; dropout is inactive. For gradients at the state before a step.
    Probing,
    /// Batch norms use their running statistics; dropout is inactive.
    Inference {
        /// Running means, then variances of each batch norm.
        running: &'p [f32],
    },
}

impl<'p> Mode<'p> {
    /// For gradients: the running statistics where a model has them, those of the batch otherwise.
    pub(super) const fn of(running: &'p [f32]) -> Self {
        if running.is_empty() { Mode::Probing } else { Mode::Inference { running } }
    }
}

/// What the backward pass needs to know of a mode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    Training { seed: u64, step: u32 },
    Probing,
    Inference,
}

/// A forward pass, node by node.
pub struct Forward<'e, 'a, 'p, K, const R: usize, const T: usize> {
    pub(super) memory: &'e mut Memory<'a, K, T>,
    pub(super) room: &'e mut Room<'a>,
    pub(super) mode: Mode<'p>,
    /// The next node.
    node: u32,
    /// Parameters of the nodes to come.
    parameters: &'p [f32],
    /// Whether biases are left out, for tangents.
    pub(super) linear: bool,
    /// Offsets of the next node.
    pub(super) at: At,
    /// What is left of the next node, and what a step may take.
    pub(super) rows: Rows,
    /// What ended the pass.
    error: Option<Error>,
}

impl<'e, 'a, 'p, K: Workers, const R: usize, const T: usize> Forward<'e, 'a, 'p, K, R, T> {
    pub(super) const fn new(
        memory: &'e mut Memory<'a, K, T>,
        room: &'e mut Room<'a>,
        node: u32,
        parameters: &'p [f32],
        mode: Mode<'p>,
    ) -> Self {
        Self { memory, room, mode, node, parameters, linear: false, at: At::START, rows: Rows::ALL, error: None }
    }

    /// The node that comes next; the number of nodes at the end.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Multiply-adds of the next node that are done.
    pub fn done(&self) -> u64 {
        let rows = self.memory.plan.graph().shape(self.node as usize).channels;
        self.memory.multiply_adds(self.node, self.rows.done() as u64, rows as u64)
    }

    /// The value of the node before, `[tile][unit][T]`, and how many elements a tile has.
    pub fn value(&self) -> (&[f32], usize) {
        let span = self.memory.span(self.node.saturating_sub(1));
        (self.memory.get(span), span.tile_len)
    }

    /// Computes the next node or, of a dense layer or a convolution, as many of its rows of weights as `budget` multiply-adds allow, at least
    /// one. Returns whether there was one; [`Forward::node`] is the next one when all its rows are done.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the address of the node if its value is NaN or infinite; every further call returns the same error. Only
    /// [`Forward::run`] updates running statistics, at its end, so an unfinished pass can be dropped.
    // Inlined: devices call it in one place, and a frame more is on their stack.
    #[inline]
    pub fn step(&mut self, budget: u64) -> Result<bool, Error> {
        self.rows = self.rows.within(budget);
        self.advance()
    }

    // Inlined into the loop of `run`: a call per node would cost a small network 2% of a step.
    #[inline(always)]
    fn advance(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some(node) = self.memory.node(self.node) else { return Ok(false) };
        let finite = self.compute(&node);
        self.end(&node, finite)
    }

    /// Moves on from a node that is done.
    #[inline(always)]
    fn end(&mut self, node: &Node, finite: bool) -> Result<bool, Error> {
        if !finite {
            let error = Error::NonFinite(NonFinite { pass: Pass::Forward, layer: node.address });
            self.error = Some(error);
            return Err(error);
        }
        if self.rows.are_done() {
            self.node = self.node.saturating_add(1);
        }
        Ok(true)
    }

    /// Computes the nodes up to and including `node`; returns its value, `[tile][unit][T]`, and how many elements a tile has. The pass can be
    /// continued to a later node, or dropped.
    ///
    /// # Errors
    /// [`Error::NoNode`] for a node that does not exist, and for one before the last that was computed: later values may be in its memory. As
    /// [`Forward::step`].
    pub fn run_to(&mut self, node: u32) -> Result<(&[f32], usize), Error> {
        let nodes = self.memory.plan.graph().len() as u32;
        if node >= nodes || node.saturating_add(1) < self.node {
            return Err(Error::NoNode { node, next: self.node, nodes });
        }
        // The node that failed may have overwritten the value before it.
        if let Some(error) = self.error {
            return Err(error);
        }
        while self.node <= node && self.step(u64::MAX)? {}
        Ok(self.value())
    }

    /// Computes all remaining nodes, and in training updates the running statistics.
    ///
    /// # Errors
    /// As [`Forward::step`].
    pub fn run(mut self) -> Result<Outputs<'e, 'a, K, R, T>, Error> {
        // The budget of an earlier step must not divide the nodes to come.
        self.rows = self.rows.within(u64::MAX);
        while self.advance()? {}
        self.update_running();
        let passed = match self.mode {
            Mode::Training { seed, step, .. } => Passed::Training { seed, step },
            Mode::Probing => Passed::Probing,
            Mode::Inference { .. } => Passed::Inference,
        };
        Ok(Outputs::new(self.memory, self.room, passed))
    }

    /// Whether all that came out is finite.
    pub(super) fn compute(&mut self, node: &Node) -> bool {
        let (i, x) = (self.node, node.x);
        match node.op {
            Op::Input { .. } => true,
            Op::Reshape { .. } => {
                let (from, to) = (self.memory.span(x), self.memory.span(i));
                self.memory.copy(from, to);
                true
            }
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
            Op::Int8Input { .. } => true,
            Op::Int8Reshape { .. }
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
            | Op::Dequantise { .. } => self.quantised(node),
        }
    }

    /// The number of the node at hand, and the shape of its operand.
    pub(super) fn at_hand(&self, node: &Node) -> (u32, Shape) {
        (self.node, self.memory.plan.graph().shape(node.x as usize))
    }

    /// The next so many parameters.
    pub(super) fn take(&mut self, len: usize) -> &'p [f32] {
        let (own, rest) = invariant!(self.parameters.split_at_checked(len));
        self.parameters = rest;
        self.at.parameters = self.at.parameters.wrapping_add(len);
        own
    }

    /// Weights and biases of the node at hand. Tangents have no biases.
    pub(super) fn affine(&self, weights: usize, biases: usize) -> (&'p [f32], &'p [f32]) {
        let (weights, rest) = invariant!(self.parameters.split_at_checked(weights));
        (weights, if self.linear { &[] } else { invariant!(rest.get(..biases)) })
    }

    /// Takes so many parameters if no row of the node at hand is left.
    pub(super) fn take_if_done(&mut self, len: usize) {
        if self.rows.are_done() {
            self.take(len);
        }
    }

    /// The parameters of the nodes to come.
    pub(super) fn to_come(&self) -> &'p [f32] {
        self.parameters
    }

    /// The next `len` biases; none for tangents.
    pub(super) fn take_biases(&mut self, len: usize) -> &'p [f32] {
        let own = self.take(len);
        if self.linear { &[] } else { own }
    }

    /// Where the tape of the node at hand begins, of so many bytes a tile; None where nothing goes back through it.
    pub(super) fn take_tape(&mut self, bytes: usize) -> Option<usize> {
        if !self.memory.is_trained(self.node) {
            return None;
        }
        let at = self.at.taped;
        self.at.taped = at.wrapping_add(bytes);
        Some(at)
    }
}
