use super::Want;
use crate::graph::{BackwardFacts, Graph, Node, Saved, Shape};

/// The size and lifetime of a value, of what an operation saves, or of a gradient.
///
/// In a graph of n nodes, node i computes its value at time i, the gradients of the outputs are written at time n, and node i computes the
/// gradients of its operands at time 2n - i.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub units: u64,
    /// The first and the last time at which it is needed.
    pub from: usize,
    pub to: usize,
    /// The slot whose memory it reuses, because that is no longer needed.
    pub home: Option<usize>,
}

/// The value of a node.
pub(crate) const VALUE: usize = 0;
/// What is saved for the backward pass, or the part of an operand's gradient that is added to other parts.
pub(crate) const EXTRA: usize = 1;
/// The gradient of the value.
pub(crate) const GRADIENT: usize = 2;

/// The lifetimes of everything that a graph keeps in slots. Slot `want.slots() * node + kind`.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Lifetimes<'a> {
    pub graph: Graph<'a>,
    pub want: Want,
    /// The first node whose value has a gradient; the number of nodes where there is none.
    pub bottom: usize,
    /// Values that are outputs.
    pub outputs: usize,
}

impl<'a> Lifetimes<'a> {
    pub const fn new(graph: &Graph<'a>, want: Want) -> Self {
        if graph.spec().is_some() {
            // Families have one output, and plans for them no gradients of parameters.
            return Self { graph: *graph, want, bottom: 0, outputs: 1 };
        }
        let mut bottom = 0;
        if !want.inputs() {
            while bottom < graph.len() && !(want.parameters() && graph.learns(bottom as u32)) {
                bottom = bottom.wrapping_add(1);
            }
        }
        let (mut outputs, mut i) = (0usize, 0);
        while i < graph.len() {
            outputs = outputs.wrapping_add((graph.last_use(i) as usize == graph.len()) as usize);
            i = i.wrapping_add(1);
        }
        Self { graph: *graph, want, bottom, outputs }
    }

    /// Slots.
    pub const fn len(&self) -> usize {
        // Nothing wraps: at most 2^24 nodes.
        self.graph.len().wrapping_mul(self.want.slots())
    }

    /// The node of a slot.
    pub const fn node_of(&self, slot: usize) -> usize {
        if self.want.backward() { slot / 3 } else { slot }
    }

    /// The slot of node i.
    pub const fn slot(&self, i: usize, kind: usize) -> usize {
        i.wrapping_mul(self.want.slots()).wrapping_add(kind)
    }

    /// An upper bound of the units of a slot, which is cheap to compute.
    pub const fn most_units(&self, slot: usize) -> u64 {
        let i = self.node_of(slot);
        if slot == self.slot(i, EXTRA) && self.want.backward() {
            let node = self.graph.at(i);
            let (x, y) = (self.units(node.x as usize), self.units(node.y as usize));
            return if x > y || !cfg!(feature = "models") { x } else { y }.saturating_mul(2);
        }
        self.units(i)
    }

    /// The lifetime of a slot's content; None for a slot that is not used.
    pub const fn life(&self, slot: usize) -> Option<Lifetime> {
        let i = self.node_of(slot);
        match slot.wrapping_sub(self.slot(i, VALUE)) {
            VALUE => Some(Lifetime {
                units: self.units(i),
                from: i,
                to: self.value_until(i),
                home: match self.overwritten(i) {
                    Some(operand) => Some(self.slot(operand, VALUE)),
                    None => None,
                },
            }),
            EXTRA => self.extra(i),
            _ => self.gradient(i),
        }
    }

    /// Words of value i.
    pub const fn units(&self, i: usize) -> u64 {
        self.graph.units(i) as u64
    }

    /// The time at which node i computes the gradients of its operands.
    const fn back(&self, i: usize) -> usize {
        // Nothing wraps: at most 2^24 nodes.
        self.graph.len().wrapping_mul(2).wrapping_sub(i)
    }

    /// Whether value i has a gradient.
    pub const fn wanted(&self, i: usize) -> bool {
        i >= self.bottom
    }

    /// What the backward pass of a node needs. With the statistics of norms as constants, norms save nothing and work in place.
    #[inline(always)]
    pub const fn backward(&self, node: &Node, tile: u32) -> BackwardFacts {
        let x = self.graph.shape(node.x as usize);
        if self.want.detached() {
            return detached(node, x, tile);
        }
        if node.is_frozen() {
            frozen(node, x, tile, &self.want)
        } else {
            node.op.backward(x, tile, self.want.parameters())
        }
    }

    /// What node i saves for its backward pass.
    // Out of line, like everything for gradients: inference on a small stack does not pay for it.
    #[inline(never)]
    pub const fn saves(&self, i: usize) -> Saved {
        let node = self.graph.at(i);
        if !self.want.backward() || i < self.bottom || node.is_input() {
            return Saved::Nothing;
        }
        let facts = self.backward(&node, 1);
        if self.want.parameters() && !matches!(facts.saved_for_parameters, Saved::Nothing) {
            return facts.saved_for_parameters;
        }
        if self.wanted(node.x as usize) || self.wanted(node.y as usize) { facts.saved } else { Saved::Nothing }
    }

    /// The last time at which value i is read.
    const fn value_until(&self, i: usize) -> usize {
        let last = self.graph.last_use(i) as usize;
        if self.want.backward() { self.saved_until(i, last) } else { last }
    }

    #[inline(never)]
    const fn saved_until(&self, i: usize, last: usize) -> usize {
        if matches!(self.saves(i), Saved::Value) {
            return self.back(i);
        }
        let mut j = if i < self.bottom { self.bottom } else { i.wrapping_add(1) };
        // The first node that saves it needs it longest.
        while j <= last && j < self.graph.len() {
            let node = self.graph.at(j);
            let uses = node.x as usize == i || node.y as usize == i;
            if uses && matches!(self.saves(j), Saved::Operands) {
                return self.back(j);
            }
            j = j.wrapping_add(1);
        }
        last
    }

    /// The operand that node i may overwrite with its value: it is not needed afterwards, and the operation can work in place.
    pub const fn overwritten(&self, i: usize) -> Option<usize> {
        let node = self.graph.at(i);
        let backward = self.want.backward();
        if node.is_input() || reads_twice(&node) || (backward && matches!(self.saves(i), Saved::Normalised)) {
            return None;
        }
        let (x, y) = (node.x as usize, node.y as usize);
        let operand = match (self.graph.last_use(y) as usize == i, self.graph.last_use(x) as usize == i) {
            (true, _) if self.value_until(y) == i => y,
            (_, true) if self.value_until(x) == i => x,
            _ => return None,
        };
        let in_place = match self.graph.facts(i as u32) {
            Some(facts) => facts.in_place,
            None => false,
        };
        if in_place || (backward && self.grows(i)) { Some(operand) } else { None }
    }

    #[inline(never)]
    const fn grows(&self, i: usize) -> bool {
        let node = self.graph.at(i);
        self.backward(&node, 1).grows
    }

    #[inline(never)]
    const fn extra(&self, i: usize) -> Option<Lifetime> {
        let node = self.graph.at(i);
        let x = node.x as usize;
        let units = self.units(x);
        let of_part = self.part_units(i);
        let part = of_part > 0;
        if matches!(self.saves(i), Saved::Normalised) {
            if self.value_until(x) == i {
                return Some(Lifetime { units, from: i, to: self.back(i), home: Some(self.slot(x, VALUE)) });
            }
            let units = if part { units.saturating_mul(2) } else { units };
            return Some(Lifetime { units, from: i, to: self.back(i), home: None });
        }
        if part { Some(Lifetime { units: of_part, from: self.back(i), to: self.back(i), home: None }) } else { None }
    }

    /// Units of the memory in which node i computes its part of an operand's gradient, before it is added to the parts of later nodes; 0 where it
    /// needs none. Operands follow each other in it.
    const fn part_units(&self, i: usize) -> u64 {
        let node = self.graph.at(i);
        if !self.want.backward() || node.is_input() || self.backward(&node, 1).in_place {
            return 0;
        }
        let (x, y) = (node.x as usize, node.y as usize);
        let first = if self.wanted(x) && self.graph.last_use(x) as usize != i { self.units(x) } else { 0 };
        // Only imported models have operations with two operands that are not in place.
        if !cfg!(feature = "models") {
            return first;
        }
        // The second part of a value that is both operands is added to the first.
        let adds = node.op.is_binary() && self.wanted(y) && (self.graph.last_use(y) as usize != i || x == y);
        let second = if adds { self.units(y) } else { 0 };
        if first > second { first } else { second }
    }

    #[inline(never)]
    const fn gradient(&self, i: usize) -> Option<Lifetime> {
        if !self.wanted(i) {
            return None;
        }
        let node = self.graph.at(i);
        let last = node.last_use as usize;
        let to = if node.is_input() { self.back(0) } else { self.back(i) };
        let home = match self.propagated_in_place(last) {
            Some(operand) if operand == i => Some(self.slot(last, GRADIENT)),
            _ => None,
        };
        Some(Lifetime { units: self.units(i), from: self.back(last), to, home })
    }

    /// The operand of node i whose gradient may overwrite the gradient of the node.
    const fn propagated_in_place(&self, i: usize) -> Option<usize> {
        if i >= self.graph.len() {
            return None;
        }
        let node = self.graph.at(i);
        let (x, y) = (node.x as usize, node.y as usize);
        if reads_twice(&node) || !self.backward(&node, 1).in_place {
            return None;
        }
        if self.wanted(y) && self.graph.last_use(y) as usize == i {
            return Some(y);
        }
        if self.wanted(x) && self.graph.last_use(x) as usize == i { Some(x) } else { None }
    }
}

/// [`Op::backward`](crate::graph::Op) with the statistics of norms as constants.
#[inline(never)]
const fn detached(node: &Node, x: Shape, tile: u32) -> BackwardFacts {
    let facts = node.op.backward(x, tile, false);
    if matches!(facts.saved, Saved::Normalised) { BackwardFacts::IN_PLACE } else { facts }
}

/// Whether both operands of a binary operation are the same value.
const fn reads_twice(node: &Node) -> bool {
    node.x == node.y && node.op.is_binary()
}

/// The same of a node with frozen parameters.
#[inline(never)]
const fn frozen(node: &Node, x: Shape, tile: u32, want: &Want) -> BackwardFacts {
    let learns = want.parameters() && node.learns(x);
    let facts = node.op.backward(x, tile, learns);
    // What is frozen in part has gradients, and what is frozen is none of plain descent's.
    let facts = BackwardFacts { descends: false, ..facts };
    if learns {
        return facts;
    }
    let [operands, _, most] = facts.scratch;
    BackwardFacts { saved_for_parameters: Saved::Nothing, scratch: [operands, 0, most], gathered: 0, ..facts }
}
