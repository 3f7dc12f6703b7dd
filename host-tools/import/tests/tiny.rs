//! The networks of MLPerf Tiny.
use crate::interpret::{self, Array};
use shatterscope_import::{Error, Int8, Model, Operation, Options, read};
use std::{fs::File, io::Read, path::PathBuf};

/// A file of the folder, or none with a word.
pub fn file(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SHATTERSCOPE_MODELS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mlperf-tiny"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.is_file() {
        Some(path)
    } else {
        println!("SKIPPED: {} is absent; SHATTERSCOPE_MODELS names its folder", path.display());
        None
    }
}

fn model(name: &str) -> Option<Model> {
    Some(read(&file(name)?, &Options::default()).unwrap())
}

fn count(model: &Model, which: fn(&Operation) -> bool) -> usize {
    model.nodes.iter().filter(|n| which(&n.op)).count()
}

fn shapes(model: &Model) -> (Vec<usize>, Vec<usize>) {
    let shape = |id: usize| model.values[id].shape.clone();
    (shape(model.inputs[0]), shape(model.outputs[0]))
}

fn describe(model: &Model) {
    for node in &model.nodes {
        let shapes: Vec<_> = node.inputs.iter().map(|&i| &model.values[i].shape).collect();
        println!("{} {:?} {shapes:?} -> {:?}", node.kind, node.op, model.values[node.outputs[0]].shape);
    }
}

/// One transpose of the image; convolutions follow each other without any.
#[test]
fn convolutional_networks() {
    for (name, convs, input, outputs) in [
        ("pretrainedResnet.tflite", 9, [1, 32, 32, 3], 10),
        ("pretrainedResnet_large_float.tflite", 9, [1, 32, 32, 3], 10),
        ("vww_96_float.tflite", 27, [1, 96, 96, 3], 2),
    ] {
        let Some(model) = model(name) else { continue };
        describe(&model);
        assert_eq!(shapes(&model), (input.to_vec(), vec![1, outputs]), "{name}");
        assert_eq!(count(&model, |op| matches!(op, Operation::Conv { .. })), convs, "{name}");
        assert_eq!(count(&model, |op| matches!(op, Operation::Transpose { .. })), 1, "{name}");
    }
}

#[test]
fn autoencoder() {
    let Some(model) = model("ad01_fp32.tflite") else { return };
    describe(&model);
    assert_eq!(shapes(&model), (vec![1, 640], vec![1, 640]));
    assert_eq!(count(&model, |op| matches!(op, Operation::Gemm { .. })), 10);
    assert_eq!(count(&model, |op| matches!(op, Operation::Transpose { .. })), 0);
}

#[test]
fn hybrid_networks_are_refused_in_a_line() {
    let Some(path) = file("kws_ref_model_float32.tflite") else { return };
    let error = read(&path, &Options::default()).unwrap_err();
    println!("{error}");
    assert!(matches!(error, Error::Quantised { .. }), "{error}");
    assert!(!error.to_string().contains('\n'));
}

/// Images stay as they are in the file, and nodes are those of the file.
#[test]
fn networks_of_int8() {
    for (name, convs, nodes) in
        [("kws_ref_model.tflite", 9, 13), ("pretrainedResnet_quant.tflite", 9, 16), ("ad01_int8.tflite", 0, 10)]
    {
        let Some(model) = model(name) else { continue };
        describe(&model);
        let is_conv = |op: &Operation| matches!(op, Operation::Int8 { op: Int8::Conv { .. }, .. });
        assert_eq!((count(&model, is_conv), model.nodes.len()), (convs, nodes), "{name}");
        assert!(model.values.iter().all(|value| value.constant.is_some() || value.is_int8()), "{name}");
    }
}

/// An array of an .npz file: f32, C order.
fn array(archive: &mut zip::ZipArchive<File>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'<f4'") && text.contains("'fortran_order': False"), "{text}");
    let shape = text.split('(').nth(1).unwrap().split(')').next().unwrap();
    let shape = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let data = bytes[10 + header..].as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect();
    (shape, data)
}

/// What the networks compute, against LiteRT and TFLM: f64 here, f32 there.
#[test]
fn outputs_are_those_of_the_interpreters() {
    for name in ["pretrainedResnet", "pretrainedResnet_large_float", "vww_96_float", "ad01_fp32"] {
        let (Some(model), Some(expected)) = (model(&format!("{name}.tflite")), file(&format!("expected/{name}.npz")))
        else {
            continue;
        };
        let mut archive = zip::ZipArchive::new(File::open(expected).unwrap()).unwrap();
        let ((shape, input), (_, output)) = (array(&mut archive, "input"), array(&mut archive, "tflm"));
        let (one, out) = (input.len() / shape[0], output.len() / shape[0]);
        for i in [0, shape[0] - 1] {
            let x = Array { shape: shape[1..].to_vec(), data: input[i * one..(i + 1) * one].to_vec() };
            let y = interpret::run(&model, &[x]).remove(0);
            let expected = &output[i * out..(i + 1) * out];
            let scale = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
            let worst = y.data.iter().zip(expected).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max);
            println!("{name} input {i}: the largest difference is {worst:.1e} of the largest output");
            assert!(worst < 1e-5, "{name} input {i}: {worst}");
        }
    }
}
