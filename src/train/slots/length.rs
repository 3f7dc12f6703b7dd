use super::FIELDS;
use super::progress::PROGRESS;

/// Bytes of a slot in flash with these units, a multiple of the erase size: what [`Slots::open`](super::Slots::open) wants at least. None past 2^32 - 1, and
/// for an erase size of 0.
pub const fn slot_len(
    (parameters, running, state): (u64, u64, u64),
    (read, write, erase): (usize, usize, usize),
) -> Option<u32> {
    let unit = unit(read, write) as u64;
    let Some(floats) = parameters.saturating_add(running).saturating_add(state).checked_mul(4) else { return None };
    let Some(len) = floats.checked_add(PROGRESS as u64 + head(unit)) else { return None };
    let Some(len) = len.checked_next_multiple_of(unit) else { return None };
    match len.checked_next_multiple_of(erase as u64) {
        Some(len) if len <= u32::MAX as u64 => Some(len as u32),
        _ => None,
    }
}

pub(super) const fn unit(read: usize, write: usize) -> usize {
    let larger = if read > write { read } else { write };
    if larger > 4 { larger } else { 4 }
}

/// Where the state begins.
pub(super) const fn head(unit: u64) -> u64 {
    (FIELDS as u64).div_ceil(unit) * unit + unit
}
