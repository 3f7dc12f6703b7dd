use super::memory::Memory;
use crate::error::{Buffer, Error, Fault, Pass, Refusal};
use crate::graph::{Node, Op};
use crate::kernel::{Isa, all_finite};
use crate::network::{Workers, cut};
use crate::plan::Plan;

/// How a graph is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// The most points of a batch.
    pub batch: u32,
    /// Instructions.
    pub isa: Isa,
}

/// The caller's buffers. What is past the planned length is never touched.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffers<'a> {
    /// [`Plan::values_len`]
    pub values: &'a mut [f32],
    /// Any length from [`Plan::scratch_len`] up; longer is faster, up to [`Plan::scratch_best`].
    pub scratch: &'a mut [f32],
}

/// Runs a graph, one batch at a time.
///
/// R rows of weights by T points are the register tile of the dense kernel: tuning only, no bit depends on them.
#[derive(Debug)]
pub struct Executor<'a, K, const R: usize, const T: usize> {
    plan: &'a Plan<'a>,
    workers: &'a K,
    options: Options,
    buffers: Buffers<'a>,
}

impl<'a, K: Workers, const R: usize, const T: usize> Executor<'a, K, R, T> {
    /// Checks every length once.
    ///
    /// # Errors
    /// [`Error::Refused`] for a batch without points or with more than 2^24, and a tile of none or more than 64 points; [`Error::TooShort`].
    pub fn new(plan: &'a Plan<'a>, workers: &'a K, options: Options, buffers: Buffers<'a>) -> Result<Self, Error> {
        if options.batch == 0 || options.batch > 1 << 24 {
            return Err(Error::Refused(Refusal::Points));
        }
        if T == 0 || T > 64 {
            return Err(Error::Refused(Refusal::Tile));
        }
        let need = plan.values_len(options.batch, T as u32).ok_or(Error::Refused(Refusal::TooLarge))?;
        least(Buffer::Scratch, buffers.scratch.len(), plan.scratch_len)?;
        let values = cut(Buffer::Values, buffers.values, need)?;
        Ok(Self { plan, workers, options, buffers: Buffers { values, scratch: buffers.scratch } })
    }

    /// Begins a batch of `count` points, at most as many as were planned.
    ///
    /// # Errors
    /// [`Error::TooShort`] for no points, or more.
    pub fn begin(&mut self, count: u32) -> Result<Batch<'_, 'a, K, R, T>, Error> {
        if count == 0 || count > self.options.batch {
            let (need, have) = (count.max(1) as u64, self.options.batch as u64);
            return Err(Error::TooShort { buffer: Buffer::Inputs, need, have });
        }
        let memory = Memory {
            plan: self.plan,
            workers: self.workers,
            values: &mut *self.buffers.values,
            points: (self.options.batch as usize).div_ceil(T).wrapping_mul(T),
            tiles: (count as usize).div_ceil(T),
        };
        Ok(Batch { memory, scratch: &mut *self.buffers.scratch, isa: self.options.isa })
    }
}

/// A batch whose inputs are to be written.
pub struct Batch<'e, 'a, K, const R: usize, const T: usize> {
    memory: Memory<'e, 'a, K, T>,
    scratch: &'e mut [f32],
    isa: Isa,
}

impl<'e, 'a, K: Workers, const R: usize, const T: usize> Batch<'e, 'a, K, R, T> {
    /// Where the input of this node is to be written, `[tile][unit][T]`, and how many elements a tile has. Lanes past the last point hold what
    /// a point could hold: that point again, or zeros. None where the node is no input.
    pub fn input(&mut self, node: u32) -> Option<(&mut [f32], usize)> {
        if !self.memory.node(node).is_some_and(|node| node.is_input()) {
            return None;
        }
        let tile_len = self.memory.span(node).tile_len;
        Some((self.memory.value_mut(node), tile_len))
    }

    /// Checks parameters, running statistics and inputs, and begins the forward pass.
    ///
    /// # Shapes
    /// `parameters` and `running` in the order of the nodes: weights, then biases of each; running means, then variances of each batch norm.
    ///
    /// # Errors
    /// [`Error::TooShort`]; [`Error::NotFinite`] with the element of an input that is NaN or infinite.
    pub fn forward<'p>(
        mut self,
        parameters: &'p [f32],
        running: &'p [f32],
    ) -> Result<Forward<'e, 'a, 'p, K, R, T>, Error> {
        least(Buffer::Parameters, parameters.len(), self.memory.plan.parameters_len)?;
        least(Buffer::Running, running.len(), self.memory.plan.running_len)?;
        let mut node = 0;
        while self.memory.node(node).is_some_and(|node| node.is_input()) {
            self.is_finite(node)?;
            node = node.saturating_add(1);
        }
        Ok(Forward {
            memory: self.memory,
            scratch: self.scratch,
            isa: self.isa,
            node,
            parameters,
            running,
            error: None,
        })
    }

    /// ReLUs and pools could hide what is not.
    fn is_finite(&mut self, node: u32) -> Result<(), Error> {
        let (isa, workers, tile_len) = (self.isa, self.memory.workers, self.memory.span(node).tile_len);
        let x = self.memory.value_mut(node);
        if !workers.any(x, tile_len, |_, x| !all_finite(isa, x)) {
            return Ok(());
        }
        let index = x.iter().position(|x| !x.is_finite()).map_or(0, |index| index as u64);
        Err(Error::NotFinite { buffer: Buffer::Inputs, layer: 0, index })
    }
}

/// A forward pass, node by node.
pub struct Forward<'e, 'a, 'p, K, const R: usize, const T: usize> {
    pub(super) memory: Memory<'e, 'a, K, T>,
    pub(super) scratch: &'e mut [f32],
    pub(super) isa: Isa,
    /// The next node.
    node: u32,
    /// Parameters and running statistics of the nodes to come.
    parameters: &'p [f32],
    running: &'p [f32],
    /// What ended the pass.
    error: Option<Error>,
}

impl<'e, 'a, 'p, K: Workers, const R: usize, const T: usize> Forward<'e, 'a, 'p, K, R, T> {
    /// The node that comes next; the number of nodes at the end.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// The value of the node before, `[tile][unit][T]`, and how many elements a tile has.
    pub fn value(&self) -> (&[f32], usize) {
        let node = self.node.saturating_sub(1);
        (self.memory.value(node), self.memory.span(node).tile_len)
    }

    /// Computes the next node; whether there was one.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the address of the node, where NaN or infinity arose; the pass has ended with it, and each further call says it
    /// again.
    pub fn step(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some(node) = self.memory.node(self.node) else { return Ok(false) };
        if !self.compute(&node) {
            let error = Error::NonFinite(Fault { pass: Pass::Forward, layer: node.address });
            self.error = Some(error);
            return Err(error);
        }
        self.node = self.node.saturating_add(1);
        Ok(true)
    }

    /// Computes all nodes that are left.
    ///
    /// # Errors
    /// As [`Forward::step`].
    pub fn run(mut self) -> Result<Outputs<'e, 'a, K, T>, Error> {
        while self.step()? {}
        Ok(Outputs { memory: self.memory })
    }

    /// Whether all that came out is finite.
    fn compute(&mut self, node: &Node) -> bool {
        let (i, x, isa) = (self.node, node.x, self.isa);
        match node.op {
            Op::Input { .. } => true,
            Op::Reshape { .. } | Op::Dropout { .. } => self.memory.over(x, i, |_| true),
            Op::Dense { bias, .. } => self.dense(node, bias),
            Op::Conv { window, bias, .. } => self.conv(node, window, bias),
            Op::Relu => self.relu(node),
            Op::Prelu { .. } => self.prelu(node),
            Op::Crelu => self.crelu(node),
            Op::BatchNorm { eps, .. } => self.batch_norm(node, eps),
            Op::AveragePool { window } => self.average_pool(node, window),
            Op::MaxPool { window } => self.max_pool(node, window),
            Op::Shortcut { channels, stride } => self.shortcut(node, channels, stride),
            Op::Add { a, b } => self.memory.joined((x, node.y), i, |swapped, kept, y| {
                let (a, b) = if swapped { (b, a) } else { (a, b) };
                isa.compiled(super::elementwise::join, (a, kept), (b, &mut *y));
                all_finite(isa, y)
            }),
        }
    }

    /// The number of the node at hand, and the shape of its operand.
    pub(super) fn at_hand(&self, node: &Node) -> (u32, crate::graph::Shape) {
        let shape = self.memory.node(node.x).map_or(node.shape, |operand| operand.shape);
        (self.node, shape)
    }

    /// The next so many parameters.
    pub(super) fn take(&mut self, len: usize) -> &'p [f32] {
        let (own, rest) = self.parameters.split_at_checked(len).unwrap_or_default();
        self.parameters = rest;
        own
    }

    /// The next so many running statistics.
    pub(super) fn take_running(&mut self, len: usize) -> &'p [f32] {
        let (own, rest) = self.running.split_at_checked(len).unwrap_or_default();
        self.running = rest;
        own
    }
}

/// The values of the outputs.
pub struct Outputs<'e, 'a, K, const T: usize> {
    memory: Memory<'e, 'a, K, T>,
}

impl<K: Workers, const T: usize> Outputs<'_, '_, K, T> {
    /// The value of an output's node, `[tile][unit][T]`, and how many elements a tile has. None where the node is no output.
    pub fn output(&self, node: u32) -> Option<(&[f32], usize)> {
        let nodes = self.memory.plan.graph().len() as u32;
        let output = self.memory.node(node).is_some_and(|node| node.last_use == nodes);
        output.then(|| (self.memory.value(node), self.memory.span(node).tile_len))
    }
}

fn least(buffer: Buffer, have: usize, need: u64) -> Result<(), Error> {
    let have = have as u64;
    if have >= need { Ok(()) } else { Err(Error::TooShort { buffer, need, have }) }
}
