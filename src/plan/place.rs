use super::lifetimes::{last_need, overwritten, units};
use crate::error::{Buffer, Error};
use crate::graph::Graph;

/// What the values of a graph take of each point, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Memory {
    /// Of the slots.
    pub units: u64,
    /// The least that any slots can do with: the largest sum of values that exist at the same time.
    pub bound: u64,
}

/// Which end of the memory a storage is put at.
#[derive(Clone, Copy)]
enum Ends {
    /// The one and the other in turn, which is exact for chains.
    Turns,
    /// Values that are needed for long at the beginning, the others at the end.
    ByLength,
    /// Always at the beginning.
    First,
}

const ENDS: [Ends; 3] = [Ends::Turns, Ends::ByLength, Ends::First];

/// No slot yet.
const NONE: u32 = u32::MAX;

/// Steps between the bound and what the last resort takes.
const STEPS: u64 = 16;

/// Proposes a slot for every value, in units of a point: where it begins among all values. An operation that may work in place gets the
/// slot of the operand that it overwrites.
///
/// First the nodes in their order at both ends of a memory as large as the bound; if that fails, of a larger one; at last the largest
/// storage first, at the lowest free place.
///
/// # Errors
/// [`Error::TooShort`] with fewer slots than nodes.
pub const fn place(graph: &Graph, slots: &mut [u32]) -> Result<Memory, Error> {
    if slots.len() < graph.len() {
        let (need, have) = (graph.len() as u64, slots.len() as u64);
        return Err(Error::TooShort { buffer: Buffer::Slots, need, have });
    }
    let bound = bound(graph);
    if in_order(graph, slots, bound) {
        return Ok(Memory { units: bound, bound });
    }
    // Placing the largest first takes the square of their number, and long graphs are mostly chains.
    let long = graph.len() > 2048;
    let most = if long { first_fit(graph, slots) } else { largest_first(graph, slots) };
    let mut step = 1;
    while step < STEPS {
        // Nothing saturates: at most 2^16 values below 2^32.
        let more = most.saturating_sub(bound).saturating_mul(step) / STEPS;
        let limit = bound.saturating_add(more);
        if limit > bound && limit < most && in_order(graph, slots, limit) {
            return Ok(Memory { units: used(graph, slots), bound });
        }
        step = step.wrapping_add(1);
    }
    let units = if long { first_fit(graph, slots) } else { largest_first(graph, slots) };
    Ok(Memory { units, bound })
}

/// The nodes in their order, each at the lowest free place; what that takes.
const fn first_fit(graph: &Graph, slots: &mut [u32]) -> u64 {
    // Without a limit that could be reached it fails past 2^32 - 1 units alone, which the plan refuses.
    let _ = by_ends(graph, slots, u64::MAX / 2, Ends::First);
    used(graph, slots)
}

/// The largest sum of storages that are needed at the same time.
const fn bound(graph: &Graph) -> u64 {
    let (mut most, mut i, mut oldest) = (0, 0, 0);
    while i < graph.len() {
        let (mut sum, mut j) = (0u64, oldest);
        let mut living = false;
        while j <= i {
            let lives = overwritten(graph, j).is_none() && last_need(graph, j) >= i;
            if lives {
                sum = sum.saturating_add(units(graph, j));
            } else if !living {
                // Nothing that old is needed any more.
                oldest = j;
            }
            living |= lives;
            j = j.wrapping_add(1);
        }
        if sum > most {
            most = sum;
        }
        i = i.wrapping_add(1);
    }
    most
}

/// Whether all values fit below a limit, placed in their order by one of the rules.
const fn in_order(graph: &Graph, slots: &mut [u32], limit: u64) -> bool {
    let mut i = 0;
    while i < ENDS.len() {
        if by_ends(graph, slots, limit, ENDS[i]) {
            return true;
        }
        i = i.wrapping_add(1);
    }
    false
}

const fn by_ends(graph: &Graph, slots: &mut [u32], limit: u64, ends: Ends) -> bool {
    let (mut i, mut low) = (0, true);
    while i < graph.len() {
        put(slots, i, NONE);
        i = i.wrapping_add(1);
    }
    i = 0;
    let mut oldest = 0;
    while i < graph.len() {
        if let Some(operand) = overwritten(graph, i) {
            put(slots, i, slot_of(slots, operand));
            i = i.wrapping_add(1);
            continue;
        }
        while oldest < i && (overwritten(graph, oldest).is_some() || last_need(graph, oldest) < i) {
            oldest = oldest.wrapping_add(1);
        }
        let at_beginning = match ends {
            Ends::Turns => low,
            Ends::ByLength => last_need(graph, i) > i.wrapping_add(1),
            Ends::First => true,
        };
        let slot = if at_beginning { lowest(graph, slots, i, oldest) } else { highest(graph, slots, i, oldest, limit) };
        match slot {
            Some(slot) if slot.saturating_add(units(graph, i)) <= limit && slot < NONE as u64 => {
                put(slots, i, slot as u32)
            }
            _ => return false,
        }
        low = !low;
        i = i.wrapping_add(1);
    }
    true
}

/// The largest storages first, each at the lowest free place; what that takes.
const fn largest_first(graph: &Graph, slots: &mut [u32]) -> u64 {
    let mut i = 0;
    while i < graph.len() {
        put(slots, i, NONE);
        i = i.wrapping_add(1);
    }
    loop {
        let (mut largest, mut i) = (None, 0);
        while i < graph.len() {
            if slot_of(slots, i) == NONE && overwritten(graph, i).is_none() {
                largest = match largest {
                    Some(other) if units(graph, other) >= units(graph, i) => Some(other),
                    _ => Some(i),
                };
            }
            i = i.wrapping_add(1);
        }
        let Some(next) = largest else { break };
        put(
            slots,
            next,
            match lowest(graph, slots, next, 0) {
                Some(slot) if slot < NONE as u64 => slot as u32,
                // More than can be addressed: the plan refuses it.
                _ => NONE - 1,
            },
        );
    }
    i = 0;
    while i < graph.len() {
        if let Some(operand) = overwritten(graph, i) {
            put(slots, i, slot_of(slots, operand));
        }
        i = i.wrapping_add(1);
    }
    used(graph, slots)
}

/// The slot of value i.
pub(super) const fn slot_of(slots: &[u32], i: usize) -> u32 {
    // No panic: the index was compared; `get` is not const.
    if i < slots.len() { slots[i] } else { NONE }
}

const fn put(slots: &mut [u32], i: usize, slot: u32) {
    if i < slots.len() {
        slots[i] = slot;
    }
}

/// One past the last unit of value i.
const fn end(graph: &Graph, slots: &[u32], i: usize) -> u64 {
    (slot_of(slots, i) as u64).saturating_add(units(graph, i))
}

/// One past the last unit of all slots.
pub(super) const fn used(graph: &Graph, slots: &[u32]) -> u64 {
    let (mut most, mut i) = (0, 0);
    while i < graph.len() {
        let end = end(graph, slots, i);
        if end > most {
            most = end;
        }
        i = i.wrapping_add(1);
    }
    most
}

/// Whether two storages are needed at the same time.
const fn together(graph: &Graph, i: usize, j: usize) -> bool {
    i <= last_need(graph, j) && j <= last_need(graph, i)
}

/// A storage from `oldest` on that has a slot, is needed together with i, and overlaps it at this slot.
const fn in_the_way(graph: &Graph, slots: &[u32], i: usize, oldest: usize, slot: u64) -> Option<usize> {
    let (mut j, end_of_i) = (oldest, slot.saturating_add(units(graph, i)));
    while j < graph.len() {
        let other = slot_of(slots, j) as u64;
        // What is quick to see first.
        let overlaps = j != i && slot_of(slots, j) != NONE && other < end_of_i && slot < end(graph, slots, j);
        if overlaps && overwritten(graph, j).is_none() && together(graph, i, j) {
            return Some(j);
        }
        j = j.wrapping_add(1);
    }
    None
}

/// The lowest free slot for storage i.
const fn lowest(graph: &Graph, slots: &[u32], i: usize, oldest: usize) -> Option<u64> {
    let mut slot = 0;
    while let Some(j) = in_the_way(graph, slots, i, oldest, slot) {
        slot = end(graph, slots, j);
    }
    Some(slot)
}

/// The highest free slot for storage i below a limit.
const fn highest(graph: &Graph, slots: &[u32], i: usize, oldest: usize, limit: u64) -> Option<u64> {
    let Some(mut slot) = limit.checked_sub(units(graph, i)) else { return None };
    while let Some(j) = in_the_way(graph, slots, i, oldest, slot) {
        match (slot_of(slots, j) as u64).checked_sub(units(graph, i)) {
            Some(next) => slot = next,
            None => return None,
        }
    }
    Some(slot)
}
