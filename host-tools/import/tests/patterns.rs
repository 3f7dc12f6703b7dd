//! Operations that exporters write out, batch norms that become part of convolutions, transposes that cancel.
use crate::{
    interpret::{Array, run},
    write::{A, File},
};
use shatterscope_import::{Model, Operation as O, Options, onnx};

fn numbers(shape: &[usize]) -> Array {
    let n: usize = shape.iter().product();
    Array { shape: shape.to_vec(), data: (0..n).map(|i| (i as f64 * 0.37).sin() * 3.0).collect() }
}

fn outputs(model: &Model) -> Vec<f64> {
    run(model, &[numbers(&model.values[model.inputs[0]].shape)]).remove(0).data
}

/// The pattern is one operation, which computes the same; without the option it stays as it is.
fn recognised(file: &File, expected: &O) {
    let model = file.read().unwrap();
    assert_eq!(model.nodes.len(), 1, "{:#?}", model.nodes);
    assert_eq!(model.nodes[0].op, *expected);
    assert_eq!(model.notes.len(), 1);
    let plain = onnx(&file.bytes(), None, &Options { recognise: false, ..Options::default() }).unwrap();
    assert!(plain.nodes.len() > 1 && plain.notes.is_empty());
    for (a, b) in outputs(&model).iter().zip(outputs(&plain)) {
        assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
}

fn file() -> File {
    let file = File::new(13, &[2, 6]).floats("half", &[], &[0.5]).floats("one", &[], &[1.0]).floats("two", &[], &[2.0]);
    let file =
        file.floats("root", &[], &[std::f32::consts::SQRT_2]).floats("three", &[1], &[3.0]).floats("six", &[], &[6.0]);
    file.floats("cube", &[], &[0.044_715]).floats("c", &[], &[0.797_884_6]).floats("eps", &[], &[1e-3])
}

#[test]
fn gelu() {
    let erf = file().node("Div", &["x", "root"], &["a"], &[]).node("Erf", &["a"], &["b"], &[]).node(
        "Add",
        &["b", "one"],
        &["d"],
        &[],
    );
    let first = erf.clone().node("Mul", &["x", "d"], &["e"], &[]).node("Mul", &["e", "half"], &["y"], &[]);
    recognised(&first, &O::Gelu { tanh: false });
    let second = erf.node("Mul", &["half", "d"], &["e"], &[]).node("Mul", &["e", "x"], &["y"], &[]);
    recognised(&second, &O::Gelu { tanh: false });
    let tanh = file()
        .node("Pow", &["x", "three"], &["p"], &[])
        .node("Mul", &["p", "cube"], &["q"], &[])
        .node("Add", &["x", "q"], &["r"], &[])
        .node("Mul", &["r", "c"], &["s"], &[])
        .node("Tanh", &["s"], &["t"], &[])
        .node("Add", &["t", "one"], &["u"], &[])
        .node("Mul", &["x", "half"], &["v"], &[])
        .node("Mul", &["v", "u"], &["y"], &[]);
    recognised(&tanh, &O::Gelu { tanh: true });
}

#[test]
fn silu_and_hard_swish() {
    let silu = file().node("Sigmoid", &["x"], &["s"], &[]).node("Mul", &["s", "x"], &["y"], &[]);
    recognised(&silu, &O::Silu);
    let swish = file()
        .node("Add", &["x", "three"], &["a"], &[])
        .floats("zero", &[], &[0.0])
        .node("Clip", &["a", "zero", "six"], &["b"], &[])
        .node("Mul", &["x", "b"], &["d"], &[])
        .node("Div", &["d", "six"], &["y"], &[]);
    recognised(&swish, &O::HardSwish);
    let sigmoid =
        file().node("HardSigmoid", &["x"], &["s"], &[("alpha", A::F(1.0 / 6.0))]).node("Mul", &["x", "s"], &["y"], &[]);
    recognised(&sigmoid, &O::HardSwish);
    // The gate has another use, or is of something else.
    let mut used = file().node("Sigmoid", &["x"], &["s"], &[]).node("Mul", &["s", "x"], &["y"], &[]);
    used.graph.output.push(crate::write::info("s", 1, &[]));
    assert_eq!(used.read().unwrap().nodes.len(), 2);
    let other = file().node("Relu", &["x"], &["r"], &[]).node("Sigmoid", &["r"], &["s"], &[]);
    assert_eq!(other.node("Mul", &["s", "x"], &["y"], &[]).read().unwrap().nodes.len(), 3);
}

#[test]
fn layer_norm() {
    let norm = file()
        .node("ReduceMean", &["x"], &["m"], &[("axes", A::Is(&[-1]))])
        .node("Sub", &["x", "m"], &["d"], &[])
        .node("Pow", &["d", "two"], &["q"], &[])
        .node("ReduceMean", &["q"], &["v"], &[("axes", A::Is(&[-1]))])
        .node("Add", &["v", "eps"], &["w"], &[])
        .node("Sqrt", &["w"], &["s"], &[]);
    let plain = norm.clone().node("Div", &["d", "s"], &["y"], &[]);
    recognised(&plain, &O::LayerNormalization { axis: 1, eps: 1e-3 });
    let affine = norm
        .node("Div", &["d", "s"], &["z"], &[])
        .floats("g", &[6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .floats("b", &[6], &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
        .node("Mul", &["z", "g"], &["t"], &[])
        .node("Add", &["t", "b"], &["y"], &[]);
    recognised(&affine, &O::LayerNormalization { axis: 1, eps: 1e-3 });
}

#[test]
fn batch_norm_becomes_part_of_a_convolution() {
    for bias in [false, true] {
        let mut file =
            File::new(13, &[1, 1, 4]).floats("w", &[2, 1, 2], &[1.0, -2.0, 0.5, 3.0]).floats("c", &[2], &[0.3, -0.2]);
        for (name, data) in [("s", [1.5, 0.5]), ("b", [0.1, -0.4]), ("m", [0.7, 0.2]), ("v", [2.0, 0.9])] {
            file = file.floats(name, &[2], &data);
        }
        let operands: &[&str] = if bias { &["x", "w", "c"] } else { &["x", "w"] };
        let file = file.node("Conv", operands, &["z"], &[]);
        let file = file.node("BatchNormalization", &["z", "s", "b", "m", "v"], &["y"], &[]);
        let plain = file.read().unwrap();
        assert_eq!(plain.nodes.len(), 2);
        let folded = onnx(&file.bytes(), None, &Options { fold: true, ..Options::default() }).unwrap();
        assert_eq!(folded.nodes.len(), 1);
        assert_eq!(folded.nodes[0].inputs.len(), 3);
        assert!(folded.notes[0].contains("folded"));
        for (a, b) in outputs(&plain).iter().zip(outputs(&folded)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

/// Channels last between convolutions, as exporters from TensorFlow write it.
#[test]
fn transposes_meet_their_inverse() {
    let file = File::new(13, &[1, 2, 3, 3]).floats("c", &[2], &[10.0, 20.0]).ints("p", &[0, 1, 0, 0, 0, 0, 2, 0]);
    let file = file
        .node("Transpose", &["x"], &["a"], &[("perm", A::Is(&[0, 2, 3, 1]))])
        .node("Add", &["a", "c"], &["b"], &[])
        .node("Pad", &["b", "p"], &["d"], &[])
        .node("Concat", &["d", "d"], &["e"], &[("axis", A::I(3))])
        .node("ReduceMean", &["e"], &["f"], &[("axes", A::Is(&[2])), ("keepdims", A::I(1))])
        .node("Transpose", &["f"], &["y"], &[("perm", A::Is(&[0, 3, 1, 2]))]);
    let model = file.read().unwrap();
    assert!(model.nodes.iter().all(|n| !matches!(n.op, O::Transpose { .. })), "{:#?}", model.nodes);
    assert_eq!(model.values[model.outputs[0]].shape, [1, 4, 4, 1]);
    let x = numbers(&[1, 2, 3, 3]);
    let y = run(&model, std::slice::from_ref(&x)).remove(0);
    for c in 0..4 {
        for row in 0..4 {
            let sum: f64 = match row {
                0 => 0.0,
                _ => (0..3).map(|i| x.data[(c % 2 * 3 + row - 1) * 3 + i] + if c % 2 == 0 { 10.0 } else { 20.0 }).sum(),
            };
            assert!((y.data[c * 4 + row] - sum / 5.0).abs() < 1e-9);
        }
    }
    // The order of elements matters to a reshape.
    let flat = File::new(13, &[1, 2, 3, 3]).node("Transpose", &["x"], &["a"], &[("perm", A::Is(&[0, 2, 3, 1]))]);
    let flat = flat.node("Flatten", &["a"], &["y"], &[]).read().unwrap();
    assert!(matches!(flat.nodes[0].op, O::Transpose { .. }));
    assert_eq!(flat.nodes.len(), 2);
}

/// Softplus as PyTorch's exporter writes it: above a threshold the operand itself.
fn softplus(beta: Option<f32>, threshold: f32) -> File {
    let file = File::new(18, &[2, 6]).floats("beta", &[], &[beta.unwrap_or(1.0)]).floats("t", &[], &[threshold]);
    let (of, file) = match beta {
        Some(_) => ("s", file.node("Mul", &["x", "beta"], &["s"], &[])),
        None => ("x", file),
    };
    let file = file.node("Softplus", &[of], &["p"], &[]);
    let (value, file) = match beta {
        Some(_) => ("q", file.node("Div", &["p", "beta"], &["q"], &[])),
        None => ("p", file),
    };
    file.node("Greater", &[of, "t"], &["large"], &[]).node("Where", &["large", "x", value], &["y"], &[])
}

#[test]
fn softplus_above_a_threshold() {
    recognised(&softplus(None, 20.0), &O::Softplus);
    let scaled = softplus(Some(2.0), 20.0).read().unwrap();
    assert_eq!((scaled.nodes.len(), scaled.notes.len()), (3, 1));
    // Below 17 the function is not softplus: it is run as it is written.
    for file in [softplus(None, 1.0), softplus(Some(2.0), 1.0)] {
        let model = file.read().unwrap();
        assert!(model.nodes.len() > 5 && model.notes.is_empty());
        let beta = if file.graph.node.len() == 3 { 1.0 } else { 2.0 };
        let of = |x: f64| if beta * x > 1.0 { x } else { (beta * x).exp().ln_1p() / beta };
        for (x, y) in numbers(&[2, 6]).data.into_iter().zip(outputs(&model)) {
            assert!((of(x) - y).abs() < 1e-12, "{x}: {y}");
        }
    }
    // Another operand, or a condition the other way round, is no softplus.
    let other = File::new(18, &[2, 6]).floats("t", &[], &[20.0]).node("Softplus", &["x"], &["p"], &[]);
    let below = other.clone().node("Less", &["x", "t"], &["m"], &[]).node("Where", &["m", "x", "p"], &["y"], &[]);
    assert!(below.read().unwrap().notes.is_empty());
    let negated = other.node("Greater", &["x", "t"], &["m"], &[]).node("Not", &["m"], &["n"], &[]);
    assert!(negated.node("Where", &["n", "x", "p"], &["y"], &[]).read().unwrap().notes.is_empty());
}
