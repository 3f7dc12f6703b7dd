use super::lifetimes::{Lifetime, Lifetimes, VALUE};
use super::{Memory, Storage, Want, place};
use crate::error::{Buffer, Error, Refusal};
use crate::graph::{BackwardFacts, Facts, Graph};

/// A graph with verified slots, and the lengths of what its passes need.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan<'a> {
    pub(crate) lifetimes: Lifetimes<'a>,
    slots: &'a [u32],
    /// Units of a point in all slots.
    pub units: u64,
    /// Parameters of all nodes, in their order.
    pub parameters_len: u64,
    /// Running means and variances: two for each channel of a batch norm.
    pub running_len: u64,
    /// Scratch, f32 elements: the least.
    pub scratch_len: u64,
    /// The longest scratch that makes a pass faster.
    pub scratch_best: u64,
    /// Scratch of SGD steps with batch size 1 in tiles of one point, least and most useful: parameter gradients of dense layers are not stored.
    pub descent_scratch: [u64; 2],
    /// Multiply-adds of one point in the forward pass.
    pub multiply_adds: u64,
}

/// The result of verifying a graph and its slots: their hash and all lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verified {
    hash: [u32; 2],
    units: u64,
    parameters_len: u64,
    running_len: u64,
    scratch_len: u64,
    scratch_best: u64,
    descent_scratch: [u64; 2],
    multiply_adds: u64,
}

impl<'a> Plan<'a> {
    /// Verifies that nothing that is still needed is overwritten.
    ///
    /// # Shapes
    /// `slots` as of [`place`](super::place): `want.slots()` for each node.
    ///
    /// # Errors
    /// [`Error::TooShort`] with fewer slots; [`Error::Node`] with [`Refusal::Slot`] for a node with a slot that overlaps another one;
    /// [`Error::Refused`] with [`Refusal::TooLarge`] past 2^32 - 1 parameters or units.
    pub const fn new(graph: &Graph<'a>, want: Want, slots: &'a [u32]) -> Result<Self, Error> {
        let mut plan = Self::empty(graph, want, slots);
        if let Err(error) = plan.add_lengths() {
            return Err(error);
        }
        match plan.nothing_overlaps() {
            Ok(units) => plan.units = units,
            Err(error) => return Err(error),
        }
        if plan.is_too_large() { Err(Error::Refused(Refusal::TooLarge)) } else { Ok(plan) }
    }

    /// Places all slots with [`place`](super::place); they need no verification.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub const fn placed(
        graph: &Graph<'a>,
        want: Want,
        storages: &mut [Storage],
        slots: &'a mut [u32],
    ) -> Result<(Self, Memory), Error> {
        let memory = match place(graph, want, storages, slots) {
            Ok(memory) => memory,
            Err(error) => return Err(error),
        };
        let mut plan = Self::empty(graph, want, slots);
        if let Err(error) = plan.add_lengths() {
            return Err(error);
        }
        plan.units = memory.units;
        if plan.is_too_large() { Err(Error::Refused(Refusal::TooLarge)) } else { Ok((plan, memory)) }
    }

    const fn empty(graph: &Graph<'a>, want: Want, slots: &'a [u32]) -> Self {
        Self {
            lifetimes: Lifetimes::new(graph, want),
            slots,
            units: 0,
            parameters_len: 0,
            running_len: 0,
            scratch_len: 0,
            scratch_best: 0,
            descent_scratch: [0, 0],
            multiply_adds: 0,
        }
    }

    const fn is_too_large(&self) -> bool {
        self.units > u32::MAX as u64 || self.parameters_len > u32::MAX as u64
    }

    /// Computes all lengths but those of the slots. In place and out of line: a small stack holds one plan.
    #[inline(never)]
    const fn add_lengths(&mut self) -> Result<(), Error> {
        let (need, have) = (self.lifetimes.len(), self.slots.len());
        if have < need {
            return Err(Error::TooShort { buffer: Buffer::Slots, need: need as u64, have: have as u64 });
        }
        let mut i = 0;
        while i < self.lifetimes.graph.len() {
            // A checked graph has facts for each node.
            let Some(facts) = self.lifetimes.graph.facts(i as u32) else {
                return Err(Error::Refused(Refusal::Operation));
            };
            let (Some(parameters), Some(multiply_adds)) = (
                self.parameters_len.checked_add(facts.parameters_len()),
                self.multiply_adds.checked_add(facts.multiply_adds),
            ) else {
                return Err(Error::Refused(Refusal::TooLarge));
            };
            (self.parameters_len, self.multiply_adds) = (parameters, multiply_adds);
            // Nothing saturates: at most 2^24 nodes of fewer than 2^32 channels.
            self.running_len = self.running_len.saturating_add(2 * facts.running as u64);
            self.add_scratch(i, &facts);
            i = i.wrapping_add(1);
        }
        Ok(())
    }

    #[inline(never)]
    const fn add_scratch(&mut self, i: usize, facts: &Facts) {
        let [mut least, mut best] = facts.scratch;
        let mut descent = facts.scratch;
        let backward = self.backward_facts(i, 1);
        if let Some(BackwardFacts { scratch: [operands, parameters, most], descends, .. }) = backward {
            let asked = if self.lifetimes.want.parameters() { larger(operands, parameters) } else { operands };
            least = larger(least, asked);
            best = larger(best, if self.lifetimes.want.parameters() { most } else { 0 });
            if !descends {
                descent = [larger(descent[0], asked), larger(descent[1], best)];
            }
        }
        self.scratch_len = larger(self.scratch_len, least);
        self.scratch_best = larger(self.scratch_best, best);
        self.descent_scratch =
            [larger(self.descent_scratch[0], descent[0]), larger(self.descent_scratch[1], descent[1])];
    }

    /// The units of all slots, or the first two that overlap while both are needed.
    #[inline(never)]
    const fn nothing_overlaps(&self) -> Result<u64, Error> {
        let lifetimes = &self.lifetimes;
        let (mut units, mut s, mut oldest) = (0, 0, 0);
        while s < lifetimes.len() {
            let Some(life) = lifetimes.life(s) else {
                s = s.wrapping_add(1);
                continue;
            };
            let begin = self.slot_at(s);
            let end = begin.saturating_add(life.units);
            units = larger(units, end);
            if !lifetimes.want.backward() {
                // Values alone begin in their order: none that old is needed any more.
                while oldest < s && (lifetimes.graph.last_use(oldest) as usize) < s {
                    oldest = oldest.wrapping_add(1);
                }
            }
            let mut t = oldest;
            while t < s {
                let other = self.slot_at(t);
                // The cheap test first.
                if other < end
                    && begin < other.saturating_add(lifetimes.most_units(t))
                    && let Some(earlier) = lifetimes.life(t)
                {
                    let shared = begin < other.saturating_add(earlier.units);
                    let together = life.from <= earlier.to && earlier.from <= life.to;
                    if shared && together && !(other == begin && takes_place(&life, s, &earlier, t)) {
                        let node = lifetimes.node_of(s) as u32;
                        return Err(Error::Node { node, refusal: Refusal::Slot });
                    }
                }
                t = t.wrapping_add(1);
            }
            s = s.wrapping_add(1);
        }
        Ok(units)
    }

    const fn slot_at(&self, slot: usize) -> u64 {
        // No panic: the index was compared; `get` is not const.
        if slot < self.slots.len() { self.slots[slot] as u64 } else { u32::MAX as u64 }
    }

    /// The result of the verification, for [`Plan::again`].
    pub const fn verified(&self) -> Verified {
        let Self {
            units, parameters_len, running_len, scratch_len, scratch_best, descent_scratch, multiply_adds, ..
        } = *self;
        let hash = hash(&self.lifetimes, self.slots);
        Verified { hash, units, parameters_len, running_len, scratch_len, scratch_best, descent_scratch, multiply_adds }
    }

    /// The plan of a graph and slots that were verified before, in time linear in the number of nodes.
    ///
    /// # Errors
    /// [`Error::TooShort`] with fewer slots; [`Refusal::Plan`] where the graph, what is wanted or the slots are not those.
    pub const fn again(graph: &Graph<'a>, want: Want, slots: &'a [u32], verified: &Verified) -> Result<Self, Error> {
        let lifetimes = Lifetimes::new(graph, want);
        if slots.len() < lifetimes.len() {
            let (need, have) = (lifetimes.len() as u64, slots.len() as u64);
            return Err(Error::TooShort { buffer: Buffer::Slots, need, have });
        }
        let Verified {
            hash: [a, b],
            units,
            parameters_len,
            running_len,
            scratch_len,
            scratch_best,
            descent_scratch,
            multiply_adds,
        } = *verified;
        let [c, d] = hash(&lifetimes, slots);
        if a != c || b != d {
            return Err(Error::Refused(Refusal::Plan));
        }
        Ok(Self {
            lifetimes,
            slots,
            units,
            parameters_len,
            running_len,
            scratch_len,
            scratch_best,
            descent_scratch,
            multiply_adds,
        })
    }

    /// The graph.
    pub const fn graph(&self) -> &Graph<'a> {
        &self.lifetimes.graph
    }

    /// What is wanted of it.
    pub const fn want(&self) -> Want {
        self.lifetimes.want
    }

    /// Where each slot begins, in units of a point.
    pub const fn slots(&self) -> &'a [u32] {
        self.slots
    }

    /// Where a slot of node i begins.
    pub(crate) fn slot(&self, i: u32, kind: usize) -> usize {
        self.slots.get(self.lifetimes.slot(i as usize, kind)).map_or(0, |slot| *slot as usize)
    }

    /// Where value i begins, in units of a point.
    pub fn value_slot(&self, i: u32) -> usize {
        self.slot(i, VALUE)
    }

    /// What the backward pass through node i needs; None where there is none.
    pub(crate) const fn backward_facts(&self, i: usize, tile: u32) -> Option<BackwardFacts> {
        let node = self.lifetimes.graph.at(i);
        if !self.lifetimes.want.backward() || i < self.lifetimes.bottom {
            return None;
        }
        Some(node.op.backward(self.lifetimes.graph.shape(node.x as usize), tile))
    }

    /// f32 elements of the slots of `batch` points in tiles of `tile`; None past 2^64 - 1 or without a tile.
    pub const fn values_len(&self, batch: u32, tile: u32) -> Option<u64> {
        match (batch as u64).checked_next_multiple_of(tile as u64) {
            Some(points) => self.units.checked_mul(points),
            None => None,
        }
    }

    /// Bytes of tape for each tile: a bit for each element of a rectifier, a byte for each maximum.
    pub const fn tape_tile_len(&self, tile: u32) -> u64 {
        let (mut len, mut i) = (0u64, self.lifetimes.bottom);
        while let (true, Some(facts)) = (i < self.lifetimes.graph.len(), self.backward_facts(i, tile)) {
            // Nothing saturates: at most 2^24 nodes of fewer than 2^32 units.
            len = len.saturating_add(facts.tape);
            i = i.wrapping_add(1);
        }
        len
    }

    /// Bytes of tape for a batch.
    pub const fn tape_len(&self, batch: u32, tile: u32) -> Option<u64> {
        let tiles = batch.div_ceil(if tile == 0 { 1 } else { tile });
        self.tape_tile_len(tile).checked_mul(tiles as u64)
    }

    /// f32 elements that hold the operands of a parameter gradient for one tile; more tiles are faster on several threads.
    pub const fn gathered_len(&self, tile: u32) -> u64 {
        let (mut len, mut i) = (0u64, self.lifetimes.bottom);
        while let (true, Some(facts)) = (i < self.lifetimes.graph.len(), self.backward_facts(i, tile)) {
            len = larger(len, if self.lifetimes.want.parameters() { facts.gathered } else { 0 });
            i = i.wrapping_add(1);
        }
        len
    }

    /// f32 elements of the statistics of batch norms: three for each channel, where there is a backward pass.
    pub const fn statistics_len(&self) -> u64 {
        // Nothing saturates: at most 2^24 nodes of fewer than 2^32 channels.
        if self.lifetimes.want.backward() { (self.running_len / 2).saturating_mul(3) } else { 0 }
    }
}

/// A hash of the nodes' words, the `Want` and the slots. It finds mistakes, not malice.
const fn hash(lifetimes: &Lifetimes, slots: &[u32]) -> [u32; 2] {
    let mut hash = [lifetimes.want as u32, lifetimes.graph.len() as u32];
    let mut i = 0;
    while i < lifetimes.graph.len() {
        let words = lifetimes.graph.at(i).to_words();
        let mut word = 0;
        while word < words.len() {
            hash = mixed(hash, words[word]);
            word = word.wrapping_add(1);
        }
        i = i.wrapping_add(1);
    }
    i = 0;
    while i < lifetimes.len() && i < slots.len() {
        hash = mixed(hash, slots[i]);
        i = i.wrapping_add(1);
    }
    hash
}

/// Multiplications by odd numbers, which are invertible.
const fn mixed([a, b]: [u32; 2], word: u32) -> [u32; 2] {
    let a = (a ^ word).wrapping_mul(0x9e37_79b1);
    let b = (b ^ (a >> 15) ^ word).wrapping_mul(0x85eb_ca77);
    [a ^ (b >> 13), b]
}

const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

/// Whether one of two reuses the memory of the other.
const fn takes_place(life: &Lifetime, s: usize, other: &Lifetime, t: usize) -> bool {
    match (life.home, other.home) {
        (Some(home), _) if home == t => true,
        (_, Some(home)) => home == s,
        _ => false,
    }
}
