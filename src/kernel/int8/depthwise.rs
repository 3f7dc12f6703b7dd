//! A depthwise layer whose lengths are checked, and its kernel for every target.
use super::requantise::requantise;
use super::{Products, Quantisation, layer};
use crate::shape::{Axis, GroupedConv};
use core::ops::Range;

/// Channels whose sums are computed together.
const BLOCK: usize = 16;

/// What a layer reads.
#[derive(Clone, Copy)]
pub(super) struct Depthwise<'a> {
    /// Rows and columns of the window.
    pub axes: [Axis; 2],
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Channels out for each channel in.
    pub multiple: usize,
    /// All parameters as bytes.
    pub weights: &'a [i8],
    /// One for each channel out.
    pub records: &'a [[i32; 3]],
    pub x: &'a [i8],
}

impl<'a> Depthwise<'a> {
    pub fn new(conv: &GroupedConv, words: &'a [i32], x: &'a [i8], y: &[i8]) -> Option<Self> {
        let axes = conv.window.axes(&conv.input)?;
        let (one, multiple) = conv.per_group()?;
        let (inputs, outputs) = (conv.input.channels as usize, conv.channels as usize);
        let [positions, pixels, taps] =
            [axes.map(|axis| axis.positions), axes.map(|axis| axis.size), axes.map(|axis| axis.taps)]
                .map(|[rows, columns]| rows.checked_mul(columns));
        let fits = one == 1 && pixels?.checked_mul(inputs)? == x.len() && positions?.checked_mul(outputs)? == y.len();
        let (weights, records) = layer::parameters(words, taps?.checked_mul(outputs)?, outputs)?;
        fits.then_some(Self { axes, inputs, outputs, multiple: multiple as usize, weights, records, x })
    }

    /// Whether taps of the window are no neighbours.
    #[cfg_attr(not(thumb), allow(dead_code, reason = "kernels of Cortex-M"))]
    pub fn is_spread(&self) -> bool {
        self.axes.iter().any(|axis| axis.taps > 1 && axis.dilation > 1)
    }

    /// Computes it with the kernels for all channels that they take, and the others portably.
    pub fn run(&self, products: Products, at: &Quantisation, scratch: &mut [u32], y: &mut [i8]) {
        let _ = (products, &scratch);
        #[cfg(thumb)]
        if products != Products::Portable {
            return super::thumb::depthwise(self, products, at, scratch, y);
        }
        self.channels(at, 0..self.outputs, y);
    }

    /// Some channels, at all positions.
    pub fn channels(&self, at: &Quantisation, channels: Range<usize>, y: &mut [i8]) {
        let [rows, columns] = self.axes;
        let mut first = channels.start;
        while first < channels.end {
            // Nothing wraps here: indices of slices.
            let left = channels.end.wrapping_sub(first);
            let count = if left < BLOCK { left } else { BLOCK };
            let Some(records) = self.records.get(first..).and_then(|records| records.get(..count)) else { return };
            let mut places = y.chunks_exact_mut(self.outputs.max(1));
            for row in 0..rows.positions {
                for column in 0..columns.positions {
                    let y = places.next().and_then(|y| y.get_mut(first..)).and_then(|y| y.get_mut(..count));
                    let Some(y) = y else { return };
                    let mut sums = [0; BLOCK];
                    sums.iter_mut().zip(records).for_each(|(sum, record)| *sum = record[0]);
                    self.add_taps(at, [row, column], first, sums.get_mut(..count));
                    for ((y, sum), &[_, multiplier, shift]) in y.iter_mut().zip(sums).zip(records) {
                        *y = at.output(requantise(sum, multiplier, shift));
                    }
                }
            }
            first = first.wrapping_add(count);
        }
    }

    /// Adds what a window sees to the sums of channels from the first on.
    #[inline]
    fn add_taps(&self, at: &Quantisation, [row, column]: [usize; 2], first: usize, sums: Option<&mut [i32]>) {
        let Some(sums) = sums else { return };
        let [rows, columns] = self.axes;
        let mut weights = self.weights.chunks_exact(self.outputs.max(1));
        for tap in 0..rows.taps {
            let line = rows.sees(row, tap);
            for tap in 0..columns.taps {
                let Some(w) = weights.next().and_then(|w| w.get(first..)) else { return };
                // Nothing wraps: an index of the image.
                let pixel = line
                    .zip(columns.sees(column, tap))
                    .map(|(row, column)| row.wrapping_mul(columns.size).wrapping_add(column).wrapping_mul(self.inputs));
                let x = pixel.and_then(|start| self.x.get(start..)).and_then(|x| x.get(..self.inputs));
                let product = |w: i8, x: i8| i32::from(w).wrapping_mul(i32::from(x));
                match x {
                    Some(x) if self.multiple == 1 => {
                        let Some(x) = x.get(first..) else { return };
                        for ((sum, w), x) in sums.iter_mut().zip(w).zip(x) {
                            *sum = sum.wrapping_add(product(*w, *x));
                        }
                    }
                    Some(x) => {
                        let x = x.iter().flat_map(|x| core::iter::repeat_n(*x, self.multiple)).skip(first);
                        for ((sum, w), x) in sums.iter_mut().zip(w).zip(x) {
                            *sum = sum.wrapping_add(product(*w, x));
                        }
                    }
                    None => {
                        for (sum, w) in sums.iter_mut().zip(w) {
                            *sum = sum.wrapping_add(product(*w, at.input_zero));
                        }
                    }
                }
            }
        }
    }
}
