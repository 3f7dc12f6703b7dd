//! The layers on the registers of a Cortex-M: patches of some positions are made once for all channels, then a kernel goes through the channels.
#![allow(unsafe_code)]

#[cfg(dsp)]
mod dsp;
#[cfg(dsp)]
mod dsp_depthwise;
#[cfg(not(dsp = "always"))]
mod halves;
#[cfg(dsp)]
mod pairs;
#[cfg(not(dsp = "always"))]
mod planes;
#[cfg(dsp)]
mod strips;
#[cfg(thumb = "v6m")]
mod v6m;
#[cfg(thumb = "v6m")]
mod v6m_depthwise;
#[cfg(all(thumb = "v7m", not(dsp = "always")))]
mod v7m;
#[cfg(all(thumb = "v7m", not(dsp = "always")))]
mod v7m_depthwise;

#[cfg(thumb = "v6m")]
use self::v6m_depthwise as kernels;
#[cfg(all(thumb = "v7m", not(dsp = "always")))]
use self::v7m_depthwise as kernels;
use super::add::Addition;
use super::depthwise::Depthwise;
use super::layer::Layer;
use super::requantise::{irregular, requantise, requantise_real};
use super::{Products, Quantisation};

/// Whether the core has the DSP extension.
#[inline(always)]
pub(super) fn has_dsp() -> bool {
    #[cfg(dsp = "always")]
    return true;
    #[cfg(dsp = "detected")]
    return detected();
    #[cfg(not(dsp))]
    false
}

/// Armv8-M cores have it or not, and say so in a register that only privileged code may read; other code does without.
#[cfg(dsp = "detected")]
fn detected() -> bool {
    /// ID_ISAR3, whose bits 4 to 7 say which instructions on halves and quarters of words there are.
    const INSTRUCTIONS: *const u32 = 0xe000_ed6c as *const u32;
    let (control, exception): (u32, u32);
    // SAFETY: reads two registers, touches neither memory nor flags.
    unsafe {
        core::arch::asm!("mrs {}, control", "mrs {}, ipsr", out(reg) control, out(reg) exception,
            options(nomem, nostack, preserves_flags));
    }
    if control & 1 != 0 && exception == 0 {
        return false;
    }
    // SAFETY: a register of every core of this architecture, which reading does not change.
    let instructions = unsafe { INSTRUCTIONS.read_volatile() };
    instructions >> 4 & 15 >= 3
}

/// What a kernel goes through.
#[repr(C)]
struct Walk {
    /// Patches of the positions.
    patch: *const u32,
    /// Groups of weights of a channel, and one more.
    groups: usize,
    /// Bytes from the weights that the last group reads back to those of the next channel.
    back: usize,
    /// Behind the record of the last channel.
    end: *const [i32; 3],
    /// The first channel's output at the first position.
    y: *mut i8,
    /// Bytes from a position's outputs to the next one's.
    stride: usize,
    /// The zero point of the output.
    zero: i32,
    /// Requantises sums by a record whose shift is not to the right.
    slow: Slow,
    /// Of the first channel.
    weights: *const i8,
    record: *const [i32; 3],
    /// Bytes from a channel's weights to those of the next; these three are 0 for a pair of channels that is the last one twice.
    row: usize,
    /// Bytes from a record to the next.
    record_step: usize,
    /// Bytes from an output to the next channel's.
    output_step: usize,
}

/// Requantises so many sums by a record; kernels add the zero point and saturate.
type Slow = unsafe extern "C" fn(sums: *mut i32, record: &[i32; 3], count: usize);

/// Bounds within which a zero point can be added, and beyond which every output is a bound anyway.
const FAR: i32 = 1 << 16;

fn near(value: i32) -> i32 {
    value.clamp(-FAR, FAR)
}

/// [`requantise`], for any shift.
unsafe extern "C" fn fixed(sums: *mut i32, &[_, multiplier, shift]: &[i32; 3], count: usize) {
    // SAFETY: kernels pass so many sums on their stack.
    for sum in unsafe { core::slice::from_raw_parts_mut(sums, count) } {
        *sum = near(requantise(*sum, multiplier, shift));
    }
}

/// [`requantise_real`].
unsafe extern "C" fn real(sums: *mut i32, &[_, low, high]: &[i32; 3], count: usize) {
    // SAFETY: kernels pass so many sums on their stack.
    for sum in unsafe { core::slice::from_raw_parts_mut(sums, count) } {
        *sum = near(requantise_real(*sum, low, high));
    }
}

/// Computes a layer; false where its numbers or the scratch are outside of what the kernels take.
pub(super) fn layer(layer: &Layer, products: Products, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) -> bool {
    let largest = u32::try_from(layer.k).map_or(u32::MAX, |k| k.saturating_mul(1 << 14));
    // A multiplier of f64 is positive, so its high word is no shift to the right.
    let irregular = if layer.real {
        layer.records.iter().fold(0, |any, record| any | record[2])
    } else {
        layer.records.iter().fold(0, |any, record| any | irregular(record, largest))
    };
    if irregular < 0 {
        return false;
    }
    let done = match products {
        #[cfg(dsp)]
        Products::Pairs => pairs::layer(layer, at, scratch, y),
        #[cfg(not(dsp = "always"))]
        Products::Halves => halves::layer(layer, at, scratch, y),
        _ => false,
    };
    if done {
        bound(at, y);
    }
    done
}

/// Applies bounds to outputs that are bytes already.
fn bound(at: &Quantisation, y: &mut [i8]) {
    if !at.is_unbounded() {
        y.iter_mut().for_each(|y| {
            if *y < at.low {
                *y = at.low;
            } else if *y > at.high {
                *y = at.high;
            }
        });
    }
}

/// Computes a depthwise layer: with the kernels all that they take, otherwise portably.
pub(super) fn depthwise(layer: &Depthwise, products: Products, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) {
    let left = match products {
        #[cfg(dsp)]
        Products::Pairs => strips::layer(layer, at, scratch, y),
        #[cfg(not(dsp = "always"))]
        Products::Halves => planes::layer(layer, at, scratch, y).then_some(0),
        _ => None,
    };
    let first = left.map_or(0, |left| layer.outputs.wrapping_sub(left));
    if first > 0 {
        bound(at, y);
    }
    layer.channels(at, first..layer.outputs, y);
}

/// A row's place in a strip of so many rows.
fn turned_by(row: usize, rows: usize) -> usize {
    if row < rows {
        return row;
    }
    // A Cortex-M0 divides in software; mostly a row is soon in its place.
    match row.wrapping_sub(rows) {
        place if place < rows => place,
        _ => invariant!(row.checked_rem(rows)),
    }
}

/// Sums from tables of the operands' terms, the largest of which has these bits; false where the numbers are outside of what the kernels take.
pub(super) fn add(add: &Addition, (tables, largest): (&mut [u32; 512], i32), [a, b]: [&[i8]; 2], y: &mut [i8]) -> bool {
    let [multiplier, shift] = add.sum;
    if y.is_empty()
        || largest >= 1 << 28
        || multiplier < 0
        || !(-31..0).contains(&shift)
        || a.len() < y.len()
        || b.len() < y.len()
    {
        return false;
    }
    #[cfg(dsp)]
    if has_dsp() {
        tables.iter_mut().for_each(|term| *term = term.wrapping_shl(1));
        let (whole, rest) = y.as_chunks_mut::<4>();
        let sums = dsp_depthwise::Sums {
            groups: whole.len(),
            multiplier,
            shift: shift.unsigned_abs(),
            zero: i32::from(add.output_zero),
            tables: tables.as_ptr(),
        };
        // Nothing wraps: an index of y.
        let at = whole.len().wrapping_mul(4);
        // SAFETY: operands and output have so many groups; a byte counts up to 255, and the tables have 256 entries each.
        unsafe {
            if at > 0 {
                dsp_depthwise::sums(a.as_ptr(), b.as_ptr(), whole.as_mut_ptr().cast(), &sums);
            }
            if !rest.is_empty() {
                let mut last = [[0i8; 4]; 3];
                let [last_a, last_b, to] = &mut last;
                last_a.iter_mut().zip(a.iter().skip(at)).for_each(|(to, x)| *to = *x);
                last_b.iter_mut().zip(b.iter().skip(at)).for_each(|(to, x)| *to = *x);
                let sums = dsp_depthwise::Sums { groups: 1, ..sums };
                dsp_depthwise::sums(last_a.as_ptr(), last_b.as_ptr(), to.as_mut_ptr(), &sums);
                rest.iter_mut().zip(to).for_each(|(y, x)| *y = *x);
            }
        }
        bound(&add.output(), y);
        return true;
    }
    #[cfg(not(dsp = "always"))]
    {
        let sums = kernels::Sums {
            #[cfg(thumb = "v6m")]
            multiplier: [multiplier as u32 >> 16, multiplier as u32 & 0xffff],
            #[cfg(thumb = "v7m")]
            multiplier: multiplier as u32,
            shift: shift.unsigned_abs(),
            zero: i32::from(add.output_zero),
            elements: y.len(),
            tables: tables.as_ptr(),
        };
        // SAFETY: operands have as many elements as the output, at least one; a byte counts up to 255, and the tables have 256 entries each.
        unsafe { kernels::sums(a.as_ptr(), b.as_ptr(), y.as_mut_ptr(), &sums) };
        bound(&add.output(), y);
    }
    true
}
