use super::lifetimes::{overwritten, units};
use super::place::{slot_of, used};
use crate::error::{Buffer, Error, Refusal};
use crate::graph::Graph;

/// A graph with verified slots, and the lengths of what inference needs.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Plan<'a> {
    graph: Graph<'a>,
    slots: &'a [u32],
    /// Units of a point that the values take.
    pub units: u64,
    /// Parameters of all nodes, in their order.
    pub parameters_len: u64,
    /// Running means and variances: two for each channel of a batch norm.
    pub running_len: u64,
    /// Scratch, f32 elements: the least.
    pub scratch_len: u64,
    /// The longest scratch that makes inference faster.
    pub scratch_best: u64,
    /// Multiply-adds of one point.
    pub multiply_adds: u64,
}

impl<'a> Plan<'a> {
    /// Verifies that no value is written over one that is still needed.
    ///
    /// # Errors
    /// [`Error::TooShort`] with fewer slots than nodes; [`Error::Node`] with [`Refusal::Slot`] for a value that overlaps another one;
    /// [`Error::Refused`] with [`Refusal::TooLarge`] past 2^32 - 1 parameters or units.
    pub const fn new(graph: &Graph<'a>, slots: &'a [u32]) -> Result<Self, Error> {
        const TOO_LARGE: Error = Error::Refused(Refusal::TooLarge);
        if slots.len() < graph.len() {
            let (need, have) = (graph.len() as u64, slots.len() as u64);
            return Err(Error::TooShort { buffer: Buffer::Slots, need, have });
        }
        let mut plan = Self {
            graph: *graph,
            slots,
            units: used(graph, slots),
            parameters_len: 0,
            running_len: 0,
            scratch_len: 0,
            scratch_best: 0,
            multiply_adds: 0,
        };
        let (mut i, mut oldest) = (0, 0);
        // No panic: i is below the length, and operands below i.
        while i < graph.len() {
            // A checked graph has facts for each node.
            let Some(facts) = graph.facts(i as u32) else { return Err(Error::Refused(Refusal::Operation)) };
            let (Some(parameters), Some(multiply_adds)) = (
                plan.parameters_len.checked_add(facts.parameters_len()),
                plan.multiply_adds.checked_add(facts.multiply_adds),
            ) else {
                return Err(TOO_LARGE);
            };
            (plan.parameters_len, plan.multiply_adds) = (parameters, multiply_adds);
            // Nothing saturates: at most 2^16 nodes of fewer than 2^32 channels.
            plan.running_len = plan.running_len.saturating_add(2 * facts.running as u64);
            plan.scratch_len = larger(plan.scratch_len, facts.scratch[0]);
            plan.scratch_best = larger(plan.scratch_best, facts.scratch[1]);
            while oldest < i && (graph.at(oldest).last_use as usize) < i {
                oldest = oldest.wrapping_add(1);
            }
            let mut j = oldest;
            while j < i {
                if graph.at(j).last_use as usize >= i
                    && !apart(graph, slots, i, j)
                    && !works_in_place(graph, slots, i, j)
                {
                    return Err(Error::Node { node: i as u32, refusal: Refusal::Slot });
                }
                j = j.wrapping_add(1);
            }
            i = i.wrapping_add(1);
        }
        if plan.units > u32::MAX as u64 || plan.parameters_len > u32::MAX as u64 {
            return Err(TOO_LARGE);
        }
        Ok(plan)
    }

    /// The graph.
    pub const fn graph(&self) -> &Graph<'a> {
        &self.graph
    }

    /// Where each value begins, in units of a point.
    pub const fn slots(&self) -> &'a [u32] {
        self.slots
    }

    /// f32 elements of the values of `batch` points in tiles of `tile`; None past 2^64 - 1 or without a tile.
    pub const fn values_len(&self, batch: u32, tile: u32) -> Option<u64> {
        match (batch as u64).checked_next_multiple_of(tile as u64) {
            Some(points) => self.units.checked_mul(points),
            None => None,
        }
    }
}

const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

/// Whether the slots of two values have no unit in common.
const fn apart(graph: &Graph, slots: &[u32], i: usize, j: usize) -> bool {
    let (a, b) = (slot_of(slots, i) as u64, slot_of(slots, j) as u64);
    a.saturating_add(units(graph, i)) <= b || b.saturating_add(units(graph, j)) <= a
}

/// Whether node i writes its value over operand j.
const fn works_in_place(graph: &Graph, slots: &[u32], i: usize, j: usize) -> bool {
    match overwritten(graph, i) {
        Some(operand) => operand == j && slot_of(slots, i) == slot_of(slots, j),
        None => false,
    }
}
