//! Depthwise layers without the DSP extension: a channel at a time, two positions that are beside each other in the halves of a word, as in
//! [`super::halves`]. The rows that a window sees are in a strip: element j of a row is column j, with the column that the next position sees
//! in its place in the upper half.
use super::super::Quantisation;
use super::super::depthwise::Depthwise;
use super::super::requantise::irregular;
use super::halves::OFFSET;
use super::turned_by;
use crate::shape::int8::columns_seen;

#[cfg(thumb = "v6m")]
use super::v6m_depthwise as kernels;
#[cfg(thumb = "v7m")]
use super::v7m_depthwise as kernels;

/// What a kernel goes through; its own record of where it is, too.
#[repr(C)]
pub struct Plane {
    /// Halves of the multiplier.
    multiplier: [u32; 2],
    /// The shift to the right.
    shift: u32,
    /// The zero point of the output.
    zero: i32,
    /// Where the sums of words and of upper halves start: with the bias, and without the offsets.
    both: u32,
    high: u32,
    /// A word for each tap.
    weights: *const i32,
    x: *const u32,
    /// Bytes in the strip from two positions to the next two.
    step: usize,
    /// Where x ends.
    end: *const u32,
    y: *mut i8,
    /// Bytes from a position's outputs to the next one's.
    stride: usize,
    /// Bytes from the end of a row of taps to the next.
    skip: usize,
    offset: u32,
    columns: usize,
    rows: usize,
    /// Bytes from the last two positions back to two with one that is computed again, where their number is odd; 0 once it is done.
    odd: usize,
}

/// Columns that are packed.
#[repr(C)]
pub struct Spread {
    pub x: *const i8,
    /// Bytes from a column to that of the upper half.
    pub apart: usize,
    pub to: *mut u32,
    /// At least one.
    pub count: usize,
    /// Bytes from a column to the next.
    pub stride: usize,
}

/// See [`super::depthwise`]; false where the window or the scratch is outside of what the kernels take.
pub(super) fn layer(layer: &Depthwise, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) -> bool {
    let [rows, cols] = layer.axes;
    // Nothing wraps from here on: indices of slices, sizes of images below 2^16, numbers of a window below 2^16 by 2^8.
    let taps = rows.taps.wrapping_mul(cols.taps);
    let largest = u32::try_from(taps).map_or(u32::MAX, |taps| taps.saturating_mul(1 << 14));
    let repeated = taps.wrapping_sub(cols.taps);
    let Some((table, strip)) = scratch.split_at_mut_checked(taps.wrapping_add(repeated)) else { return false };
    // Positions that see no more columns than a strip has.
    let room = strip.len().checked_div(rows.taps).and_then(|room| room.checked_sub(cols.taps));
    let Some(most) = room.and_then(|room| room.checked_div(cols.stride)) else { return false };
    let positions = if cols.positions <= most { cols.positions } else { most.wrapping_add(1) };
    if layer.is_spread() || positions < 2 && cols.positions > 1 {
        return false;
    }
    let (mut source, mut uses) = (0usize, 0usize);
    for (c, record) in layer.records.iter().enumerate() {
        if irregular(record, largest) < 0 || record[2] >= 0 {
            layer.channels(at, c..c.wrapping_add(1), y);
        } else {
            let (mut w, mut words) = (layer.weights.as_ptr().wrapping_add(c), table.iter_mut());
            for word in words.by_ref().take(taps) {
                // SAFETY: each tap has a weight of each channel.
                *word = i32::from(unsafe { w.read() }) as u32;
                w = w.wrapping_add(layer.outputs);
            }
            if let Some((once, again)) = table.split_at_mut_checked(taps) {
                again.iter_mut().zip(once).for_each(|(again, once)| *again = *once);
            }
            columns(layer, at, record, [c, source], positions, table, strip.as_mut_ptr(), y);
        }
        uses = uses.wrapping_add(1);
        if uses == layer.multiple {
            (source, uses) = (source.wrapping_add(1), 0);
        }
    }
    true
}

/// A channel and the channel in that it sees, so many columns of positions at a time.
#[expect(clippy::too_many_arguments, reason = "what the loop over channels has")]
fn columns(
    layer: &Depthwise,
    at: &Quantisation,
    record: &[i32; 3],
    [c, source]: [usize; 2],
    positions: usize,
    table: &[u32],
    strip: *mut u32,
    y: &mut [i8],
) {
    let cols = layer.axes[1];
    let behind = if cols.positions > 1 { cols.stride } else { 0 };
    let seen = columns_seen(cols, positions);
    let mut start = 0usize;
    while start < cols.positions {
        // The last columns go with some that were computed before, so that none of two positions is alone.
        if cols.positions.wrapping_sub(start) < positions {
            start = cols.positions.wrapping_sub(positions);
        }
        // Columns of the image in the strip, behind so many columns of padding.
        let from = start.wrapping_mul(cols.stride);
        let (left, padding) = (from.saturating_sub(cols.before), cols.before.saturating_sub(from));
        let end = from.wrapping_add(seen).saturating_sub(cols.before);
        let inside = (if end < cols.size { end } else { cols.size }).saturating_sub(left);
        let first = left.wrapping_mul(layer.inputs).wrapping_add(source);
        let zero = i32::from(at.input_zero) as u32;
        let tile = Tile { layer, seen, padding, inside, behind, zero, x: layer.x.as_ptr().wrapping_add(first) };
        let y = y.as_mut_ptr().wrapping_add(start.wrapping_mul(layer.outputs).wrapping_add(c));
        tile.run(at, record, positions, table, strip, y);
        start = start.wrapping_add(positions);
    }
}

/// Some columns of positions of a channel: two or more, or the only one.
struct Tile<'a> {
    layer: &'a Depthwise<'a>,
    /// Columns of the strip, and what they are: of padding, then of the image.
    seen: usize,
    padding: usize,
    inside: usize,
    /// Columns from a position to the next one's, 0 if there is one.
    behind: usize,
    zero: u32,
    /// The first of the columns in the first row of the image.
    x: *const i8,
}

impl Tile<'_> {
    /// All rows of positions, as `strips.rs` goes through them.
    fn run(
        &self,
        at: &Quantisation,
        &[bias, multiplier, shift]: &[i32; 3],
        positions: usize,
        weights: &[u32],
        strip: *mut u32,
        y: *mut i8,
    ) {
        let Self { layer, seen, behind, zero, .. } = *self;
        let [rows, cols] = layer.axes;
        // Nothing wraps here: as above.
        let whole = rows.taps == 3 && cols.taps == 3;
        let additions = (if whole { 5 } else { rows.taps.wrapping_mul(cols.taps) }) as u32;
        let both = (bias as u32).wrapping_mul(0x1_0001).wrapping_sub(OFFSET.wrapping_mul(additions));
        // Bytes of two positions in the strip; a single one is two that are the same.
        let step = if behind == 0 { 8 } else { behind.wrapping_mul(8) };
        let pairs = if behind == 0 { 1 } else { positions / 2 };
        let end = strip.wrapping_byte_add(step.wrapping_mul(pairs));
        let odd = if behind > 0 && positions & 1 == 1 { step / 2 } else { 0 };
        let mut plane = Plane {
            multiplier: [multiplier as u32 >> 16, multiplier as u32 & 0xffff],
            shift: shift.unsigned_abs(),
            zero: i32::from(at.output_zero),
            both,
            high: (bias as u32).wrapping_sub((OFFSET >> 16).wrapping_mul(additions)),
            weights: weights.as_ptr().cast(),
            x: strip,
            step,
            end,
            y,
            stride: if behind == 0 { 0 } else { layer.outputs },
            skip: seen.wrapping_sub(cols.taps).wrapping_mul(4),
            offset: OFFSET,
            columns: cols.taps,
            rows: rows.taps,
            odd,
        };
        let kernel = if whole { kernels::three_by_three } else { kernels::any_window };
        fill(strip, seen.wrapping_mul(rows.taps), zero);
        let (mut loaded, mut turned) = (0usize, 0usize);
        let (strip_end, pitch) =
            (strip.wrapping_add(seen.wrapping_mul(rows.taps)), cols.size.wrapping_mul(layer.inputs));
        let mut to = strip;
        let mut y = y;
        for row in 0..rows.positions {
            let top = row.wrapping_mul(rows.stride);
            if loaded < top {
                to = strip.wrapping_add(turned_by(top, rows.taps).wrapping_mul(seen));
                loaded = top;
            }
            while loaded < top.wrapping_add(rows.taps) {
                match loaded.checked_sub(rows.before) {
                    Some(line) if line < rows.size => self.load(line.wrapping_mul(pitch), to),
                    _ => fill(to, seen, zero),
                }
                loaded = loaded.wrapping_add(1);
                to = to.wrapping_add(seen);
                if to == strip_end {
                    to = strip;
                }
            }
            let first_row = if turned == 0 { 0 } else { rows.taps.wrapping_sub(turned) };
            plane.weights = weights.as_ptr().wrapping_add(first_row.wrapping_mul(cols.taps)).cast();
            plane.y = y;
            plane.end = end;
            plane.odd = odd;
            // SAFETY: the strip has the columns that these positions see, in as many rows as the window has, `weights` a word for each
            // tap from any row on, and y an output for each position; the last two positions may be computed again.
            unsafe { kernel(&mut plane) };
            y = y.wrapping_add(cols.positions.wrapping_mul(layer.outputs));
            turned = turned_by(turned.wrapping_add(rows.stride), rows.taps);
        }
    }

    /// Packs a row of the image, so many bytes behind the first.
    #[inline(always)]
    fn load(&self, line: usize, to: *mut u32) {
        let Self { layer, padding, inside, behind, zero, .. } = *self;
        let (x, inputs) = (self.x.wrapping_add(line), layer.inputs);
        // SAFETY: so many pixels of a row of the image, and columns of the strip, of which the first ones' upper halves and the last ones' are
        // of different kinds.
        unsafe {
            let element = |i: usize| i32::from(x.wrapping_add(i.wrapping_mul(inputs)).read()) as u32;
            let to = to.wrapping_add(padding);
            let inner = inside.saturating_sub(behind);
            if inner > 0 {
                let apart = behind.wrapping_mul(inputs);
                kernels::spread(&Spread { x, apart, to, count: inner, stride: inputs });
            }
            for i in 0..if padding < behind { padding } else { behind } {
                // A column so many before the image, with one of the image above it.
                let above = behind.wrapping_sub(i).wrapping_sub(1);
                if above < inside {
                    to.wrapping_sub(i.wrapping_add(1)).write(zero.wrapping_add(element(above) << 16));
                }
            }
            for i in inner..inside {
                to.wrapping_add(i).write(element(i).wrapping_add(zero << 16));
            }
        }
    }
}

/// Fills columns of a strip with padding.
fn fill(strip: *mut u32, columns: usize, zero: u32) {
    for i in 0..columns {
        // SAFETY: the strip has so many columns.
        unsafe { strip.wrapping_add(i).write(zero.wrapping_add(zero << 16)) };
    }
}
