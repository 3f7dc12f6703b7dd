//! The plain loops against two interpreters, on .tflite files of one operator each that `make.py` wrote.
use serde_json::Value;
use shatterscope::graph::{DilatedWindow, Image};
use shatterscope::internals::op::int8 as op;
use shatterscope_int8::{self as int8, Activation, Error, Profile, Quantisation};
use std::collections::BTreeMap;
use std::path::Path;

/// The 21 operators.
const OPERATORS: usize = 21;

pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a number: {value}"))
}

pub fn numbers<const N: usize>(value: &Value) -> [i64; N] {
    let all: Vec<i64> = value.as_array().unwrap().iter().map(number).collect();
    all.try_into().unwrap_or_else(|_| panic!("{N} numbers: {value}"))
}

pub fn float(value: &Value) -> f32 {
    f32::from_bits(u32::from_str_radix(value.as_str().unwrap(), 16).unwrap())
}

pub fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_else(|| panic!("bytes: {value}"));
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn signed(value: &Value) -> Vec<i8> {
    bytes(value).into_iter().map(|byte| byte as i8).collect()
}

/// A shape of four numbers, or of two.
fn image(tensor: &Value) -> Image {
    let shape: Vec<u32> = tensor["shape"].as_array().unwrap().iter().map(|n| number(n) as u32).collect();
    match shape[..] {
        [1, height, width, channels] => Image { channels, height, width },
        [1, channels] => Image::vector(channels),
        _ => panic!("a shape: {tensor}"),
    }
}

fn quantisation(tensor: &Value) -> Quantisation {
    Quantisation::new("a tensor", float(&tensor["scale"]), number(&tensor["zero"])).unwrap()
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

fn elements(case: &Value) -> usize {
    case["output"]["shape"].as_array().unwrap().iter().map(|n| number(n) as usize).product()
}

fn weighted(case: &Value, profile: Profile) -> Result<Vec<i8>, Error> {
    let (input, output) = (quantisation(&case["inputs"][0]), quantisation(&case["output"]));
    let (x, weights) = (signed(&case["x"][0]), signed(&case["weights"]));
    let scales: Vec<f32> = case["weight_scales"].as_array().unwrap().iter().map(float).collect();
    let channels = image(&case["output"]).channels;
    let depthwise = case["op"] == "depthwise";
    let biases: Vec<i32> = (0..channels as usize)
        .map(|i| {
            let bias = case["bias"].as_array().map_or(0, |bias| number(&bias[i]) as i32);
            // Depthwise weights have their channels last, others first.
            let each = weights.len() / channels as usize;
            let own = |k: usize| if depthwise { weights[k * channels as usize + i] } else { weights[i * each + k] };
            int8::folded_bias(bias, input, (0..each).map(|k| i32::from(own(k))).sum())
        })
        .collect();
    let bounds = output.bounds(Activation::of_number(number(&case["activation"]) as i32).unwrap());
    let mut y = vec![0; elements(case)];
    if case["op"] == "dense" {
        let records = int8::dense(profile, input, &scales, output, &biases)?;
        let dense = op::QuantisedDense { inputs: x.len() as u32, outputs: channels, output: bounds };
        let run = if int8::is_real(profile) { op::quantised_dense_real } else { op::quantised_dense };
        run(&dense, &weights, &records, &x, &mut y).unwrap();
    } else {
        let records = int8::convolution(input, &scales, output, &biases)?;
        let conv = op::QuantisedConv {
            input: image(&case["inputs"][0]),
            channels,
            window: window(case),
            input_zero: input.zero(),
            output: bounds,
        };
        let run = if depthwise { op::quantised_depthwise } else { op::quantised_conv };
        run(&conv, &weights, &records, &x, &mut y).unwrap();
    }
    Ok(y)
}

fn pairs(case: &Value, profile: Profile) -> Result<Vec<i8>, Error> {
    let tensors = [&case["inputs"][0], &case["inputs"][1]];
    let (own, output) = (tensors.map(quantisation), quantisation(&case["output"]));
    let (operands, zeros) = (tensors.map(image), own.map(Quantisation::zero));
    let (x, y) = (signed(&case["x"][0]), signed(&case["x"][1]));
    let output_bounds = output.bounds(Activation::of_number(number(&case["activation"]) as i32).unwrap());
    let mut value = vec![0; elements(case)];
    if case["op"] == "add" {
        let int8::Addition { scales, scale } = int8::addition(own, output)?;
        let add = op::QuantisedAdd { operands, zeros, scales, scale, output: output_bounds };
        op::quantised_add(&add, &x, &y, &mut value).unwrap();
    } else {
        let scale = int8::product(profile, own, output);
        let multiply = op::QuantisedMultiply { operands, zeros, scale, output: output_bounds };
        op::quantised_multiply(&multiply, &x, &y, &mut value).unwrap();
    }
    Ok(value)
}

fn mean(case: &Value) -> Vec<i8> {
    let (input, output) = (quantisation(&case["inputs"][0]), quantisation(&case["output"]));
    let Image { channels, height, width } = image(&case["inputs"][0]);
    let mut reduced = [false; 4];
    for axis in case["axes"].as_array().unwrap() {
        reduced[number(axis).rem_euclid(4) as usize] = true;
    }
    let extents = [1, height, width, channels];
    let first = reduced.iter().position(|reduced| *reduced).unwrap();
    let last = reduced.iter().rposition(|reduced| *reduced).unwrap();
    assert!(reduced[first..=last].iter().all(|reduced| *reduced), "axes beside each other: {case}");
    let count = extents[first..=last].iter().product();
    let mean = op::QuantisedMean {
        outer: extents[..first].iter().product(),
        count,
        inner: extents[last + 1..].iter().product(),
        input_zero: input.zero(),
        scale: int8::mean(input, output, count),
        output: output.bounds(Activation::None),
    };
    let mut y = vec![0; elements(case)];
    op::quantised_mean(&mean, &signed(&case["x"][0]), &mut y).unwrap();
    y
}

fn table(case: &Value, profile: Profile) -> Result<int8::Table, Error> {
    let (input, output) = (quantisation(&case["inputs"][0]), quantisation(&case["output"]));
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

/// The bytes of the output.
fn computed(case: &Value, profile: Profile) -> Result<Vec<i8>, Error> {
    let name = case["op"].as_str().unwrap();
    let input = image(&case["inputs"][0]);
    let mut y = vec![0; elements(case)];
    if name == "quantise" {
        let output = quantisation(&case["output"]);
        let x: Vec<f32> = bytes(&case["x"][0]).as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        op::quantise(output.scale(), output.zero(), &x, &mut y).unwrap();
        return Ok(y);
    }
    let x = signed(&case["x"][0]);
    match name {
        "conv" | "depthwise" | "dense" => return weighted(case, profile),
        "add" | "multiply" => return pairs(case, profile),
        "mean" => return Ok(mean(case)),
        "reshape" => return Ok(x),
        "average_pool" | "max_pool" => {
            let activation = Activation::of_number(number(&case["activation"]) as i32).unwrap();
            let bounds = quantisation(&case["output"]).bounds(activation);
            let run = if name == "max_pool" { op::quantised_max_pool } else { op::quantised_average_pool };
            run(&input, &window(case), bounds, &x, &mut y).unwrap();
        }
        "softmax" => {
            let (own, output) = (quantisation(&case["inputs"][0]), quantisation(&case["output"]));
            let softmax = int8::softmax(own, float(&case["beta"]), output, input.channels)?;
            op::quantised_softmax(&softmax, &x, &mut y).unwrap();
        }
        "pad" => {
            let [rows, columns, channels] = [0, 1, 2].map(|i| numbers(&case["pads"][i]).map(|n: i64| n as u32));
            let value = quantisation(&case["inputs"][0]).zero() as i8;
            op::quantised_pad(&op::QuantisedPad { input, rows, columns, channels, value }, &x, &mut y).unwrap();
        }
        "concat" => {
            let shapes = [input, image(&case["inputs"][1])].map(|i| [i.height, i.width, i.channels]);
            let axis = number(&case["axis"]) as usize - 1;
            let outer = shapes[0][..axis].iter().product();
            let each = shapes.map(|shape| shape[axis..].iter().product());
            op::quantised_concat(outer, each, &x, &signed(&case["x"][1]), &mut y).unwrap();
        }
        "dequantise" => {
            let own = quantisation(&case["inputs"][0]);
            let mut y = vec![0.0; elements(case)];
            op::dequantise(own.scale(), own.zero(), &x, &mut y).unwrap();
            return Ok(y.into_iter().flat_map(f32::to_le_bytes).map(|byte| byte as i8).collect());
        }
        _ => op::quantised_table(&table(case, profile)?, &x, &mut y).unwrap(),
    }
    Ok(y)
}

/// What was compared, by operator and profile.
#[derive(Default)]
struct Compared {
    cases: usize,
    elements: usize,
    differing: usize,
}

fn compare(cases: &[Value]) -> BTreeMap<(String, &'static str), Compared> {
    let mut found: BTreeMap<_, Compared> = BTreeMap::new();
    for case in cases {
        for (profile, key) in [(Profile::Tflm, "tflm"), (Profile::LitertRef, "litert")] {
            let name = case["op"].as_str().unwrap().to_owned();
            let expected = signed(&case[key]);
            let ours = computed(case, profile).unwrap_or_else(|error| panic!("{profile}: {error}: {case}"));
            assert_eq!(ours.len(), expected.len(), "{profile}: {case}");
            let differing = ours.iter().zip(&expected).filter(|(ours, theirs)| ours != theirs).count();
            if differing > 0 {
                println!("{name}, case {}, {profile}: {differing} of {} differ", case["number"], ours.len());
            }
            let sum = found.entry((name, profile.name())).or_default();
            sum.cases += 1;
            sum.elements += ours.len();
            sum.differing += differing;
        }
    }
    found
}

fn all_equal(file: &Path, each: usize) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let found = compare(&cases);
    for ((name, profile), Compared { cases, elements, differing }) in &found {
        println!("{name}, {profile}: {cases} cases, {differing} of {elements} elements differ");
    }
    assert_eq!(found.len(), 2 * OPERATORS);
    assert!(found.values().all(|compared| compared.cases >= each), "at least {each} cases of each operator");
    assert_eq!(found.values().map(|compared| compared.differing).sum::<usize>(), 0);
}

#[test]
fn operators_have_the_bits_of_both_interpreters() {
    all_equal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases.json"), 10);
}

#[test]
#[ignore = "long: needs the cases that make.py writes with both interpreters"]
fn drawn_operators_have_the_bits_of_both_interpreters() {
    let file = std::env::var_os("SHATTERSCOPE_INT8_CASES").expect("SHATTERSCOPE_INT8_CASES names the file of make.py");
    all_equal(Path::new(&file), 200);
}
