use super::lifetimes::{EXTRA, GRADIENT, Lifetime, Lifetimes, VALUE};
use super::sums::Sums;
use super::{Memory, Storage, Want, place};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::graph::{BackwardFacts, Facts, Graph};
use crate::spec::Spec;

/// A graph with verified slots, and the lengths of what its passes need.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Plan<'a> {
    pub(crate) lifetimes: Lifetimes<'a>,
    slots: Slots<'a>,
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
    /// f32 elements of the statistics of norms for a resident batch: those that norms share, and all.
    pub(crate) statistics: [u32; 2],
}

/// The slots of a plan.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Slots<'a> {
    List(&'a [u32]),
    /// Slots in closed form.
    Family(&'a Spec),
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
    statistics: [u32; 2],
}

impl<'a> Plan<'a> {
    /// Verifies that nothing that is still needed is overwritten.
    ///
    /// # Shapes
    /// `slots` as of [`place`](super::place): `want.slots()` for each node.
    ///
    /// # Errors
    /// [`Error::TooShort`] with fewer slots; [`Error::InvalidNode`] with [`InvalidSpec::Slot`] for a node with a slot that overlaps another one;
    /// [`Error::InvalidSpec`] with [`InvalidSpec::TooLarge`] past 2^32 - 1 parameters or units.
    pub const fn new(graph: &Graph<'a>, want: Want, slots: &'a [u32]) -> Result<Self, Error> {
        let mut plan = Self::empty(graph, want, slots);
        if let Err(error) = plan.add_lengths() {
            return Err(error);
        }
        match plan.nothing_overlaps() {
            Ok(units) => plan.units = units,
            Err(error) => return Err(error),
        }
        if plan.is_too_large() { Err(Error::InvalidSpec(InvalidSpec::TooLarge)) } else { Ok(plan) }
    }

    /// Places all slots with [`place`](super::place); they need no verification.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub const fn with_placed_slots(
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
        if plan.is_too_large() { Err(Error::InvalidSpec(InvalidSpec::TooLarge)) } else { Ok((plan, memory)) }
    }

    /// The plan of one of the paper's networks, computed from its formula, for outputs and gradients of the input.
    ///
    /// # Errors
    /// As [`Spec::check`]; [`InvalidSpec::Want`] for gradients of parameters; [`InvalidSpec::TooLarge`] past 2^32 - 1 units.
    pub const fn family(spec: &'a Spec, want: Want) -> Result<Self, Error> {
        let graph = match Graph::family(spec) {
            Ok(graph) => graph,
            Err(error) => return Err(error),
        };
        if want.parameters() {
            return Err(Error::InvalidSpec(InvalidSpec::Want));
        }
        let mut plan = Self { slots: Slots::Family(spec), ..Self::empty(&graph, want, &[]) };
        if let Err(error) = plan.add_lengths() {
            return Err(error);
        }
        plan.units = spec.slots_len(want.backward() && !want.detached());
        // Parameters are drawn where they are needed: there may be any number.
        if plan.units > u32::MAX as u64 { Err(Error::InvalidSpec(InvalidSpec::TooLarge)) } else { Ok(plan) }
    }

    const fn empty(graph: &Graph<'a>, want: Want, slots: &'a [u32]) -> Self {
        Self {
            lifetimes: Lifetimes::new(graph, want),
            slots: Slots::List(slots),
            units: 0,
            parameters_len: 0,
            running_len: 0,
            scratch_len: 0,
            scratch_best: 0,
            descent_scratch: [0, 0],
            multiply_adds: 0,
            statistics: [0, 0],
        }
    }

    const fn is_too_large(&self) -> bool {
        self.units > u32::MAX as u64 || self.parameters_len > u32::MAX as u64
    }

    /// Computes all lengths but those of the slots. In place and out of line: a small stack holds one plan.
    #[inline(never)]
    const fn add_lengths(&mut self) -> Result<(), Error> {
        if let Slots::List(slots) = self.slots
            && slots.len() < self.lifetimes.len()
        {
            let (need, have) = (self.lifetimes.len() as u64, slots.len() as u64);
            return Err(Error::TooShort { buffer: Buffer::Slots, need, have });
        }
        if self.lifetimes.want.parameters() && !cfg!(feature = "train") {
            return Err(Error::InvalidSpec(InvalidSpec::Feature));
        }
        if self.lifetimes.want.backward() && self.lifetimes.graph.has_int8() {
            return Err(Error::InvalidSpec(InvalidSpec::Int8));
        }
        let mut i = 0;
        while i < self.lifetimes.graph.len() {
            // A checked graph has facts for each node.
            let Some(facts) = self.lifetimes.graph.facts(i as u32) else {
                return Err(Error::InvalidSpec(InvalidSpec::Operation));
            };
            let (next, times) = self.lifetimes.graph.next_kind(i);
            let (Some(parameters), Some(multiply_adds)) = (
                sum_of(self.parameters_len, facts.parameters_len(), times),
                sum_of(self.multiply_adds, facts.multiply_adds, times),
            ) else {
                return Err(Error::InvalidSpec(InvalidSpec::TooLarge));
            };
            (self.parameters_len, self.multiply_adds) = (parameters, multiply_adds);
            // Nothing saturates: at most 2^24 nodes of fewer than 2^32 channels.
            self.running_len = self.running_len.saturating_add(2 * facts.running as u64);
            self.add_scratch(i, &facts);
            i = next;
        }
        let (shared, all) = self.rows(Sums::Batch);
        if all > u32::MAX as u64 {
            return Err(Error::InvalidSpec(InvalidSpec::TooLarge));
        }
        self.statistics = [shared as u32, all as u32];
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
                        return Err(Error::InvalidNode { node, reason: InvalidSpec::Slot });
                    }
                }
                t = t.wrapping_add(1);
            }
            s = s.wrapping_add(1);
        }
        Ok(units)
    }

    const fn slot_at(&self, slot: usize) -> u64 {
        match self.slots {
            // No panic: the index was compared; `get` is not const.
            Slots::List(slots) if slot < slots.len() => slots[slot] as u64,
            _ => u32::MAX as u64,
        }
    }

    /// The result of the verification, for [`Plan::from_verified`].
    pub const fn verified(&self) -> Verified {
        let Self {
            units,
            parameters_len,
            running_len,
            scratch_len,
            scratch_best,
            descent_scratch,
            multiply_adds,
            statistics,
            ..
        } = *self;
        let hash = hash(&self.lifetimes, self.slots());
        Verified {
            hash,
            units,
            parameters_len,
            running_len,
            scratch_len,
            scratch_best,
            descent_scratch,
            multiply_adds,
            statistics,
        }
    }

    /// The plan of a graph and slots that were verified before, in time linear in the number of nodes.
    ///
    /// # Errors
    /// [`Error::TooShort`] with fewer slots; [`InvalidSpec::Plan`] where the graph, what is wanted or the slots are not those.
    pub const fn from_verified(
        graph: &Graph<'a>,
        want: Want,
        slots: &'a [u32],
        verified: &Verified,
    ) -> Result<Self, Error> {
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
            statistics,
        } = *verified;
        let [c, d] = hash(&lifetimes, slots);
        if a != c || b != d {
            return Err(Error::InvalidSpec(InvalidSpec::Plan));
        }
        Ok(Self {
            lifetimes,
            slots: Slots::List(slots),
            units,
            parameters_len,
            running_len,
            scratch_len,
            scratch_best,
            descent_scratch,
            multiply_adds,
            statistics,
        })
    }

    /// The graph.
    pub const fn graph(&self) -> &Graph<'a> {
        &self.lifetimes.graph
    }

    /// Number of inputs, which are the first nodes.
    pub(crate) fn inputs(&self) -> u32 {
        if let Slots::Family(_) = self.slots {
            return 1;
        }
        (0..).take_while(|i| self.lifetimes.graph.is_input(*i)).count() as u32
    }

    /// The computation that it was planned for.
    pub const fn want(&self) -> Want {
        self.lifetimes.want
    }

    /// The slot of value i or of its gradient, and its units.
    #[inline(always)]
    pub(crate) fn spot(&self, i: u32, kind: usize) -> (usize, usize) {
        match self.slots {
            Slots::List(slots) => {
                let slot = slots.get(self.lifetimes.slot(i as usize, kind)).map_or(0, |slot| *slot as usize);
                (slot, self.lifetimes.graph.units(i as usize))
            }
            Slots::Family(spec) => {
                let (slot, units) = spec.spot(i as usize, kind == GRADIENT);
                (slot, units as usize)
            }
        }
    }

    /// Where each slot begins, in units of a point. Empty if slots are in closed form.
    pub const fn slots(&self) -> &'a [u32] {
        match self.slots {
            Slots::List(slots) => slots,
            Slots::Family(_) => &[],
        }
    }

    /// Where a slot of node i begins.
    pub(crate) fn slot(&self, i: u32, kind: usize) -> usize {
        match self.slots {
            Slots::List(slots) => slots.get(self.lifetimes.slot(i as usize, kind)).map_or(0, |slot| *slot as usize),
            Slots::Family(spec) if kind == EXTRA => spec.saved_slot(i as usize),
            Slots::Family(spec) => spec.spot(i as usize, kind == GRADIENT).0,
        }
    }

    /// The slots of value i, of what its node saves, and of its gradient, in units of a point. Only the first is used without gradients.
    pub fn slots_of(&self, i: u32) -> [usize; 3] {
        [VALUE, EXTRA, GRADIENT].map(|kind| self.slot(i, kind))
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
        Some(self.lifetimes.backward(&node, tile))
    }

    /// f32 elements of the slots of `batch` points in tiles of `tile`; None past 2^64 - 1 or without a tile.
    pub const fn values_len(&self, batch: u32, tile: u32) -> Option<u64> {
        match (batch as u64).checked_next_multiple_of(tile as u64) {
            Some(points) => self.units.checked_mul(points),
            None => None,
        }
    }

    /// Bytes of tape for each tile: a bit for each element of a ReLU, a byte for each maximum.
    pub const fn tape_tile_len(&self, tile: u32) -> u64 {
        let (mut len, mut i) = (0u64, self.lifetimes.bottom);
        while let (true, Some(facts)) = (i < self.lifetimes.graph.len(), self.backward_facts(i, tile)) {
            // Nothing saturates: at most 2^24 nodes of fewer than 2^32 units.
            let (next, times) = self.lifetimes.graph.next_kind(i);
            len = len.saturating_add(facts.tape.saturating_mul(times));
            i = next;
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
            i = self.lifetimes.graph.next_kind(i).0;
        }
        len
    }

    /// f32 elements of the statistics of norms for a resident batch.
    pub const fn statistics_len(&self) -> u64 {
        self.statistics[1] as u64
    }

    /// f32 elements of the statistics that norms share, and of all statistics.
    pub(crate) const fn rows(&self, sums: Sums) -> (u64, u64) {
        let graph = &self.lifetimes.graph;
        let (mut header, mut kept, mut i) = (0, 0u64, 0);
        while i < graph.len() {
            let (next, times) = graph.next_kind(i);
            if let Some(norm) = graph.at(i).op.norm() {
                let channels = graph.shape(i).channels as u64;
                // Nothing saturates: at most 2^24 nodes of fewer than 2^32 channels.
                header = larger(header, channels.saturating_mul(sums.shared(&norm)));
                kept = kept.saturating_add(
                    channels.saturating_mul(sums.kept(&norm, self.lifetimes.want)).saturating_mul(times),
                );
            }
            i = next;
        }
        (header, header.saturating_add(kept))
    }
}

/// `sum + term * times`
const fn sum_of(sum: u64, term: u64, times: u64) -> Option<u64> {
    match term.checked_mul(times) {
        Some(terms) => sum.checked_add(terms),
        None => None,
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
