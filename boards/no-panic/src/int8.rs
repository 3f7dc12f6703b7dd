//! Operations on int8 values.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::graph::{DilatedWindow, Image};
use shatterscope::internals::op::int8::*;

pub fn everything() {
    factors();
    sums();
    pairs();
    moved();
}

fn image() -> Image {
    black_box(Image { channels: 2, height: 2, width: 2 })
}

fn window() -> DilatedWindow {
    black_box(DilatedWindow { height: 1, width: 1, strides: [1; 2], dilations: [1; 2], padding: [0; 4] })
}

fn bounds() -> Bounds {
    black_box(Bounds { zero: 1, low: -128, high: 127 })
}

fn scale() -> Scale {
    black_box(Scale { multiplier: 1 << 30, shift: 1 })
}

fn factors() {
    black_box(multiplier(black_box(0.3)));
    black_box(scale().apply(black_box(3)));
    black_box(doubled_high_product(black_box(3), black_box(5)));
    black_box(rounded_shift(black_box(3), black_box(5)));
    black_box(rounded_product(black_box(3), black_box(5)));
    black_box(bounds().of(black_box(3)));
    for of in black_box([exp_negative, one_over_one_plus, logistic, tanh]) {
        black_box(of(black_box(-3)));
    }
}

fn sums() {
    let (x, mut y) = (slice(&[1i8; 8]), [0i8; 8]);
    let records = slice(&[[1i32; 3]; 2]);
    let conv =
        black_box(QuantisedConv { input: image(), channels: 2, window: window(), input_zero: 1, output: bounds() });
    let _ = black_box(quantised_conv(&conv, x, records, x, buffer(&mut y)));
    let _ = black_box(quantised_depthwise(&conv, x, records, x, buffer(&mut y)));
    let dense = black_box(QuantisedDense { inputs: 4, outputs: 2, output: bounds() });
    let _ = black_box(quantised_dense(&dense, x, records, x, buffer(&mut y)));
    let _ = black_box(quantised_dense_real(&dense, x, records, x, buffer(&mut y)));
    let _ = black_box(quantised_average_pool(&image(), &window(), bounds(), x, buffer(&mut y)));
    let _ = black_box(quantised_max_pool(&image(), &window(), bounds(), x, buffer(&mut y)));
    let mean = QuantisedMean { outer: 2, count: 2, inner: 2, input_zero: 1, scale: scale(), output: bounds() };
    let _ = black_box(quantised_mean(&black_box(mean), x, buffer(&mut y)));
    let softmax = black_box(QuantisedSoftmax { channels: 2, multiplier: 1 << 30, shift: 20, diff_min: -100 });
    let _ = black_box(quantised_softmax(&softmax, x, buffer(&mut y)));
}

fn pairs() {
    let (x, mut y) = (slice(&[1i8; 8]), [0i8; 8]);
    let (operands, zeros) = black_box(([image(), image()], [1, 1]));
    let add = QuantisedAdd { operands, zeros, scales: [scale(), scale()], scale: scale(), output: bounds() };
    let _ = black_box(quantised_add(&black_box(add), x, x, buffer(&mut y)));
    let multiply = QuantisedMultiply { operands, zeros, scale: scale(), output: bounds() };
    let _ = black_box(quantised_multiply(&black_box(multiply), x, x, buffer(&mut y)));
}

fn moved() {
    let (x, mut y, mut floats) = (slice(&[1i8; 8]), [0i8; 8], [0.5f32; 8]);
    let pad = QuantisedPad { input: image(), rows: [0; 2], columns: [0; 2], channels: [0; 2], value: 1 };
    let _ = black_box(quantised_pad(&black_box(pad), x, buffer(&mut y)));
    let _ = black_box(quantised_concat(black_box(1), black_box([4, 4]), x, x, buffer(&mut y)));
    let _ = black_box(quantised_table(black_box(&[1; 256]), x, buffer(&mut y)));
    let _ = black_box(quantise(black_box(0.5), black_box(1), slice(&[1.0; 8]), buffer(&mut y)));
    let _ = black_box(dequantise(black_box(0.5), black_box(1), x, buffer(&mut floats)));
}
