use super::Want;
use super::lifetimes::{Lifetime, Lifetimes};
use crate::error::{Buffer, Error, InvalidSpec};
use crate::graph::Graph;

/// Memory of a graph per point, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Memory {
    /// Of the slots.
    pub units: u64,
    /// The lower bound for any slots: the largest sum of everything that exists at the same time.
    pub bound: u64,
}

/// Scratch of [`place`], one element per slot: values that use the same memory one after the other.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Storage {
    units: u64,
    /// The slot that it begins as.
    id: u32,
    from: u32,
    to: u32,
    place: u32,
}

impl Storage {
    /// Nothing.
    pub const EMPTY: Self = Self { units: 0, id: NONE, from: 0, to: 0, place: NONE };

    const fn end(&self) -> u64 {
        (self.place as u64).saturating_add(self.units)
    }
}

/// Which end of the memory a storage is put at.
#[derive(Clone, Copy)]
enum Ends {
    /// What is saved for the backward pass at the beginning, everything else at both ends in turn, which is exact for chains.
    Turns,
    /// Long lifetimes at the beginning, everything else at the end.
    ByLength,
    /// Always at the beginning.
    First,
}

const ENDS: [Ends; 3] = [Ends::Turns, Ends::ByLength, Ends::First];

/// No place yet.
const NONE: u32 = u32::MAX;

/// More storages than this are placed without a search.
const LONG: usize = 1024;

/// Steps between the bound and what the last resort takes.
const STEPS: u64 = 16;

/// Proposes slots in units of a point: where each value begins and, for gradients, also what its operation saves and its gradient. Memory of
/// what is no longer needed is reused in place where the operation allows it.
///
/// It first places everything in order of time at both ends of a memory as large as the bound; if that fails, of a larger memory; and as a last
/// resort the largest first, each at the lowest free position. More than 1024 storages with gradients are placed in linear time: all values
/// side by side, then as many gradients of the largest size as exist at once; their bound is what exists when the loss is computed.
///
/// # Shapes
/// `slots` and `storages` have `want.slots()` elements for each node; `storages` is scratch.
///
/// # Errors
/// [`Error::TooShort`] with fewer slots or storages; [`Error::InvalidSpec`] with [`InvalidSpec::TooLarge`] past 2^32 - 1 units.
pub const fn place(graph: &Graph, want: Want, storages: &mut [Storage], slots: &mut [u32]) -> Result<Memory, Error> {
    let lifetimes = Lifetimes::new(graph, want);
    let have = if slots.len() < storages.len() { slots.len() } else { storages.len() };
    let Some((storages, _)) = storages.split_at_mut_checked(lifetimes.len()) else {
        return Err(Error::TooShort { buffer: Buffer::Slots, need: lifetimes.len() as u64, have: have as u64 });
    };
    if slots.len() < lifetimes.len() {
        return Err(Error::TooShort { buffer: Buffer::Slots, need: lifetimes.len() as u64, have: have as u64 });
    }
    let len = collect(&lifetimes, storages, slots);
    let Some((storages, _)) = storages.split_at_mut_checked(len) else {
        return Err(Error::TooShort { buffer: Buffer::Slots, need: len as u64, have: have as u64 });
    };
    let loss = graph.len() as u32;
    let long = storages.len() > LONG;
    let bound = if long && want.backward() { needed_at(storages, loss) } else { bound(storages) };
    let mut fits = true;
    if long && want.backward() {
        fits = stacked(storages, loss);
    } else if !in_order(storages, loss, bound) {
        // Placing the largest first takes the square of their number, and long graphs are mostly chains.
        last_resort(storages, loss, long);
        let most = used(storages);
        let mut step = 1;
        let mut found = false;
        while step < STEPS && !found {
            // Nothing saturates: at most 3 * 2^24 storages below 2^33.
            let limit = bound.saturating_add(most.saturating_sub(bound).saturating_mul(step) / STEPS);
            found = limit > bound && limit < most && in_order(storages, loss, limit);
            step = step.wrapping_add(1);
        }
        fits = found || last_resort(storages, loss, long);
    }
    let units = used(storages);
    if !fits || units > u32::MAX as u64 {
        return Err(Error::InvalidSpec(InvalidSpec::TooLarge));
    }
    write(&lifetimes, storages, slots);
    Ok(Memory { units, bound })
}

/// The storages of a graph in order of time; how many there are.
const fn collect(lifetimes: &Lifetimes, storages: &mut [Storage], slots: &mut [u32]) -> usize {
    let (mut len, mut i) = (0, 0);
    // Forward in the order of the nodes, backward in the opposite one, so that sorting has little to do.
    while i < lifetimes.len() {
        len = add(lifetimes, storages, len, i, true);
        i = i.wrapping_add(1);
    }
    while i > 0 {
        i = i.wrapping_sub(1);
        len = add(lifetimes, storages, len, i, false);
    }
    i = 1;
    while i < len {
        let mut j = i;
        while let Some(before) = j.checked_sub(1) {
            let (earlier, later) = (at(storages, before), at(storages, j));
            if earlier.from <= later.from {
                break;
            }
            set(storages, before, later);
            set(storages, j, earlier);
            j = before;
        }
        i = i.wrapping_add(1);
    }
    // Until they are placed, slots say which storage is theirs.
    i = 0;
    while i < len {
        put(slots, at(storages, i).id as usize, i as u32);
        i = i.wrapping_add(1);
    }
    // Whoever reuses a storage extends its lifetime, and may have more units.
    i = 0;
    while i < lifetimes.len() {
        if let Some(Lifetime { home: Some(home), to, units, .. }) = lifetimes.life(i) {
            let root = root(lifetimes, home);
            let index = if root < slots.len() { slots[root] as usize } else { len };
            let mut storage = at(storages, index);
            storage.to = if storage.to < to as u32 { to as u32 } else { storage.to };
            storage.units = if storage.units < units { units } else { storage.units };
            set(storages, index, storage);
        }
        i = i.wrapping_add(1);
    }
    len
}

/// Appends the storage of a slot that reuses no other one and begins in this pass.
const fn add(lifetimes: &Lifetimes, storages: &mut [Storage], len: usize, slot: usize, forward: bool) -> usize {
    match lifetimes.life(slot) {
        Some(Lifetime { units, from, to, home: None })
            if (from < lifetimes.graph.len()) == forward && len < storages.len() =>
        {
            let (from, to) = (from as u32, to as u32);
            storages[len] = Storage { units, id: slot as u32, from, to, place: NONE };
            len.wrapping_add(1)
        }
        _ => len,
    }
}

/// The slot whose storage this one is a part of.
const fn root(lifetimes: &Lifetimes, slot: usize) -> usize {
    let mut slot = slot;
    while let Some(Lifetime { home: Some(home), .. }) = lifetimes.life(slot) {
        slot = home;
    }
    slot
}

/// Storage i; nothing past the end.
const fn at(storages: &[Storage], i: usize) -> Storage {
    // No panic: the index was compared; `get` is not const.
    if i < storages.len() { storages[i] } else { Storage::EMPTY }
}

const fn set(storages: &mut [Storage], i: usize, storage: Storage) {
    // No panic: the index was compared; `get_mut` is not const.
    if i < storages.len() {
        storages[i] = storage;
    }
}

const fn put(slots: &mut [u32], i: usize, slot: u32) {
    // No panic: the index was compared; `get_mut` is not const.
    if i < slots.len() {
        slots[i] = slot;
    }
}

/// Writes where each slot begins; 0 for slots that are not used.
const fn write(lifetimes: &Lifetimes, storages: &[Storage], slots: &mut [u32]) {
    let mut i = 0;
    while i < lifetimes.len() && i < slots.len() {
        slots[i] = 0;
        i = i.wrapping_add(1);
    }
    i = 0;
    while i < storages.len() {
        put(slots, storages[i].id as usize, storages[i].place);
        i = i.wrapping_add(1);
    }
    i = 0;
    while i < lifetimes.len() && i < slots.len() {
        if let Some(Lifetime { home: Some(home), .. }) = lifetimes.life(i) {
            let root = root(lifetimes, home);
            put(slots, i, if root < slots.len() { slots[root] } else { 0 });
        }
        i = i.wrapping_add(1);
    }
}

/// The largest sum of storages that are needed at the same time.
const fn bound(storages: &[Storage]) -> u64 {
    let (mut most, mut i, mut oldest) = (0, 0, 0);
    while i < storages.len() {
        let now = storages[i].from;
        let (mut sum, mut j, mut living) = (0u64, oldest, false);
        while j <= i {
            let needed = storages[j].to >= now;
            if needed {
                sum = sum.saturating_add(storages[j].units);
            } else if !living {
                // Nothing that old is needed any more.
                oldest = j;
            }
            living |= needed;
            j = j.wrapping_add(1);
        }
        if sum > most {
            most = sum;
        }
        i = i.wrapping_add(1);
    }
    most
}

/// The sum of storages that are needed at a time.
const fn needed_at(storages: &[Storage], time: u32) -> u64 {
    let (mut sum, mut i) = (0u64, 0);
    while i < storages.len() {
        let Storage { units, from, to, .. } = storages[i];
        sum = sum.saturating_add(if from <= time && time <= to { units } else { 0 });
        i = i.wrapping_add(1);
    }
    sum
}

/// All that begins before the losses are taken side by side, then as many places of the widest gradient as are needed at once; whether
/// each has one below 2^32 - 1.
const fn stacked(storages: &mut [Storage], loss: u32) -> bool {
    clear(storages);
    let (mut end, mut widest, mut i) = (0u64, 0u64, 0);
    // No panic: i and j are below the length.
    while i < storages.len() {
        let Storage { units, from, .. } = storages[i];
        if from < loss {
            if end >= NONE as u64 {
                return false;
            }
            storages[i].place = end as u32;
            end = end.saturating_add(units);
        } else if units > widest {
            widest = units;
        }
        i = i.wrapping_add(1);
    }
    let (mut i, mut oldest) = (0, 0);
    while i < storages.len() {
        let from = storages[i].from;
        if from >= loss {
            while oldest < i && (storages[oldest].from < loss || storages[oldest].to < from) {
                oldest = oldest.wrapping_add(1);
            }
            let (mut place, mut j) = (end, oldest);
            while j < i {
                if storages[j].from >= loss && storages[j].to >= from && storages[j].place as u64 == place {
                    place = place.saturating_add(widest);
                    j = oldest;
                } else {
                    j = j.wrapping_add(1);
                }
            }
            if place >= NONE as u64 {
                return false;
            }
            storages[i].place = place as u32;
        }
        i = i.wrapping_add(1);
    }
    true
}

/// Whether all storages fit below a limit, placed in order of time by one of the rules.
const fn in_order(storages: &mut [Storage], loss: u32, limit: u64) -> bool {
    let mut i = 0;
    while i < ENDS.len() {
        if by_ends(storages, loss, limit, ENDS[i]) {
            return true;
        }
        i = i.wrapping_add(1);
    }
    false
}

/// The placing that always succeeds where there are places enough: whether there were.
const fn last_resort(storages: &mut [Storage], loss: u32, long: bool) -> bool {
    if long { by_ends(storages, loss, u64::MAX / 2, Ends::First) } else { largest_first(storages) }
}

const fn by_ends(storages: &mut [Storage], loss: u32, limit: u64, ends: Ends) -> bool {
    clear(storages);
    let (mut i, mut low, mut oldest) = (0, true, 0);
    // No panic: i is below the length.
    while i < storages.len() {
        let Storage { units, from, to, .. } = storages[i];
        while oldest < i && storages[oldest].to < from {
            oldest = oldest.wrapping_add(1);
        }
        let saved = from < loss && to > loss;
        let at_beginning = match ends {
            Ends::Turns => saved || low,
            Ends::ByLength => to > from.saturating_add(1),
            Ends::First => true,
        };
        let place = if at_beginning { Some(lowest(storages, i, oldest)) } else { highest(storages, i, oldest, limit) };
        match place {
            Some(place) if place.saturating_add(units) <= limit && place < NONE as u64 => {
                storages[i].place = place as u32;
            }
            _ => return false,
        }
        low ^= !saved;
        i = i.wrapping_add(1);
    }
    true
}

/// The largest storages first, each at the lowest free place; whether each has one below 2^32 - 1.
const fn largest_first(storages: &mut [Storage]) -> bool {
    clear(storages);
    loop {
        let (mut largest, mut i): (Option<usize>, usize) = (None, 0);
        while i < storages.len() {
            if storages[i].place == NONE {
                largest = match largest {
                    Some(other) if at(storages, other).units >= at(storages, i).units => Some(other),
                    _ => Some(i),
                };
            }
            i = i.wrapping_add(1);
        }
        let Some(next) = largest else { return true };
        let place = lowest(storages, next, 0);
        if place >= NONE as u64 {
            return false;
        }
        set(storages, next, Storage { place: place as u32, ..at(storages, next) });
    }
}

const fn clear(storages: &mut [Storage]) {
    let mut i = 0;
    while i < storages.len() {
        storages[i].place = NONE;
        i = i.wrapping_add(1);
    }
}

/// One past the last unit of all storages.
const fn used(storages: &[Storage]) -> u64 {
    let (mut most, mut i) = (0, 0);
    while i < storages.len() {
        let end = storages[i].end();
        if storages[i].place != NONE && end > most {
            most = end;
        }
        i = i.wrapping_add(1);
    }
    most
}

/// A storage from `oldest` on that has a place, is needed together with i, and overlaps it at this place.
const fn in_the_way(storages: &[Storage], i: usize, oldest: usize, place: u64) -> Option<usize> {
    let Storage { units, from, to, .. } = at(storages, i);
    let (mut j, end) = (oldest, place.saturating_add(units));
    while j < storages.len() {
        let other = &storages[j];
        let overlaps = other.place != NONE && (other.place as u64) < end && place < other.end();
        if overlaps && j != i && from <= other.to && other.from <= to {
            return Some(j);
        }
        j = j.wrapping_add(1);
    }
    None
}

/// The lowest free place for storage i.
const fn lowest(storages: &[Storage], i: usize, oldest: usize) -> u64 {
    let mut place = 0;
    while let Some(j) = in_the_way(storages, i, oldest, place) {
        place = at(storages, j).end();
    }
    place
}

/// The highest free place for storage i below a limit.
const fn highest(storages: &[Storage], i: usize, oldest: usize, limit: u64) -> Option<u64> {
    let Some(mut place) = limit.checked_sub(at(storages, i).units) else { return None };
    while let Some(j) = in_the_way(storages, i, oldest, place) {
        match (at(storages, j).place as u64).checked_sub(at(storages, i).units) {
            Some(next) => place = next,
            None => return None,
        }
    }
    Some(place)
}
