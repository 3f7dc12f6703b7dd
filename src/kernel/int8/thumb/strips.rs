//! Depthwise layers with the DSP extension: four channels at a time, the rows that a window sees expanded to halfwords once.
use super::super::Quantisation;
use super::super::depthwise::Depthwise;
use super::super::requantise::irregular;
use super::dsp_depthwise::{Positions, columns, one_position, two_positions_by_one, two_positions_by_two};
use super::turned_by;
use crate::shape::int8::{columns_seen, depthwise_table_words as table_words};

/// See [`super::depthwise`]: all channels but the last ones that are no four, whose number it returns. None where the window or the scratch is
/// outside of what the kernels take.
pub(super) fn layer(layer: &Depthwise, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) -> Option<usize> {
    let [rows, cols] = layer.axes;
    // Nothing wraps from here on: indices of slices, sizes of images below 2^16, numbers of a window below 2^16 by 2^8.
    let taps = rows.taps.wrapping_mul(cols.taps);
    let largest = u32::try_from(taps).map_or(u32::MAX, |taps| taps.saturating_mul(1 << 14));
    let (table, strip) = scratch.split_at_mut_checked(table_words(layer.axes))?;
    let (weights, constants) = table.split_last_chunk_mut::<12>()?;
    // Positions that see no more columns than a strip has.
    let room = (strip.len() / 2).checked_div(rows.taps)?.checked_sub(cols.taps)?;
    let most = room.checked_div(cols.stride)?.wrapping_add(1);
    if layer.is_spread() || layer.multiple != 1 {
        return None;
    }
    let (fours, rest) = layer.records.as_chunks::<4>();
    for (i, records) in fours.iter().enumerate() {
        let first = i.wrapping_mul(4);
        if !records.iter().all(|record| irregular(record, largest) >= 0 && record[2] < 0) {
            layer.channels(at, first..first.wrapping_add(4), y);
            continue;
        }
        let (biases, factors) = constants.split_at_mut(4);
        for ((bias, factor), record) in biases.iter_mut().zip(factors.as_chunks_mut::<2>().0).zip(records) {
            *bias = record[0] as u32;
            *factor = [record[1] as u32, record[2].unsigned_abs()];
        }
        // SAFETY: each tap has weights of all channels, four from the first on among them, and the table two words for each tap.
        unsafe { columns(layer.weights.as_ptr().wrapping_add(first), weights.as_mut_ptr(), taps, layer.outputs) };
        if let Some((once, again)) = weights.split_at_mut_checked(taps.wrapping_mul(2)) {
            again.iter_mut().zip(once).for_each(|(again, once)| *again = *once);
        }
        let mut start = 0;
        while start < cols.positions {
            let left = cols.positions.wrapping_sub(start);
            let positions = if left < most { left } else { most };
            let tile = Tile { layer, at, first, start, positions };
            tile.run(weights, constants, strip, y);
            start = start.wrapping_add(positions);
        }
    }
    Some(rest.len())
}

/// Some columns of positions of four channels.
struct Tile<'a> {
    layer: &'a Depthwise<'a>,
    at: &'a Quantisation,
    first: usize,
    start: usize,
    positions: usize,
}

impl Tile<'_> {
    /// All rows of positions. A row of the image stays in the strip until no window sees it; where the rows of the strip begin with another
    /// one than the window's first, the weights begin with its row, too.
    fn run(&self, weights: &[u32], constants: &[u32; 12], strip: &mut [u32], y: &mut [i8]) {
        let Self { layer, at, first, start, positions } = *self;
        let [rows, cols] = layer.axes;
        // Nothing wraps here: as above.
        let seen = columns_seen(cols, positions);
        let pitch = seen.wrapping_mul(2);
        let zero = u32::from(i16::from(at.input_zero) as u16).wrapping_mul(0x1_0001);
        strip.iter_mut().take(pitch.wrapping_mul(rows.taps)).for_each(|word| *word = zero);
        // Columns of the image in the strip, behind so many columns of padding.
        let from = start.wrapping_mul(cols.stride);
        let (left, padding) = (from.saturating_sub(cols.before), cols.before.saturating_sub(from));
        let end = from.wrapping_add(seen).saturating_sub(cols.before);
        let inside = (if end < cols.size { end } else { cols.size }).saturating_sub(left);
        let whole = rows.taps == 3 && cols.taps == 3 && cols.stride <= 2;
        let pairs = if whole { positions / 2 } else { 0 };
        // Bytes in the strip from a position to the next.
        let step = cols.stride.wrapping_mul(8);
        let (mut loaded, mut slot, mut turned) = (0usize, 0usize, 0usize);
        let strip = strip.as_mut_ptr();
        for row in 0..rows.positions {
            let top = row.wrapping_mul(rows.stride);
            if loaded < top {
                slot = turned_by(top, rows.taps);
                loaded = top;
            }
            while loaded < top.wrapping_add(rows.taps) {
                let to = strip.wrapping_add(pitch.wrapping_mul(slot).wrapping_add(padding.wrapping_mul(2)));
                match loaded.checked_sub(rows.before) {
                    Some(line) if line < rows.size => {
                        let pixel = line.wrapping_mul(cols.size).wrapping_add(left);
                        let x = layer.x.as_ptr().wrapping_add(pixel.wrapping_mul(layer.inputs).wrapping_add(first));
                        // SAFETY: so many pixels of a row of the image, which have four channels from the first on; a row of the strip has
                        // room for them behind the padding.
                        unsafe { columns(x, to, inside, layer.inputs) };
                    }
                    _ => {
                        for i in 0..inside.wrapping_mul(2) {
                            // SAFETY: as above.
                            unsafe { to.wrapping_add(i).write(zero) };
                        }
                    }
                }
                loaded = loaded.wrapping_add(1);
                slot = if slot.wrapping_add(1) == rows.taps { 0 } else { slot.wrapping_add(1) };
            }
            if row > 0 {
                turned = turned_by(turned.wrapping_add(rows.stride), rows.taps);
            }
            let first_row = if turned == 0 { 0 } else { rows.taps.wrapping_sub(turned) };
            let place = row.wrapping_mul(cols.positions).wrapping_add(start).wrapping_mul(layer.outputs);
            let mut walk = Positions {
                pitch: pitch.wrapping_mul(4),
                weights: weights.as_ptr().wrapping_add(first_row.wrapping_mul(cols.taps).wrapping_mul(2)),
                constants: constants.as_ptr(),
                y: y.as_mut_ptr().wrapping_add(place.wrapping_add(first)),
                stride: layer.outputs,
                zero: i32::from(at.output_zero),
                x: strip,
                step: step.wrapping_mul(2),
                end: strip.wrapping_byte_add(step.wrapping_mul(2).wrapping_mul(pairs)),
                columns: cols.taps,
                rows: rows.taps,
                skip: pitch.wrapping_mul(4).wrapping_sub(cols.taps.wrapping_mul(8)),
            };
            // SAFETY: the strip has the columns that these positions see, in as many rows as the window has; `weights` has two words for
            // each tap from any row on, and y four outputs for each position.
            unsafe {
                if pairs > 0 {
                    if cols.stride == 1 {
                        two_positions_by_one(&walk)
                    } else {
                        two_positions_by_two(&walk)
                    }
                    walk.x = walk.end;
                    walk.y = walk.y.wrapping_add(pairs.wrapping_mul(2).wrapping_mul(layer.outputs));
                }
                if pairs.wrapping_mul(2) < positions {
                    walk.step = step;
                    walk.end = strip.wrapping_byte_add(step.wrapping_mul(positions));
                    one_position(&walk);
                }
            }
        }
    }
}
