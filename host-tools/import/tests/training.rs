//! Losses and optimisers.
use crate::{
    selection::{compute, error},
    write::{A, File, info, integers},
};
use shatterscope_import::{
    Error, Model, Options,
    messages::{AttributeProto, Message, ModelProto, OperatorSetIdProto},
    onnx, pb_name, pb_tensor,
};
use std::{fs, path::Path};

/// Scores of two examples in three classes at two positions.
fn loss(kind: &str, labels: &[i64], inputs: &[&str], attributes: &[(&str, A<'_>)]) -> File {
    File::new(13, &[2, 3, 2]).tensor(integers("t", &[2, 2], labels)).floats("w", &[3], &[1.0, 2.0, 4.0]).node(
        kind,
        inputs,
        &["y"],
        attributes,
    )
}

const NLL: &str = "NegativeLogLikelihoodLoss";

#[test]
fn losses_select_the_label() {
    // x[n, c, d] is 6 n + 2 c + d.
    let of = |inputs: &[&str], reduction: &str| {
        let attributes = [("reduction", A::S(reduction)), ("ignore_index", A::I(-1))];
        compute(&loss(NLL, &[0, 2, -1, 1], inputs, &attributes).read().unwrap()).remove(0)
    };
    let none = of(&["x", "t"], "none");
    assert_eq!((none.shape, none.data), (vec![2, 2], vec![0.0, -5.0, 0.0, -9.0]));
    assert_eq!(of(&["x", "t", "w"], "none").data, [0.0, -20.0, 0.0, -18.0]);
    assert_eq!(of(&["x", "t", "w"], "sum").data, [-38.0]);
    let mean = of(&["x", "t", "w"], "mean");
    assert_eq!((mean.shape, mean.data), (vec![], vec![-38.0 / 7.0]));
    assert_eq!(of(&["x", "t"], "mean").data, [-14.0 / 3.0]);
}

#[test]
fn weights_may_be_computed() {
    let file = File::new(12, &[2, 3]).input("w", 1, &[3]).tensor(integers("t", &[2], &[1, 2]));
    let model = file.node(NLL, &["x", "t", "w"], &["y"], &[]).read().unwrap();
    // x is 0 to 5, w is 0 to 2.
    assert_eq!(compute(&model)[0].data, [-(1.0 + 5.0 * 2.0) / 3.0]);
}

#[test]
fn cross_entropy_has_the_logarithms() {
    let mut file = File::new(13, &[1, 2]).tensor(integers("t", &[1], &[1]));
    file.graph.output.push(info("p", 1, &[]));
    let model = file.node("SoftmaxCrossEntropyLoss", &["x", "t"], &["y", "p"], &[]).read().unwrap();
    let found = compute(&model);
    let log = -(1.0 + (-1f64).exp()).ln();
    assert!((found[0].data[0] + log).abs() < 1e-12 && (found[1].data[1] - log).abs() < 1e-12);
}

#[test]
fn losses_that_cannot_be_read() {
    let with = |labels: &[i64], attributes: &[(&str, A<'_>)]| error(&loss(NLL, labels, &["x", "t"], attributes));
    assert!(with(&[0, 1, 3, 0], &[]).contains("label 2 is 3, expected 0 to 2"));
    assert!(with(&[0, -1, 2, 0], &[]).contains("label 1 is -1"));
    assert!(with(&[0; 4], &[("ignore_index", A::I(0))]).contains("the mean of no labels"));
    assert!(with(&[0; 4], &[("reduction", A::S("max"))]).contains("reduction \"max\""));
    let shapes = File::new(13, &[2, 3, 2]).tensor(integers("t", &[2], &[0, 0])).node(NLL, &["x", "t"], &["y"], &[]);
    assert!(error(&shapes).contains("labels of shape [2], expected [2, 2]"));
    let weights = File::new(13, &[1, 3]).ints("t", &[0]).floats("w", &[2], &[1.0; 2]);
    assert!(error(&weights.node(NLL, &["x", "t", "w"], &["y"], &[])).contains("weights of shape [2], expected [3]"));
    for kind in [NLL, "SoftmaxCrossEntropyLoss"] {
        let vector = File::new(13, &[3]).ints("t", &[0, 0, 0]).node(kind, &["x", "t"], &["y"], &[]);
        assert!(error(&vector).contains("expected [batch, classes, ...]"));
        let free = File::new(13, &[2, 3]).input("t", 7, &[2]).node(kind, &["x", "t"], &["y"], &[]).read();
        assert!(matches!(&free, Err(Error::Unsupported(list)) if list[0].why.contains("bind")), "{free:?}");
    }
}

/// A step of an optimiser of one tensor with `kept` averages.
fn step(kind: &str, count: &[i64], kept: usize, version: i64, attributes: &[(&str, A<'_>)]) -> Result<Model, Error> {
    let mut file = File::new(13, &[2]).floats("r", &[], &[0.5]).ints("t", count);
    let names = ["g", "v", "h", "i"];
    let mut inputs = vec!["r", "t", "x"];
    for &name in &names[..=kept] {
        file = file.floats(name, &[2], &[1.0, 2.0]);
        inputs.push(name);
    }
    file = file.node(kind, &inputs, &["y"], attributes);
    file.graph.node[0].domain = Some("ai.onnx.preview.training".into());
    let set = |domain: Option<&str>, version| OperatorSetIdProto {
        domain: domain.map(str::to_owned),
        version: Some(version),
    };
    let opset_import = vec![set(None, 13), set(Some("ai.onnx.preview.training"), version)];
    let model = ModelProto { ir_version: Some(8), graph: Some(file.graph), opset_import };
    onnx(&model.encode_to_vec(), None, &Options::default())
}

#[test]
fn optimisers_before_their_first_step() {
    let found = |kind: &str, kept, mode: Option<&str>| {
        let mut attributes = vec![("alpha", A::F(0.5)), ("beta", A::F(0.25)), ("norm_coefficient", A::F(1.0))];
        attributes.extend(mode.map(|mode| ("mode", A::S(mode))));
        compute(&step(kind, &[0], kept, 1, &attributes).unwrap()).remove(0).data
    };
    // x is 0, 1; g, v and h are 1, 2: g' is 1, 3.
    assert_eq!(found("Momentum", 1, Some("standard")), [-0.5 * 1.5, 1.0 - 0.5 * 4.0]);
    assert_eq!(found("Momentum", 1, Some("nesterov")), [-0.5 * 1.75, 1.0 - 0.5 * 5.0]);
    let close = |found: Vec<f64>, expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-6), "{found:?} {expected:?}");
    };
    close(found("Adagrad", 1, None), [-0.5 / (2f64.sqrt() + 1e-6), 1.0 - 1.5 / (11f64.sqrt() + 1e-6)]);
    close(found("Adam", 2, None), [-0.5 / (1.0 + 1e-6), 1.0 - 0.5 * 2.5 / (7.25f64.sqrt() + 1e-6)]);
}

#[test]
fn optimisers_that_cannot_be_read() {
    let of = |kind: &str, count: &[i64], kept, version| {
        step(kind, count, kept, version, &[("alpha", A::F(1.0))]).unwrap_err().to_string()
    };
    assert!(of("Adam", &[0], 2, 2).contains("version 2"));
    assert!(of("Adam", &[-1], 2, 1).contains("T is [-1]"));
    assert!(of("Adam", &[1, 2], 2, 1).contains("T is [1, 2]"));
    assert!(of("Adam", &[3], 1, 1).contains("3 tensors, expected 4 for each"));
    assert!(of("Adam", &[3], 2, 1).contains("correct the rate by inf"));
    assert!(of("Momentum", &[0], 1, 1).contains("`norm_coefficient` is missing"));
    assert!(of("Gradient", &[0], 1, 1).contains("ai.onnx.preview.training.Gradient"));
    let decay = step("Adagrad", &[1], 1, 1, &[("decay_factor", A::F(-1.0))]).unwrap_err().to_string();
    assert!(decay.contains("1 + T decay_factor, which is 0"));
}

/// ONNX computed what it expects of this test with an epsilon of 0.01, which its file lacks.
#[test]
fn adam_of_several_tensors() {
    let folder = Path::new("/usr/share/libonnx-testdata/data/node/test_adam_multiple");
    let Ok(bytes) = fs::read(folder.join("model.onnx")) else {
        println!("SKIPPED: {} is absent; install libonnx-testdata", folder.display());
        return;
    };
    let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
    let epsilon =
        AttributeProto { name: Some("epsilon".into()), r#type: Some(1), f: Some(0.01), ..AttributeProto::default() };
    model.graph.as_mut().unwrap().node[0].attribute.push(epsilon);
    let file = |name: String| fs::read(folder.join("test_data_set_0").join(name)).unwrap();
    let inputs = (0..10).map(|i| file(format!("input_{i}.pb")));
    let bind = inputs.map(|bytes| (pb_name(&bytes).unwrap(), pb_tensor(&bytes).unwrap())).collect();
    let model = onnx(&model.encode_to_vec(), None, &Options { bind, ..Options::default() }).unwrap();
    for (i, &output) in model.outputs.iter().enumerate() {
        let expected = pb_tensor(&file(format!("output_{i}.pb"))).unwrap();
        let found = model.values[output].constant.as_ref().unwrap();
        let (found, expected) = (found.floats().unwrap(), expected.floats().unwrap());
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= 2e-6 * e.abs()), "{found:?} {expected:?}");
    }
}
