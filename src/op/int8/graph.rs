use super::super::axes::{Axis, extents};
use super::{
    Bounds, QuantisedAdd, QuantisedConv, QuantisedDense, QuantisedMean, QuantisedMultiply, QuantisedPad,
    QuantisedSoftmax, Scale, dequantise, quantise, quantised_add, quantised_average_pool, quantised_concat,
    quantised_conv, quantised_dense, quantised_dense_real, quantised_depthwise, quantised_max_pool, quantised_mean,
    quantised_multiply, quantised_pad, quantised_softmax, quantised_table,
};
use crate::error::{Error, InvalidSpec};
use crate::op::{DilatedWindow, Int8Range, Op};
use crate::shape::Shape;

/// An operation on bytes, or between bytes and numbers, with the shapes of its operands and its value and its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Quantised<'p> {
    /// The operation.
    pub op: &'p Op,
    /// Twice the same of an operation with one.
    pub operands: [Shape; 2],
    /// Of the value.
    pub value: Shape,
    /// As many as its [`Facts`](super::super::Facts) say.
    pub parameters: &'p [f32],
}

const OPERATION: Error = Error::InvalidSpec(InvalidSpec::Operation);

const fn bounds(Int8Range { zero, least, most, .. }: Int8Range) -> Bounds {
    Bounds { zero: zero as i32, low: least, high: most }
}

fn units(shape: Shape) -> usize {
    invariant!(shape.units()) as usize
}

impl Quantised<'_> {
    /// The parameters as numbers of 32 bits.
    pub fn numbers(&self) -> &[i32] {
        bytemuck::must_cast_slice(self.parameters)
    }

    /// So many weights, and a record for each channel.
    fn weights(&self, len: Option<usize>) -> (&[i8], &[[i32; 3]]) {
        let len = invariant!(len);
        let (weights, records) = invariant!(self.numbers().split_at_checked(len.div_ceil(4)));
        (invariant!(bytemuck::must_cast_slice(weights).get(..len)), records.as_chunks().0)
    }

    fn table(&self) -> &[i8; 256] {
        let bytes: &[i8] = bytemuck::must_cast_slice(self.parameters);
        match bytes.first_chunk() {
            Some(table) => table,
            // A checked plan has all parameters.
            None => &[0; 256],
        }
    }

    fn conv(&self, window: DilatedWindow, range: Int8Range) -> QuantisedConv {
        QuantisedConv {
            input: self.operands[0].image(),
            channels: self.value.channels,
            window,
            input_zero: range.operand_zero as i32,
            output: bounds(range),
        }
    }

    /// The value of one point in place of its operand; whether it can be.
    pub fn in_place(&self, x: &mut [f32]) -> bool {
        match *self.op {
            Op::Int8Reshape { .. } => true,
            Op::Int8Table => {
                let (table, x): (_, &mut [i8]) = (self.table(), bytemuck::must_cast_slice_mut(x));
                for x in invariant!(x.get_mut(..units(self.value))) {
                    *x = super::table::look_up(table, *x);
                }
                true
            }
            _ => false,
        }
    }

    /// The value of one point by the plain loops.
    ///
    /// # Errors
    /// None for a node of a checked graph, with slices of its plan.
    pub fn plain(&self, (first, second): (&[f32], &[f32]), value: &mut [f32]) -> Result<(), Error> {
        let [of_x, of_y] = self.operands;
        if let Op::Dequantise { scale, zero, .. } = *self.op {
            let x: &[i8] = bytemuck::must_cast_slice(first);
            return dequantise(scale, zero, invariant!(x.get(..units(of_x))), value);
        }
        let to: &mut [i8] = bytemuck::must_cast_slice_mut(value);
        let to = invariant!(to.get_mut(..units(self.value)));
        if let Op::Quantise { scale, zero, .. } = *self.op {
            return quantise(scale, zero, first, to);
        }
        let (x, y): (&[i8], &[i8]) = (bytemuck::must_cast_slice(first), bytemuck::must_cast_slice(second));
        let x = invariant!(x.get(..units(of_x)));
        let (channels, taps) = (self.value.channels as usize, |window: DilatedWindow| window.taps() as usize);
        let operands = [of_x.image(), of_y.image()];
        let scale = |multiplier, shift| Scale { multiplier, shift };
        match *self.op {
            Op::Int8Reshape { .. } => {
                to.iter_mut().zip(x).for_each(|(to, x)| *to = *x);
                Ok(())
            }
            Op::Int8Conv { window, range, .. } => {
                let len = taps(window).checked_mul(of_x.channels as usize).and_then(|each| each.checked_mul(channels));
                let (weights, records) = self.weights(len);
                quantised_conv(&self.conv(window, range), weights, records, x, to)
            }
            Op::Int8DepthwiseConv { window, range, .. } => {
                let (weights, records) = self.weights(taps(window).checked_mul(channels));
                quantised_depthwise(&self.conv(window, range), weights, records, x, to)
            }
            Op::Int8Dense { range, real, .. } => {
                let (weights, records) = self.weights(x.len().checked_mul(channels));
                let dense = QuantisedDense { inputs: x.len() as u32, outputs: channels as u32, output: bounds(range) };
                let of = if real { quantised_dense_real } else { quantised_dense };
                of(&dense, weights, records, x, to)
            }
            Op::Int8Add { range } => match *self.numbers() {
                [zero_x, qx, sx, zero_y, qy, sy, q, s] => {
                    let (zeros, scales) = ([zero_x, zero_y], [scale(qx, sx), scale(qy, sy)]);
                    let add = QuantisedAdd { operands, zeros, scales, scale: scale(q, s), output: bounds(range) };
                    quantised_add(&add, x, y, to)
                }
                _ => Err(OPERATION),
            },
            Op::Int8Multiply { range } => match *self.numbers() {
                [zero_x, zero_y, q, s] => {
                    let (zeros, scale) = ([zero_x, zero_y], scale(q, s));
                    quantised_multiply(&QuantisedMultiply { operands, zeros, scale, output: bounds(range) }, x, y, to)
                }
                _ => Err(OPERATION),
            },
            Op::Int8AveragePool { window, range } => {
                quantised_average_pool(&operands[0], &window, bounds(range), x, to)
            }
            Op::Int8MaxPool { window, range } => quantised_max_pool(&operands[0], &window, bounds(range), x, to),
            Op::Int8Table => quantised_table(self.table(), x, to),
            Op::Int8Softmax { multiplier, shift, least } => {
                let softmax = QuantisedSoftmax { channels: of_x.channels, multiplier, shift, diff_min: least };
                quantised_softmax(&softmax, x, to)
            }
            Op::Int8Mean { axes, range, multiplier, shift } => {
                let (before, count, behind) = around(of_x, axes);
                let mean = QuantisedMean {
                    outer: before,
                    count,
                    inner: behind,
                    input_zero: range.operand_zero as i32,
                    scale: scale(multiplier, shift),
                    output: bounds(range),
                };
                quantised_mean(&mean, x, to)
            }
            Op::Int8Pad { value, channels, rows, columns } => {
                let ends = |word: u32| [word & 0xffff, word >> 16];
                let pad = QuantisedPad {
                    input: operands[0],
                    rows: ends(rows),
                    columns: ends(columns),
                    channels: ends(channels),
                    value: value as i8,
                };
                quantised_pad(&pad, x, to)
            }
            Op::Int8Concat { axis } => {
                let bit = 1 << axis as u32;
                let ((before, n, behind), (_, m, _)) = (around(of_x, bit), around(of_y, bit));
                // Nothing wraps: parts of values.
                let own = [n.wrapping_mul(behind), m.wrapping_mul(behind)];
                quantised_concat(before, own, x, invariant!(y.get(..units(of_y))), to)
            }
            _ => Err(OPERATION),
        }
    }
}

/// Entries before some neighbouring axes, of these, and behind them, in the order of memory: rows, columns, channels.
fn around(shape: Shape, axes: u32) -> (u32, u32, u32) {
    let of = |axis: Axis| (axis.of(extents(shape)), axes >> axis as u32 & 1 == 1);
    let (mut before, mut own, mut behind) = (1u32, 1u32, 1u32);
    let mut seen = false;
    for (extent, counts) in [Axis::Rows, Axis::Columns, Axis::Channels].map(of) {
        seen |= counts;
        let part = if counts {
            &mut own
        } else if seen {
            &mut behind
        } else {
            &mut before
        };
        // Does not wrap: a part of a value's units.
        *part = part.wrapping_mul(extent);
    }
    (before, own, behind)
}
