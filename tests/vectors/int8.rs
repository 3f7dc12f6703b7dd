//! Operators on int8 values against `docs/vectors/int8.json`: the plain loops with the numbers that the scales of a case give. The package
//! shatterscope-int8 has the numbers from the scales.
use super::{cases, floats, uint};
use serde_json::Value;
use shatterscope::internals::op::{DilatedWindow, Image, int8};
use std::collections::BTreeSet;

fn number(value: &Value) -> i32 {
    value.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or_else(|| panic!("a number: {value}"))
}

fn numbers<const N: usize>(value: &Value) -> [i32; N] {
    let all: Vec<i32> = value.as_array().unwrap_or_else(|| panic!("a list: {value}")).iter().map(number).collect();
    all.try_into().unwrap_or_else(|_| panic!("{N} numbers: {value}"))
}

/// Bytes in hexadecimal.
fn bytes(value: &Value) -> Vec<i8> {
    let text = value.as_str().unwrap_or_else(|| panic!("bytes: {value}"));
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap() as i8).collect()
}

fn image(value: &Value) -> Image {
    let [height, width, channels] = numbers(value).map(|n: i32| n as u32);
    Image { channels, height, width }
}

fn window(case: &Value) -> DilatedWindow {
    let [height, width] = numbers(&case["taps"]).map(|n| n as u16);
    DilatedWindow {
        height,
        width,
        strides: numbers(&case["strides"]).map(|n| n as u8),
        dilations: numbers(&case["dilations"]).map(|n| n as u8),
        padding: numbers(&case["padding"]).map(|n| n as u8),
    }
}

fn bounds(case: &Value) -> int8::Bounds {
    let [zero, low, high] = numbers(&case["bounds"]);
    int8::Bounds { zero, low: low as i8, high: high as i8 }
}

fn scale(value: &Value) -> int8::Scale {
    let [multiplier, shift] = numbers(value);
    int8::Scale { multiplier, shift }
}

fn weighted(case: &Value, x: &[i8], y: &mut [i8]) {
    let records: Vec<[i32; 3]> = case["records"].as_array().unwrap().iter().map(numbers).collect();
    let (weights, output, channels) = (bytes(&case["weights"]), bounds(case), records.len() as u32);
    if case["op"] == "dense" {
        let dense = int8::QuantisedDense { inputs: x.len() as u32, outputs: channels, output };
        let real = case["profile"] == "litert-ref";
        let run = if real { int8::quantised_dense_real } else { int8::quantised_dense };
        return run(&dense, &weights, &records, x, y).unwrap();
    }
    let [input_zero, _] = numbers(&case["zeros"]);
    let conv = int8::QuantisedConv { input: image(&case["shape"]), channels, window: window(case), input_zero, output };
    let run = if case["op"] == "conv" { int8::quantised_conv } else { int8::quantised_depthwise };
    run(&conv, &weights, &records, x, y).unwrap();
}

fn pair(case: &Value, x: &[i8], y: &mut [i8]) {
    let (operands, second) = ([image(&case["shape"]), image(&case["other"])], bytes(&case["x1"]));
    let [first_zero, second_zero, _] = numbers(&case["zeros"]);
    let (zeros, output, factors) = ([first_zero, second_zero], bounds(case), &case["factors"]);
    // Either order: the operand that is repeated is the second one of the case.
    if case["op"] == "add" {
        let scales = [scale(&factors[0]), scale(&factors[1])];
        let add = int8::QuantisedAdd { operands, zeros, scales, scale: scale(&factors[2]), output };
        int8::quantised_add(&add, x, &second, y).unwrap();
        let expected = y.to_vec();
        let turned = |[a, b]: [_; 2]| [b, a];
        let add = int8::QuantisedAdd {
            operands: [operands[1], operands[0]],
            zeros: [second_zero, first_zero],
            scales: turned(scales),
            ..add
        };
        int8::quantised_add(&add, &second, x, y).unwrap();
        assert_eq!(y, expected, "turned: {case}");
    } else {
        let multiply = int8::QuantisedMultiply { operands, zeros, scale: scale(&factors[0]), output };
        int8::quantised_multiply(&multiply, x, &second, y).unwrap();
    }
}

fn value(case: &Value, x: &[i8], y: &mut [i8]) {
    match case["op"].as_str().unwrap() {
        "conv" | "depthwise" | "dense" => weighted(case, x, y),
        "add" | "multiply" => pair(case, x, y),
        "average_pool" => {
            int8::quantised_average_pool(&image(&case["shape"]), &window(case), bounds(case), x, y).unwrap()
        }
        "max_pool" => int8::quantised_max_pool(&image(&case["shape"]), &window(case), bounds(case), x, y).unwrap(),
        "mean" => {
            let [outer, count, inner] = numbers(&case["shape"]).map(|n| n as u32);
            let [input_zero, _] = numbers(&case["zeros"]);
            let (scale, output) = (scale(&case["factors"][0]), bounds(case));
            let mean = int8::QuantisedMean { outer, count, inner, input_zero, scale, output };
            int8::quantised_mean(&mean, x, y).unwrap();
        }
        "softmax" => {
            let [multiplier, shift, diff_min] = numbers(&case["numbers"]);
            let channels = image(&case["shape"]).channels;
            let softmax = int8::QuantisedSoftmax { channels, multiplier, shift, diff_min };
            int8::quantised_softmax(&softmax, x, y).unwrap();
        }
        "pad" => {
            let [rows, columns, channels] = [0, 1, 2].map(|i| numbers(&case["pads"][i]).map(|n| n as u32));
            let (input, value) = (image(&case["shape"]), number(&case["value"]) as i8);
            int8::quantised_pad(&int8::QuantisedPad { input, rows, columns, channels, value }, x, y).unwrap();
        }
        "concat" => {
            let shapes: [[i32; 3]; 2] = [numbers(&case["shape"]), numbers(&case["other"])];
            let axis = uint(&case["axis"]) as usize;
            let outer = shapes[0][..axis].iter().product::<i32>() as u32;
            let each = shapes.map(|shape| shape[axis..].iter().product::<i32>() as u32);
            int8::quantised_concat(outer, each, x, &bytes(&case["x1"]), y).unwrap();
        }
        _ => {
            let table = bytes(&case["table"]).try_into().unwrap();
            int8::quantised_table(&table, x, y).unwrap();
        }
    }
}

fn float_case(case: &Value) {
    let (scale, zero) = (f32::from_bits(super::word(&case["scale"])), number(&case["zero"]));
    if case["op"] == "quantise" {
        let (x, expected) = (floats(&case["floats"]), bytes(&case["y"]));
        let mut y = vec![0; expected.len()];
        int8::quantise(scale, zero, &x, &mut y).unwrap();
        assert_eq!(y, expected, "{case}");
    } else {
        let (x, expected) = (bytes(&case["x"]), floats(&case["floats"]));
        let mut y = vec![0.0; expected.len()];
        int8::dequantise(scale, zero, &x, &mut y).unwrap();
        super::same(&y, &expected, case);
    }
}

fn factor_case(case: &Value) {
    let m = u64::from_str_radix(case["m"].as_str().unwrap(), 16).unwrap();
    let (multiplier, shift) = int8::multiplier(f64::from_bits(m));
    let expected = scale(&case["factor"]);
    assert_eq!(int8::Scale { multiplier, shift }, expected, "{case}");
    let acc = number(&case["acc"]);
    assert_eq!(expected.apply(acc), number(&case["scaled"]), "{case}");
    assert_eq!(int8::rounded_product(acc, m), number(&case["real"]), "{case}");
}

#[test]
fn int8_operators_have_the_bytes_of_strict1_py() {
    let mut seen = BTreeSet::new();
    for case in cases("int8") {
        let name = case["op"].as_str().unwrap().to_owned();
        match &*name {
            "factor" => factor_case(&case),
            "quantise" | "dequantise" => float_case(&case),
            _ => {
                let expected = bytes(&case["y"]);
                let mut y = vec![0; expected.len()];
                value(&case, &bytes(&case["x"]), &mut y);
                assert_eq!(y, expected, "{case}");
            }
        }
        seen.insert((name, case["profile"].as_str().unwrap_or_default().to_owned()));
    }
    // Twenty operators under two profiles, and the factors.
    assert_eq!(seen.len(), 41);
}
