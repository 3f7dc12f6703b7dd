//! Layers on bytes against plain loops of their own: drawn shapes, windows, bounds and lengths of scratch, with bytes, multipliers and shifts of
//! every kind.
use crate::values::{Room, Values};
use bytemuck::cast_slice_mut;
use shatterscope::exec::Isa;
use shatterscope::graph::{DilatedWindow, Image};
use shatterscope::internals::kernel::{
    Addition, Quantisation, quantised_add, quantised_conv, quantised_conv_scratch, quantised_dense,
    quantised_dense_scratch, quantised_depthwise, quantised_depthwise_scratch,
};
use shatterscope::internals::op::GroupedConv;

/// Most elements of operands and outputs, words of parameters and scratch.
const ELEMENTS: usize = 640;
const WORDS: usize = 300;
const SCRATCH: usize = 600;

/// Bytes in and out, parameters and scratch.
struct Memory<'a> {
    x: &'a mut [i8],
    found: &'a mut [i8],
    expected: &'a mut [i8],
    parameters: &'a mut [i32],
    scratch: &'a mut [u32],
}

impl<'a> Memory<'a> {
    fn of(mut room: Room<'a>) -> Self {
        Self {
            x: cast_slice_mut(room.take(2 * ELEMENTS / 4)),
            found: cast_slice_mut(room.take(ELEMENTS / 4)),
            expected: cast_slice_mut(room.take(ELEMENTS / 4)),
            parameters: cast_slice_mut(room.take(WORDS)),
            scratch: cast_slice_mut(room.take(SCRATCH)),
        }
    }
}

impl Values {
    fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.draw()) * u64::from(end)) >> 32) as u32
    }

    /// Any bytes, or only the extremes, or only -128.
    fn bytes(&mut self, to: &mut [i8]) {
        let kind = self.below(8);
        to.fill_with(|| match (kind, self.draw() >> 24) {
            (0, _) => -128,
            (1, byte) => {
                if byte < 128 {
                    -128
                } else {
                    127
                }
            }
            (_, byte) => byte as i8,
        });
    }

    /// Such that outputs are between the bounds, or to the left; with `wild` with biases, multipliers and shifts of every kind.
    fn record(&mut self, k: usize, wild: bool) -> [i32; 3] {
        if !wild {
            let shift = if self.below(10) == 0 {
                self.below(7) as i32 - 3
            } else {
                -(5 + (k.ilog2() as i32) / 2 + self.below(3) as i32)
            };
            return [(self.draw() as i32) >> 18, (self.draw() >> 2 | 1 << 30) as i32, shift];
        }
        let bias = match self.below(8) {
            0 => self.draw() as i32,
            1 => [i32::MIN, i32::MAX, 1 << 30, -(1 << 30)][self.below(4) as usize],
            _ => (self.draw() as i32) >> 18,
        };
        let multiplier = match self.below(12) {
            0 => [0, 1, 1 << 30, i32::MAX, i32::MIN, -1][self.below(6) as usize],
            _ => (self.draw() >> 2 | 1 << 30) as i32,
        };
        let shift = match self.below(4) {
            0 => self.below(40) as i32 - 31,
            _ => -(5 + (k.ilog2() as i32) / 2 + self.below(3) as i32),
        };
        [bias, multiplier, shift]
    }

    fn parameters(&mut self, to: &mut [i32], weights: usize, k: usize, real: bool) {
        let (bytes, records) = to.split_at_mut(weights.div_ceil(4));
        let kind = self.below(8);
        bytes.fill_with(|| match kind {
            0 => 0x8080_8080u32 as i32,
            1 => 0x7f80_807fu32 as i32,
            _ => self.draw() as i32,
        });
        let wild = self.below(4) == 0;
        for record in records.as_chunks_mut::<3>().0 {
            *record = self.record(k, wild);
            if real {
                // Ties as well: few bits are set in some. The exponent is near that of outputs between the bounds.
                record[1] = if self.below(2) == 0 { 0 } else { self.draw() as i32 };
                let high = 0x3f00_0000 | self.draw() & 0x00ff_ffff;
                record[2] = (if self.below(3) == 0 { high & 0xfff0_0000 } else { high }) as i32;
            }
        }
    }

    fn quantisation(&mut self) -> Quantisation {
        let (input_zero, output_zero) = (self.draw() as i8, self.draw() as i8);
        let (low, high) = if self.below(2) == 0 { (-128, 127) } else { (output_zero, (self.draw() >> 25) as i8) };
        Quantisation { input_zero, output_zero, low, high: if high < low { low } else { high } }
    }
}

/// The definition, with the truncated quotient and the nudge of TensorFlow Lite.
fn requantised(x: i32, multiplier: i32, shift: i32) -> i32 {
    let a = x.wrapping_shl(shift.max(0) as u32);
    let product = i64::from(a) * i64::from(multiplier);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    let high = ((product + nudge) / (1 << 31)).min(i64::from(i32::MAX));
    let (divisor, size) = (1i64 << (-shift).max(0), high.abs());
    let rounded = (2 * size + divisor) / (2 * divisor);
    (if high < 0 { -rounded } else { rounded }) as i32
}

/// A product of f64, rounded half away from zero.
fn requantised_real(x: i32, low: i32, high: i32) -> i32 {
    let product = f64::from(x) * f64::from_bits(u64::from(high as u32) << 32 | u64::from(low as u32));
    let whole = product as i64;
    let rest = product - whole as f64;
    let away = i64::from(rest >= 0.5) - i64::from(rest <= -0.5);
    (whole + away).clamp(i64::from(-i32::MAX), i64::from(i32::MAX)) as i32
}

fn output(at: &Quantisation, value: i32) -> i8 {
    (i64::from(value) + i64::from(at.output_zero)).clamp(i64::from(at.low), i64::from(at.high)) as i8
}

/// The byte of a slice of words.
fn byte(words: &[i32], i: usize) -> i32 {
    i32::from((words[i / 4] >> (8 * (i % 4))) as i8)
}

/// Compares so many layers of each kind; outputs compared.
pub fn check(isa: Isa, rounds: u32, room: Room) -> usize {
    let memory = &mut Memory::of(room);
    let mut values = Values(7);
    let mut compared = 0;
    for round in 0..rounds {
        compared += convolution(isa, &mut values, memory, [round, 0]);
        compared += convolution(isa, &mut values, memory, [round, 1]);
        compared += convolution(isa, &mut values, memory, [round, 2]);
        compared += dense(isa, &mut values, memory, round);
        compared += addition(isa, &mut values, memory, round);
    }
    compared
}

/// A convolution, a pointwise one, or a depthwise one.
#[inline(never)]
fn convolution(isa: Isa, values: &mut Values, memory: &mut Memory, [round, kind]: [u32; 2]) -> usize {
    let depthwise = kind == 2;
    let Memory { x, found, expected, parameters, scratch } = memory;
    let mut small = |end: u32| 1 + values.below(end);
    let (channels, outputs) = (small(9), small(9));
    let mut window = DilatedWindow {
        height: small(3) as u16,
        width: small(3) as u16,
        strides: [small(2) as u8, small(2) as u8],
        dilations: [1; 2],
        padding: [0; 4].map(|_| small(3) as u8 - 1),
    };
    if small(5) == 1 {
        window.dilations = [small(2) as u8, small(2) as u8];
    }
    if kind == 1 {
        window = DilatedWindow { height: 1, width: 1, strides: [1; 2], dilations: [1; 2], padding: [0; 4] };
    } else if depthwise && small(2) == 1 {
        (window.height, window.width) = (3, 3);
    }
    let input = Image { channels, height: small(7), width: small(7) };
    let multiple = if small(4) == 1 { 2 } else { 1 };
    let (groups, outputs) = if depthwise { (channels, multiple * channels) } else { (1, outputs) };
    let conv = GroupedConv { input, channels: outputs, groups, window, taps_first: false };
    let Some(image) = conv.output() else { return 0 };
    let [height, width, channels] = [input.height, input.width, channels].map(|len| len as usize);
    let outputs = outputs as usize;
    let taps = usize::from(window.height) * usize::from(window.width);
    let k = if depthwise { taps } else { taps * channels };
    let (len, positions) = (height * width * channels, (image.height * image.width) as usize);
    let words = (k * outputs).div_ceil(4) + 3 * outputs;
    if positions * outputs > ELEMENTS || words > WORDS {
        return 0;
    }
    let (x, parameters) = (&mut x[..len], &mut parameters[..words]);
    values.bytes(x);
    values.parameters(parameters, k * outputs, k, false);
    let at = values.quantisation();
    let (weights, records) = parameters.split_at((k * outputs).div_ceil(4));
    let mut places = expected.iter_mut();
    for position in 0..positions {
        for i in 0..outputs {
            let [bias, multiplier, shift] = records.as_chunks::<3>().0[i];
            let mut sum = bias;
            for tap in 0..k {
                let (tap, c) = if depthwise { (tap, 0) } else { (tap / channels, tap % channels) };
                let along = |position: usize, tap: usize, axis: usize, size: usize| {
                    let seen = position * usize::from(window.strides[axis]) + tap * usize::from(window.dilations[axis]);
                    seen.checked_sub(usize::from(window.padding[axis])).filter(|seen| *seen < size)
                };
                let columns = usize::from(window.width);
                let row = along(position / image.width as usize, tap / columns, 0, height);
                let column = along(position % image.width as usize, tap % columns, 1, width);
                let of = if depthwise { i / (outputs / channels) } else { c };
                let seen = row.zip(column).map(|(row, column)| x[(row * width + column) * channels + of]);
                let w = byte(weights, if depthwise { tap * outputs + i } else { (i * taps + tap) * channels + c });
                sum = sum.wrapping_add(w.wrapping_mul(i32::from(seen.unwrap_or(at.input_zero))));
            }
            *places.next().unwrap() = output(&at, requantised(sum, multiplier, shift));
        }
    }
    let needed = if depthwise { quantised_depthwise_scratch(&conv) } else { quantised_conv_scratch(&conv) }.unwrap();
    let given = match values.below(4) {
        0 => values.below(needed as u32 + 1) as usize,
        _ => needed,
    };
    let (scratch, found) = (&mut scratch[..given], &mut found[..positions * outputs]);
    found.fill(99);
    let kernel = if depthwise { quantised_depthwise } else { quantised_conv };
    kernel(isa, &conv, &at, parameters, x, scratch, found);
    same(
        found,
        expected,
        format_args!("{isa:?}, layer {round} of kind {kind}: {conv:?}, {at:?}, {given} words of scratch"),
    )
}

#[inline(never)]
fn dense(isa: Isa, values: &mut Values, memory: &mut Memory, round: u32) -> usize {
    let Memory { x, found, expected, parameters, scratch } = memory;
    let (inputs, outputs) = (1 + values.below(60) as usize, 1 + values.below(14) as usize);
    let real = values.below(2) == 0;
    let (x, parameters) = (&mut x[..inputs], &mut parameters[..(inputs * outputs).div_ceil(4) + 3 * outputs]);
    values.bytes(x);
    values.parameters(parameters, inputs * outputs, inputs, real);
    let at = values.quantisation();
    let (weights, records) = parameters.split_at((inputs * outputs).div_ceil(4));
    for (i, (y, &[bias, a, b])) in expected.iter_mut().zip(records.as_chunks::<3>().0).enumerate() {
        let products = x.iter().enumerate().map(|(k, x)| i32::from(*x) * byte(weights, i * inputs + k));
        let sum = products.fold(bias, i32::wrapping_add);
        *y = output(&at, if real { requantised_real(sum, a, b) } else { requantised(sum, a, b) });
    }
    let needed = quantised_dense_scratch(inputs as u32);
    let given = if values.below(4) == 0 { values.below(needed as u32 + 1) as usize } else { needed };
    let (scratch, found) = (&mut scratch[..given], &mut found[..outputs]);
    quantised_dense(isa, real, &at, parameters, x, scratch, found);
    let what = format_args!(
        "{isa:?}, dense layer {round}: {inputs} to {outputs}, real {real}, {at:?}, {given} words of scratch"
    );
    same(found, expected, what)
}

#[inline(never)]
fn addition(isa: Isa, values: &mut Values, memory: &mut Memory, round: u32) -> usize {
    let Memory { x, found, expected, scratch, .. } = memory;
    // With tables and without.
    let len = if values.below(2) == 0 { 512 + values.below(128) as usize } else { values.below(40) as usize };
    let (a, b) = x[..2 * len].split_at_mut(len);
    values.bytes(a);
    values.bytes(b);
    let at = values.quantisation();
    let mut factor = |right: i32| {
        let wild = values.below(6) == 0;
        let [_, multiplier, shift] = values.record(16, wild);
        [multiplier, if wild { shift } else { right - values.below(3) as i32 }]
    };
    let add = Addition {
        zeros: [at.input_zero, at.output_zero],
        operands: [factor(0), factor(0)],
        sum: factor(-17),
        output_zero: at.output_zero,
        low: at.low,
        high: at.high,
    };
    for ((y, a), b) in expected.iter_mut().zip(&*a).zip(&*b) {
        let term = |operand: usize, x: i8| {
            let [multiplier, shift] = add.operands[operand];
            requantised((i32::from(x) - i32::from(add.zeros[operand])) << 20, multiplier, shift)
        };
        *y = output(&at, requantised(term(0, *a).wrapping_add(term(1, *b)), add.sum[0], add.sum[1]));
    }
    let scratch = if values.below(4) == 0 { &mut scratch[..511] } else { &mut scratch[..512] };
    let found = &mut found[..len];
    quantised_add(isa, &add, [a, b], scratch, found);
    same(found, expected, format_args!("{isa:?}, sum {round} of {len} elements: {add:?}"))
}

#[track_caller]
fn same(found: &[i8], expected: &[i8], what: core::fmt::Arguments) -> usize {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found == expected, "{what}: element {i} is {found}, not {expected}");
    }
    found.len()
}
