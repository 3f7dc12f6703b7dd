//! The MLPerf Tiny networks, whose expected outputs TensorFlow Lite Micro computed.
use crate::npz::floats;
use crate::run::outputs;
use shatterscope::exec::Isa;
use shatterscope::graph::Op;
use shatterscope::plan::Want;
use shatterscope_engine::predict::predict_at;
use shatterscope_model::{Network, Options, read};
use std::path::{Path, PathBuf};

/// Number of inputs in each file of expected outputs.
const COUNT: usize = 8;

/// The folder with the models, if it is there.
pub fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = std::env::var_os("SHATTERSCOPE_MODELS").map(PathBuf::from);
    let folder = own.unwrap_or_else(|| root.join("../shared/data/mlperf-tiny"));
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "SKIPPED: {} is not there: clone mlcommons/tiny, and set SHATTERSCOPE_MODELS to a folder with its trained models and their expected outputs",
        folder.display()
    );
    None
}

fn network(folder: &Path, name: &str) -> Network {
    read(&folder.join(format!("{name}.tflite")), &Options::default(), Want::Output).unwrap()
}

fn expected(folder: &Path, name: &str, array: &str) -> Vec<f32> {
    floats(&folder.join(format!("expected/{name}.npz")), array)
}

fn same(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let differing = found.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert_eq!(differing, 0, "{name}: so many of {} elements differ", expected.len());
}

/// Units in the last place between two floats of one sign.
fn ulp(a: f32, b: f32) -> u32 {
    a.to_bits().abs_diff(b.to_bits())
}

#[test]
fn an_autoencoder_has_the_bits_of_tflite() {
    let Some(folder) = folder() else { return };
    let network = network(&folder, "ad01_fp32");
    let found = outputs(&network, &[&expected(&folder, "ad01_fp32", "input")], COUNT).unwrap();
    same("ad01_fp32", &found[0], &expected(&folder, "ad01_fp32", "tflm"));
}

#[test]
fn convolutional_networks_have_the_bits_of_tflite_before_softmax() {
    let Some(folder) = folder() else { return };
    for name in ["pretrainedResnet", "pretrainedResnet_large_float", "vww_96_float"] {
        let network = network(&folder, name);
        let inputs = expected(&folder, name, "input");
        let nodes = &network.placed.nodes;
        let softmax = nodes.iter().find(|node| matches!(node.op, Op::Softmax { .. })).expect("it ends in a softmax");
        let of = (&network.parameters[..], &network.running[..]);
        let before = predict_at((&network.placed, softmax.x), of, &inputs, 3, Isa::BASE).unwrap();
        same(name, &before, &expected(&folder, name, "softmax_input"));
        let found = outputs(&network, &[&inputs], COUNT).unwrap();
        let of_tflite = expected(&folder, name, "tflm");
        let worst = found[0].iter().zip(&of_tflite).map(|(a, b)| ulp(*a, *b)).max().unwrap();
        println!("{name}: {worst} ULP after the softmax");
        assert!(worst <= 1, "{name}: {worst} ULP after the softmax");
    }
}

#[test]
fn a_network_of_two_types_is_refused_by_name() {
    let Some(folder) = folder() else { return };
    let path = folder.join("kws_ref_model_float32.tflite");
    let error = read(&path, &Options::default(), Want::Output).unwrap_err().message;
    println!("{error}");
    assert!(error.contains("kws_ref_model_float32") && error.contains("int8"), "{error}");
}
