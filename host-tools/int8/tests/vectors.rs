//! What scales and zero points give, against `docs/vectors/int8.json`, which the second implementation wrote.
use crate::cases::{bytes, float, number, numbers};
use serde_json::Value;
use shatterscope::internals::op::int8::{Bounds, QuantisedSoftmax, Scale};
use shatterscope_int8::{self as int8, Activation, Error, Profile, Quantisation, Table};
use std::collections::BTreeMap;
use std::path::Path;

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(float).collect()
}

fn scale(value: &Value) -> Scale {
    let [multiplier, shift] = numbers(value).map(|n| n as i32);
    Scale { multiplier, shift }
}

/// All tensors with a scale: the operands, then the value.
fn quantisations(case: &Value) -> Vec<Quantisation> {
    let zeros = case["zeros"].as_array().unwrap().iter().map(number);
    floats(&case["scales"]).into_iter().zip(zeros).map(|(s, z)| Quantisation::new("a tensor", s, z).unwrap()).collect()
}

fn records(case: &Value, profile: Profile, input: Quantisation, output: Quantisation) -> Vec<[i32; 3]> {
    let (weights, scales) = (bytes(&case["weights"]), floats(&case["weight_scales"]));
    let (channels, depthwise) = (scales.len(), case["op"] == "depthwise");
    let biases: Vec<i32> = (0..channels)
        .map(|i| {
            let each = weights.len() / channels;
            let own = |k| i32::from(weights[if depthwise { k * channels + i } else { i * each + k }] as i8);
            int8::folded_bias(number(&case["bias"][i]) as i32, input, (0..each).map(own).sum())
        })
        .collect();
    let made = if case["op"] == "dense" {
        int8::dense(profile, input, &scales, output, &biases)
    } else {
        int8::convolution(input, &scales, output, &biases)
    };
    made.unwrap()
}

fn table(case: &Value, profile: Profile, input: Quantisation, output: Quantisation) -> Result<Table, Error> {
    match case["op"].as_str().unwrap() {
        "logistic" => int8::logistic(profile, input, output),
        "tanh" => int8::tanh(profile, input, output),
        "relu" => Ok(int8::relu(profile, input, output)),
        "relu6" => Ok(int8::relu6(profile, input, output)),
        "requantise" => Ok(int8::requantise(input, output)),
        "leaky_relu" => int8::leaky_relu(profile, input, float(&case["alpha"]), output),
        "hard_swish" => int8::hard_swish(profile, input, output),
        name => panic!("an operator: {name}"),
    }
}

fn same(case: &Value) {
    let profile: Profile = case["profile"].as_str().unwrap().parse().unwrap();
    let all = quantisations(case);
    let (input, output) = (all[0], all[all.len() - 1]);
    if !case["bounds"].is_null() {
        let activation = case["activation"].as_i64().unwrap_or(0) as i32;
        let [zero, low, high] = numbers(&case["bounds"]).map(|n| n as i32);
        let expected = Bounds { zero, low: low as i8, high: high as i8 };
        assert_eq!(output.bounds(Activation::of_number(activation).unwrap()), expected, "{case}");
    }
    match case["op"].as_str().unwrap() {
        "conv" | "depthwise" | "dense" => {
            let expected: Vec<[i32; 3]> =
                case["records"].as_array().unwrap().iter().map(|r| numbers(r).map(|n| n as i32)).collect();
            assert_eq!(records(case, profile, input, output), expected, "{case}");
        }
        "add" => {
            let int8::Addition { scales: [x, y], scale: sum } = int8::addition([all[0], all[1]], output).unwrap();
            assert_eq!([x, y, sum], [0, 1, 2].map(|i| scale(&case["factors"][i])), "{case}");
        }
        "multiply" => {
            assert_eq!(int8::product(profile, [all[0], all[1]], output), scale(&case["factors"][0]), "{case}");
        }
        "mean" => {
            let [_, count, _] = numbers(&case["shape"]).map(|n| n as u32);
            assert_eq!(int8::mean(input, output, count), scale(&case["factors"][0]), "{case}");
        }
        "softmax" => {
            let [_, _, channels] = numbers(&case["shape"]).map(|n| n as u32);
            let QuantisedSoftmax { multiplier, shift, diff_min, .. } =
                int8::softmax(input, float(&case["beta"]), output, channels).unwrap();
            assert_eq!([multiplier, shift, diff_min], numbers(&case["numbers"]).map(|n| n as i32), "{case}");
        }
        "average_pool" | "max_pool" => {}
        _ => {
            let expected: Vec<i8> = bytes(&case["table"]).into_iter().map(|byte| byte as i8).collect();
            assert_eq!(table(case, profile, input, output).unwrap().to_vec(), expected, "{case}");
        }
    }
}

#[test]
fn scales_give_the_numbers_of_strict1_py() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/int8.json");
    let text: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in text["cases"].as_array().unwrap().iter().filter(|case| !case["scales"].is_null()) {
        same(case);
        *seen.entry(case["op"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    // All but pad, concat, quantise and dequantise; two cases for each profile.
    assert_eq!((seen.len(), seen.values().all(|cases| *cases == 4)), (16, true), "{seen:?}");
}

#[test]
fn profiles_differ_where_the_page_says_so() {
    let of = |scale: f32, zero| Quantisation::new("a tensor", scale, zero).unwrap();
    let tables = |make: &dyn Fn(Profile) -> Table| Profile::ALL.map(make);
    // 6.1 in steps of the input, which tflm keeps, and in steps of the output.
    let [tflm, litert] = tables(&|profile| int8::relu6(profile, of(0.1, -128), of(0.05, -128)));
    assert_eq!((tflm[60 + 1], litert[60 + 1]), (-128 + 60, -128 + 120));
    // With a scale of 8 or more no step is within the 4 integer bits of tflm, not even none.
    for (table, output) in
        [(int8::logistic as fn(_, _, _) -> _, of(1.0 / 256.0, -128)), (int8::tanh, of(1.0 / 128.0, 0))]
    {
        let [tflm, litert] = Profile::ALL.map(|profile| table(profile, of(20.0, 3), output).unwrap());
        let differing: Vec<_> = (0..256).filter(|i| tflm[*i] != litert[*i]).collect();
        assert_eq!((differing, tflm[131], litert[131]), (vec![131], -128, 0));
    }
}

#[test]
fn what_an_interpreter_refuses_is_an_error_of_one_line() {
    let of = |scale: f32, zero| Quantisation::new("the input", scale, zero).unwrap();
    let lines = [
        Quantisation::new("the input", -1.0, 0).unwrap_err(),
        Quantisation::new("the input", f32::NAN, 0).unwrap_err(),
        Quantisation::new("the input", 1.0, 128).unwrap_err(),
        int8::logistic(Profile::Tflm, of(0.1, 0), of(0.5, -128)).unwrap_err(),
        int8::tanh(Profile::LitertRef, of(0.1, 0), of(1.0 / 128.0, 1)).unwrap_err(),
        int8::addition([of(1e6, 0), of(1.0, 0)], of(1e-3, 0)).unwrap_err(),
        int8::softmax(of(1e-9, 0), 1.0, of(1.0 / 256.0, -128), 4).unwrap_err(),
        int8::hard_swish(Profile::Tflm, of(1.0, 0), of(1e-3, 0)).unwrap_err(),
        int8::convolution(of(1.0, 0), &[1.0, 1.0], of(1.0, 0), &[0; 3]).unwrap_err(),
        int8::convolution(of(1.0, 0), &[0.0], of(1.0, 0), &[0; 3]).unwrap_err(),
        "tflite".parse::<Profile>().unwrap_err(),
    ]
    .map(|error| error.to_string());
    assert_eq!(
        lines,
        [
            "the scale of the input is -1: expected a positive, finite number",
            "the scale of the input is NaN: expected a positive, finite number",
            "the zero point of the input is 128: expected -128 to 127",
            "the output of LOGISTIC has scale 0.5 and zero point -128: expected scale 0.00390625 and zero point -128",
            "the output of TANH has scale 0.0078125 and zero point 1: expected scale 0.0078125 and zero point 0",
            "the scales of ADD give the factor 1.9073e3: expected a positive number below 1",
            "the scales of SOFTMAX give the factor 6.7109e-2: expected a number above 1",
            "the scales of HARD_SWISH give the factor 7.8125e0: expected a number from 2^-16 to below 1",
            "2 scales of weights for 3 channels out: expected one for each",
            "the scale of the weights is 0: expected a positive, finite number",
            "not a profile of rounding: \"tflite\"; expected tflm or litert-ref",
        ]
    );
}
