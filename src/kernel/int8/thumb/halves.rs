//! Layers without the DSP extension: a word has an element of one position in its lower half and one of another in its upper half, so that one
//! multiplication of 32 bits makes two products.
//!
//! # Numerics
//! A word `a + 2^16 b`, times a weight, is `2^16` times the product with b plus the product with a; the sum of two such words has sums of two
//! products in its halves, each in [-32512, 32768]. With 32512 added to each half, none is negative or carries into the other, so the upper half
//! can be added to one sum, and the whole word to another one. In the end the latter is `sum(a) + 2^16 sum(b)` in wrapping arithmetic, from which
//! `sum(b)` gives `sum(a)`.
use super::super::layer::Layer;
use super::super::{Quantisation, patches};
use super::{Slow, fixed, real};

#[cfg(thumb = "v6m")]
use super::v6m as kernels;
#[cfg(thumb = "v7m")]
use super::v7m as kernels;

/// What keeps the halves from being negative.
pub(super) const OFFSET: u32 = 0x7f00_7f00;

/// What a kernel goes through; its own record of where it is, too.
#[repr(C)]
pub struct Walk {
    /// Patches, or the input of one position.
    x: *const u32,
    /// Where the patches end, or the length of the input.
    until: usize,
    weights: *const i8,
    /// Weights of a channel.
    k: usize,
    record: *const [i32; 3],
    y: *mut i8,
    /// Bytes from a position's outputs to the next one's.
    stride: usize,
    /// The zero point of the output.
    zero: i32,
    /// Behind the last record.
    end: *const [i32; 3],
    slow: Slow,
    /// What takes the offsets out of the sum of words, and of upper halves.
    both: u32,
    high: u32,
    offset: u32,
}

/// Rows of two positions that are packed together.
#[repr(C)]
pub struct Pair {
    pub first: *const i8,
    pub second: *const i8,
    pub to: *mut u32,
    /// Bytes from a word to the next.
    pub step: usize,
    /// At least one.
    pub rows: usize,
    /// Bytes of a row, at least one.
    pub bytes: usize,
    /// Bytes from the end of a row to the next.
    pub skip: usize,
}

/// See [`super::layer`].
pub(super) fn layer(layer: &Layer, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) -> bool {
    let positions = layer.positions();
    // Nothing wraps here: lengths of slices.
    let k = patches::bytes(layer.k);
    let fitting = scratch.len().checked_div(k).map_or(0, |words| words.wrapping_mul(2));
    let at_once = match positions {
        1 if layer.is_pointwise() => return one(layer, at, y),
        4.. if fitting >= 4 => 4,
        _ if fitting >= 2 => 2,
        _ => return false,
    };
    let words = k.wrapping_mul(at_once / 2);
    let Some(patch) = scratch.get_mut(..words) else { return false };
    patch.fill(0);
    let run = Run { layer, at, pointwise: layer.is_pointwise(), at_once, patch: patch.as_mut_ptr() };
    // The sums of offsets are taken out of the sums in wrapping arithmetic.
    let pairs = (k / 2) as u32;
    let mut start = 0;
    while start < positions {
        // The last positions go with some that were computed before; a single one goes twice.
        let left = positions.wrapping_sub(start);
        if left < at_once {
            start = positions.saturating_sub(at_once);
        }
        run.pack(start, positions.wrapping_sub(1));
        let mut walk = Walk {
            x: run.patch,
            until: run.patch.wrapping_add(words).addr(),
            weights: layer.weights.as_ptr(),
            k: layer.k,
            record: layer.records.as_ptr(),
            y: y.as_mut_ptr().wrapping_add(start.wrapping_mul(layer.outputs)),
            stride: if positions == 1 { 0 } else { layer.outputs },
            zero: i32::from(at.output_zero),
            end: layer.records.as_ptr_range().end,
            slow: fixed,
            both: OFFSET.wrapping_mul(pairs).wrapping_neg(),
            high: (OFFSET >> 16).wrapping_mul(pairs).wrapping_neg(),
            offset: OFFSET,
        };
        let kernel = if at_once == 4 { kernels::four_positions } else { kernels::two_positions };
        // SAFETY: the patches are whole groups of four; `weights` has such groups for each channel because the records follow them, and
        // y an output for each channel and position.
        unsafe { kernel(&mut walk) };
        start = start.wrapping_add(at_once);
    }
    true
}

/// A dense layer: the input as it is, for four channels at a time, the last of which may have been computed before.
fn one(layer: &Layer, at: &Quantisation, y: &mut [i8]) -> bool {
    let mut run = |first: usize, count: usize| {
        // Nothing wraps: an index of weights.
        let skipped = first.wrapping_mul(layer.k);
        let record = layer.records.as_ptr().wrapping_add(first);
        let mut walk = Walk {
            x: layer.x.as_ptr().cast(),
            until: layer.k,
            weights: layer.weights.as_ptr().wrapping_add(skipped),
            k: layer.k,
            record,
            y: y.as_mut_ptr().wrapping_add(first),
            stride: 0,
            zero: i32::from(at.output_zero),
            end: record.wrapping_add(count),
            slow: if layer.real { real } else { fixed },
            both: 0,
            high: 0,
            offset: 0,
        };
        // SAFETY: there are weights, a record and an output for each of these channels, and an input for each weight.
        unsafe {
            if count.is_multiple_of(4) { kernels::four_channels(&mut walk) } else { kernels::one_channel(&mut walk) }
        }
    };
    let (whole, left) = (layer.outputs & !3, layer.outputs & 3);
    if whole > 0 {
        run(0, whole);
    }
    match (whole, left) {
        (_, 0) => {}
        (0, _) => run(0, left),
        _ => run(layer.outputs.wrapping_sub(4), 4),
    }
    true
}

/// Makes patches of positions. The lengths of patches and image were compared before.
struct Run<'a> {
    layer: &'a Layer<'a>,
    at: &'a Quantisation,
    pointwise: bool,
    at_once: usize,
    patch: *mut u32,
}

impl Run<'_> {
    /// The patches from a position on; behind the last one, it once more.
    fn pack(&self, start: usize, last: usize) {
        let Self { layer, at_once, patch, .. } = *self;
        let [rows, columns] = layer.axes;
        let pairs = at_once / 2;
        // Nothing wraps: positions, and numbers of a window on an image.
        let line = columns.taps.wrapping_mul(layer.inputs);
        let pitch = columns.size.wrapping_mul(layer.inputs).wrapping_mul(rows.dilation);
        for pair in 0..pairs {
            let position = start.wrapping_add(pair.wrapping_mul(2));
            let both =
                [position, position.wrapping_add(1)].map(|position| if position < last { position } else { last });
            let to = patch.wrapping_add(pair);
            let step = pairs.wrapping_mul(4);
            let x = layer.x.as_ptr();
            let places = both.map(|position| {
                let row = if self.pointwise { 0 } else { invariant!(position.checked_div(columns.positions)) };
                [row, position.wrapping_sub(row.wrapping_mul(columns.positions))]
            });
            let starts = if self.pointwise {
                both.map(|position| Some(position.wrapping_mul(layer.k)))
            } else {
                places.map(|place| layer.start(place))
            };
            if let [Some(first), Some(second)] = starts {
                let (rows, bytes, skip) =
                    if self.pointwise { (1, layer.k, 0) } else { (rows.taps, line, pitch.wrapping_sub(line)) };
                let (first, second) = (x.wrapping_add(first), x.wrapping_add(second));
                // SAFETY: both windows are inside of the image, and a patch has a word for each of their bytes.
                unsafe { kernels::pack(&Pair { first, second, to, step, rows, bytes, skip }) };
            } else {
                self.padded(places, to, pairs);
            }
        }
    }

    /// The patch of two windows of which one sees padding.
    #[inline(never)]
    fn padded(&self, places: [[usize; 2]; 2], to: *mut u32, step: usize) {
        let zero = self.at.input_zero;
        for (i, place) in places.into_iter().enumerate() {
            let mut to = to;
            self.layer.runs(place, |start, len| {
                let (from, by) = match start {
                    Some(start) => (self.layer.x.as_ptr().wrapping_add(start), 1),
                    None => (&raw const zero, 0),
                };
                for k in 0..len {
                    // SAFETY: a run of the image, or one byte again and again; all runs together have the words of the patch.
                    unsafe {
                        let x = i32::from(from.wrapping_add(k.wrapping_mul(by)).read()) as u32;
                        to.write(if i == 0 { x } else { to.read().wrapping_add(x << 16) });
                    }
                    to = to.wrapping_add(step);
                }
            });
        }
    }
}
