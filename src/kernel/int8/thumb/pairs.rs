//! Layers with the DSP extension.
use super::super::{Quantisation, patches};
use super::dsp::Rows;
use super::{Slow, Walk, dsp, fixed, real};
use crate::kernel::int8::layer::Layer;

/// See [`super::layer`].
pub(super) fn layer(layer: &Layer, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) -> bool {
    // Nothing wraps: lengths of slices.
    let groups = layer.k.div_ceil(4);
    let staging = patches::staging(layer.k, layer.inputs) / 4;
    let room = scratch.len().saturating_sub(staging);
    let fitting = room.checked_div(groups.wrapping_mul(2)).map_or(0, |fitting| fitting);
    let at_once = match layer.positions() {
        2.. if fitting >= 4 && patches::at_once(layer.k, layer.inputs) == 4 => 4,
        2.. if fitting >= 2 => 2,
        _ if fitting >= 1 => 1,
        _ => return false,
    };
    let Some((staged, scratch)) = scratch.split_at_mut_checked(staging) else { return false };
    let [rows, columns] = layer.axes;
    // Nothing wraps: what a window covers of an image.
    let line = columns.taps.wrapping_mul(layer.inputs);
    let (words, pitch) = (line.div_ceil(4), columns.size.wrapping_mul(layer.inputs).wrapping_mul(rows.dilation));
    let mut run = Run {
        rows: Rows {
            rows: rows.taps,
            words,
            skip: pitch.wrapping_sub(words.wrapping_mul(4)),
            back: line.wrapping_sub(words.wrapping_mul(4)),
        },
        reach: rows.taps.wrapping_sub(1).wrapping_mul(pitch).wrapping_add(words.wrapping_mul(4)),
        layer,
        at,
        groups,
        pointwise: layer.is_pointwise(),
        staged: staged.as_mut_ptr().cast(),
        patch: scratch.as_mut_ptr(),
        y: y.as_mut_ptr(),
        next: [0; 2],
        index: 0,
    };
    let mut rest = layer.positions();
    while rest >= at_once && at_once > 1 {
        run.step(at_once);
        rest = rest.wrapping_sub(at_once);
    }
    for _ in 0..rest {
        run.step(1);
    }
    true
}

/// Goes from position to position. The lengths of patches, image and outputs were compared before.
struct Run<'a> {
    /// The rows of a window.
    rows: Rows,
    /// Bytes from where a window begins to the end of what is read of it.
    reach: usize,
    layer: &'a Layer<'a>,
    at: &'a Quantisation,
    groups: usize,
    pointwise: bool,
    staged: *mut i8,
    patch: *mut u32,
    y: *mut i8,
    /// Row and column of the next position.
    next: [usize; 2],
    /// Its number.
    index: usize,
}

impl Run<'_> {
    /// Computes so many positions.
    #[inline(always)]
    fn step(&mut self, positions: usize) {
        for position in 0..positions {
            self.expand(positions, position);
        }
        let layer = self.layer;
        let mut walk = Walk {
            patch: self.patch,
            groups: self.groups.wrapping_add(1),
            back: self.groups.wrapping_mul(4).wrapping_sub(layer.k),
            end: layer.records.as_ptr_range().end,
            // Nothing wraps: an index of y.
            y: self.y.wrapping_add(self.index.wrapping_mul(layer.outputs)),
            stride: layer.outputs,
            zero: i32::from(self.at.output_zero),
            slow: if layer.real { real as Slow } else { fixed },
            weights: layer.weights.as_ptr(),
            record: layer.records.as_ptr(),
            row: layer.k,
            record_step: 12,
            output_step: 1,
        };
        let (kernel, channels): (unsafe extern "C" fn(&Walk), usize) = match positions {
            4 => (dsp::four_positions, 1),
            2 => (dsp::two_positions, 2),
            _ => (dsp::four_channels, 4),
        };
        // SAFETY: the patch has so many positions of whole groups, `weights` whole groups for each channel because the records follow
        // them, and y an output for each channel and position. A part that is left out has no channels.
        unsafe {
            let whole = layer.outputs.wrapping_sub(layer.outputs % channels);
            if whole > 0 {
                walk.end = walk.record.wrapping_add(whole);
                kernel(&walk);
            }
            if whole < layer.outputs {
                walk.weights = walk.weights.wrapping_add(whole.wrapping_mul(layer.k));
                walk.record = walk.record.wrapping_add(whole);
                walk.y = walk.y.wrapping_add(whole);
                walk.end = layer.records.as_ptr_range().end;
                if positions == 2 {
                    (walk.row, walk.record_step, walk.output_step) = (0, 0, 0);
                    dsp::two_positions(&walk);
                } else {
                    dsp::one_channel(&walk);
                }
            }
        }
        self.index = self.index.wrapping_add(positions);
    }

    /// Makes the patch of the next position, which is the given one of so many that are beside each other.
    #[inline(always)]
    fn expand(&mut self, positions: usize, position: usize) {
        let layer = self.layer;
        let patch = self.patch.wrapping_add(position);
        let (whole, at) = (layer.inputs.is_multiple_of(4), self.next);
        let start = if self.pointwise && whole {
            Some(self.index.wrapping_add(position).wrapping_mul(layer.k))
        } else {
            self.next[1] = at[1].wrapping_add(1);
            if self.next[1] == layer.axes[1].positions {
                self.next = [at[0].wrapping_add(1), 0];
            }
            layer.start(at)
        };
        let Some(start) = start else { return self.padded(positions, patch, at) };
        let x = layer.x.as_ptr().wrapping_add(start);
        // SAFETY: the window is inside of the image, its rows are whole words if `whole`, and else what is read behind them is inside, too.
        // Patch and staging have room for whole words.
        unsafe {
            if whole {
                dsp::expand(positions, x, patch, &self.rows);
            } else if start.wrapping_add(self.reach) <= layer.x.len() {
                dsp::stage(x, self.staged, &self.rows);
                self.expand_staged(positions, patch);
            } else {
                self.padded(positions, patch, at);
            }
        }
    }

    /// Expands what is staged, with zeros behind it.
    ///
    /// # Safety
    /// All of the patch is staged.
    #[inline(always)]
    unsafe fn expand_staged(&self, positions: usize, patch: *mut u32) {
        let rows = Rows { rows: 1, words: self.layer.k.div_ceil(4), skip: 0, back: 0 };
        // SAFETY: the staging has a word more than the patch's bytes, which are whole words.
        unsafe {
            self.staged.wrapping_add(self.layer.k).cast::<u32>().write_unaligned(0);
            dsp::expand(positions, self.staged, patch, &rows);
        }
    }

    /// The patch of a window that sees padding, a run at a time.
    #[inline(never)]
    fn padded(&self, positions: usize, mut patch: *mut u32, at: [usize; 2]) {
        let (layer, zero, x) = (self.layer, self.at.input_zero, self.layer.x.as_ptr());
        if layer.inputs.is_multiple_of(4) {
            layer.runs(at, |start, len| match start {
                Some(start) => {
                    let rows = Rows { rows: 1, words: len / 4, skip: 0, back: 0 };
                    // SAFETY: a run of whole words of the image; all runs together have the patch's groups.
                    patch = unsafe { dsp::expand(positions, x.wrapping_add(start), patch, &rows) };
                }
                None => {
                    let word = u32::from(i16::from(zero) as u16).wrapping_mul(0x1_0001);
                    for _ in 0..len / 2 {
                        // SAFETY: as above.
                        unsafe { patch.write(word) };
                        patch = patch.wrapping_add(positions);
                    }
                }
            });
            return;
        }
        let (staged, mut to) = (self.staged, 0);
        // SAFETY: runs of the image; all of them together are as long as what is staged.
        unsafe {
            layer.runs(at, |start, len| {
                // A loop of bytes: runs are short, and a call takes as long as ten of them.
                let (from, step) = match start {
                    Some(start) => (x.wrapping_add(start), 1),
                    None => (&raw const zero, 0),
                };
                for i in 0..len {
                    staged.wrapping_add(to).write_volatile(from.wrapping_add(i.wrapping_mul(step)).read());
                    to = to.wrapping_add(1);
                }
            });
            self.expand_staged(positions, patch);
        }
    }
}
