//! The paper's families as graphs in closed form: node i is computed from the spec, so memory does not depend on the depth.
use super::{Node, Op, Shape};
use crate::spec::{Family, Norm, Readout, Spec};

/// The kind of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input,
    Dense,
    Norm,
    Relu,
    Add,
}

/// `count` identical blocks of `len` nodes each, from node `first` on.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    first: usize,
    len: usize,
    count: usize,
}

/// Nodes before the first block: the input and the stem.
const HEAD: usize = 2;

impl Spec {
    const fn is_normed(&self) -> bool {
        !matches!(self.norm, Norm::None)
    }

    const fn is_joined(&self) -> bool {
        matches!(self.family, Family::Resnet { .. } | Family::Highway { .. })
    }

    /// The hidden blocks: `[norm], ReLU, dense, [add]` each.
    const fn blocks_of_nodes(&self) -> Blocks {
        let len = 2 + self.is_normed() as usize + self.is_joined() as usize;
        Blocks { first: HEAD, len, count: self.depth.saturating_sub(1) as usize }
    }

    /// Nodes between the last block and the readout.
    const fn tail_nodes(&self) -> usize {
        match (self.readout, self.norm) {
            (Readout::Linear, _) => 0,
            (Readout::Relu, _) | (Readout::NormRelu, Norm::None) => 1,
            (Readout::NormRelu, _) => 2,
        }
    }

    /// Number of nodes.
    pub(super) const fn nodes_len(&self) -> usize {
        let Blocks { first, len, count } = self.blocks_of_nodes();
        // Does not saturate: fewer than 2^24 layers of at most four nodes.
        count.saturating_mul(len).saturating_add(first + 1 + self.tail_nodes())
    }

    /// The kind of node i and the number of its layer.
    #[inline(always)]
    const fn kind(&self, i: usize) -> (Kind, u32) {
        let Some(j) = i.checked_sub(HEAD) else {
            return if i == 0 { (Kind::Input, 0) } else { (Kind::Dense, 1) };
        };
        // Block lengths are literals: a division by a variable would leave a panic in the program.
        let blocks = self.blocks_of_nodes();
        let (block, at) = match blocks.len {
            2 => (j / 2, j % 2),
            3 => (j / 3, j % 3),
            _ => (j / 4, j % 4),
        };
        if block < blocks.count {
            let layer = block as u32 + 1;
            return match (at, self.is_normed()) {
                (0, true) => (Kind::Norm, layer),
                (0, false) | (1, true) => (Kind::Relu, layer),
                (1, false) | (2, true) => (Kind::Dense, layer + 1),
                _ => (Kind::Add, layer + 1),
            };
        }
        // Does not wrap: block >= count, so count times the length is at most j.
        match (self.tail_nodes(), j.wrapping_sub(blocks.count.wrapping_mul(blocks.len))) {
            (2, 0) => (Kind::Norm, self.depth),
            (1, 0) | (2, 1) => (Kind::Relu, self.depth),
            _ => (Kind::Dense, self.depth.saturating_add(1)),
        }
    }

    /// See [`Graph::next_kind`](super::Graph).
    #[inline(never)]
    pub(super) const fn next_kind(&self, i: usize) -> (usize, u64) {
        let Blocks { first, len, count } = self.blocks_of_nodes();
        // Nothing wraps: fewer than 2^26 nodes.
        let (next, end) = (i.wrapping_add(1), first.wrapping_add(len));
        if count == 0 || i < first || i >= end {
            return (next, 1);
        }
        (if next == end { first.wrapping_add(len.wrapping_mul(count)) } else { next }, count as u64)
    }

    /// Node i, which exists.
    pub(super) const fn node(&self, i: usize) -> Node {
        let (kind, layer) = self.kind(i);
        let shape = Shape::vector(self.units_of(kind, layer));
        // Does not wrap where it is used: only the input is node 0, and a join has its block before it.
        let (y, mut x) = (i.wrapping_sub(1) as u32, i.wrapping_sub(1) as u32);
        let op = match kind {
            Kind::Input => return Node { op: Op::Input { shape }, x: 0, y: 0, shape, last_use: 1, ..Node::EMPTY },
            Kind::Dense => {
                let hidden = layer > 1 && layer <= self.depth;
                Op::Dense { outputs: shape.channels, bias: layer == 1 || (hidden && self.bias_std != 0.0) }
            }
            Kind::Norm => match self.norm {
                Norm::Batch => Op::Normalise { eps: self.eps },
                _ => Op::Centre,
            },
            Kind::Relu => match self.family {
                Family::Crelu => Op::Crelu,
                _ => Op::Relu,
            },
            Kind::Add => {
                x = i.wrapping_sub(self.blocks_of_nodes().len) as u32;
                let (a, b) = match self.join() {
                    Some(scales) => scales,
                    None => (1.0, 1.0),
                };
                Op::Add { a, b }
            }
        };
        Node { op, x, y, shape, address: layer, last_use: self.last_use_of(i, kind, layer), frozen: [false; 2] }
    }

    /// Units of value i.
    pub(super) const fn units(&self, i: usize) -> u32 {
        let (kind, layer) = self.kind(i);
        self.units_of(kind, layer)
    }

    #[inline(always)]
    const fn units_of(&self, kind: Kind, layer: u32) -> u32 {
        match kind {
            Kind::Input => self.inputs,
            Kind::Dense if layer > self.depth => 1,
            Kind::Relu => self.features(),
            _ => self.width,
        }
    }

    /// The last use of value i: the join at the end of its block, or the next node.
    pub(super) const fn last_use(&self, i: usize) -> u32 {
        let (kind, layer) = self.kind(i);
        self.last_use_of(i, kind, layer)
    }

    #[inline(always)]
    const fn last_use_of(&self, i: usize, kind: Kind, layer: u32) -> u32 {
        let waits = self.is_joined()
            && match kind {
                Kind::Add => layer < self.depth,
                Kind::Dense => layer == 1 && layer < self.depth,
                _ => false,
            };
        // Nothing wraps: fewer than 2^26 nodes.
        i.wrapping_add(if waits { self.blocks_of_nodes().len } else { 1 }) as u32
    }

    const fn is_batch_norm(&self) -> bool {
        matches!(self.norm, Norm::Batch)
    }

    /// Units per point of all slots; `saved` if batch norms save their normalised operands.
    ///
    /// Values and their gradients alternate between two slots. Families with joins have three: the skip, the activation, and the output of the
    /// branch. The gradient of the output follows the output, so the slots have two units at least; only those of networks of single units
    /// have one.
    pub(crate) const fn slots_len(&self, saved: bool) -> u64 {
        let wide = self.spacing() as u64;
        // Nothing wraps: at most 2^24 layers of at most 2^21 units.
        let behind = match (self.depth > 1, self.is_joined()) {
            (true, true) => (self.behind() as u64).wrapping_add(wide),
            (true, false) => self.behind() as u64,
            (false, _) if self.spacing() == 1 => 1,
            (false, _) => larger(2, self.inputs) as u64,
        };
        let kept = if saved && self.is_batch_norm() { self.norms() } else { 0 };
        wide.wrapping_add(behind).wrapping_add(kept.wrapping_mul(self.width as u64))
    }

    /// Units of the first slot: enough for a value, and for the output and its gradient. Where every value is one unit, it is one.
    #[inline(always)]
    const fn spacing(&self) -> usize {
        match self.features() {
            1 if self.inputs == 1 => 1,
            0 | 1 => 2,
            wide => wide as usize,
        }
    }

    /// Units of the second slot, which also holds the input.
    const fn behind(&self) -> usize {
        larger(self.spacing() as u32, self.inputs) as usize
    }

    const fn norms(&self) -> u64 {
        let blocks = self.depth.saturating_sub(1) as u64 * self.is_normed() as u64;
        blocks.wrapping_add((self.tail_nodes() == 2) as u64)
    }

    /// The slot of value i or of its gradient, and its units.
    #[inline(never)]
    pub(crate) const fn spot(&self, i: usize, gradient: bool) -> (usize, u32) {
        let (kind, layer) = self.kind(i);
        (self.slot_of(kind, layer, gradient), self.units_of(kind, layer))
    }

    #[inline(always)]
    const fn slot_of(&self, kind: Kind, layer: u32, gradient: bool) -> usize {
        let behind = self.spacing();
        if behind == 1 && (self.depth == 1 || !self.is_joined()) {
            // Two units: a gradient is stored in the slot that its value does not have.
            return if (layer & 1 == 1) == gradient { behind } else { 0 };
        }
        if layer > self.depth {
            let place = if self.is_joined() || layer & 1 == 0 { behind } else { 0 };
            return place.wrapping_add(gradient as usize);
        }
        if !self.is_joined() {
            // The address of the input is 0.
            return if layer & 1 == 1 { 0 } else { behind };
        }
        match kind {
            Kind::Add => 0,
            Kind::Norm | Kind::Relu if layer == self.depth => 0,
            Kind::Dense if layer == 1 => 0,
            Kind::Dense if layer > 1 => behind.wrapping_add(self.behind()),
            _ => behind,
        }
    }

    /// The slot where batch norm i saves its normalised operand.
    #[inline(never)]
    pub(crate) const fn saved_slot(&self, i: usize) -> usize {
        let (_, layer) = self.kind(i);
        let before = (layer as usize).wrapping_sub(1).wrapping_mul(self.width as usize);
        (self.slots_len(false) as usize).wrapping_add(before)
    }
}

const fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}
