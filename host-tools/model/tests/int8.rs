//! The MLPerf Tiny networks of int8, whose expected outputs TensorFlow Lite Micro and LiteRT's reference kernels computed.
use crate::npz::bytes;
use crate::tflite::folder;
use shatterscope::exec::Isa;
use shatterscope::plan::Want;
use shatterscope_engine::predict::predict;
use shatterscope_model::{Network, Options, Profile, from_safetensors, read, to_safetensors};

/// Number of inputs in each file of expected outputs.
const COUNT: usize = 8;

const NAMES: [&str; 6] = [
    "ad01_int8",
    "kws_ref_model",
    "pretrainedResnet_quant",
    "pretrainedResnet_large_int8",
    "str_ww_ref_model",
    "vww_96_int8",
];

/// Bytes as the core's words, each example padded to a whole word.
fn words(bytes: &[i8], each: usize) -> Vec<f32> {
    let word = |chunk: &[i8]| {
        let mut word = [0; 4];
        word.iter_mut().zip(chunk).for_each(|(to, byte)| *to = byte.cast_unsigned());
        f32::from_bits(u32::from_le_bytes(word))
    };
    bytes.chunks(each).flat_map(|example| example.chunks(4).map(word)).collect()
}

fn outputs(network: &Network, inputs: &[i8], batch: u32) -> Vec<i8> {
    let of = (&network.parameters[..], &network.running[..]);
    let inputs = words(inputs, network.inputs[0].elements());
    let outputs = predict(&network.placed, of, &inputs, batch, Isa::BASE).unwrap();
    let (each, elements) = (network.outputs[0].words(), network.outputs[0].elements());
    let of_example = |words: &[f32]| {
        let all: Vec<i8> = words.iter().flat_map(|word| word.to_bits().to_le_bytes()).map(u8::cast_signed).collect();
        all[..elements].to_vec()
    };
    outputs.chunks(each).flat_map(of_example).collect()
}

#[test]
fn networks_of_int8_have_the_bytes_of_both_interpreters() {
    let Some(folder) = folder() else { return };
    for name in NAMES {
        for (profile, array) in [(Profile::Tflm, "tflm"), (Profile::LitertRef, "litert_ref")] {
            let options = Options { profile, ..Options::default() };
            let network = read(&folder.join(format!("{name}.tflite")), &options, Want::Output).unwrap();
            let file = folder.join(format!("expected/{name}.npz"));
            let (inputs, expected) = (bytes(&file, "input"), bytes(&file, array));
            let found = outputs(&network, &inputs, 3);
            assert_eq!(found.len(), expected.len(), "{name}");
            let differing = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{name}, {array}: so many of {} bytes differ", expected.len());
            // The native form has the same bits.
            let again = from_safetensors(&to_safetensors(&network).unwrap(), Want::Output).unwrap();
            assert_eq!(outputs(&again, &inputs, COUNT as u32), expected, "{name}");
        }
    }
}

/// Each number of a record that no importer writes is found, though the digest is right.
#[test]
fn records_of_other_numbers_are_refused() {
    let Some(folder) = folder() else { return };
    let options = Options { profile: Profile::LitertRef, ..Options::default() };
    let network = read(&folder.join("ad01_int8.tflite"), &options, Want::Output).unwrap();
    for (at, bits) in [(network.parameters.len() - 1, 0x7ff0_0000), (network.parameters.len() - 1, 0xbf80_0000)] {
        let mut changed = network.clone();
        changed.parameters[at] = f32::from_bits(bits);
        let error = from_safetensors(&to_safetensors(&changed).unwrap(), Want::Output).unwrap_err().message;
        assert!(error.contains("multiplier"), "{error}");
    }
    let network = read(&folder.join("pretrainedResnet_quant.tflite"), &Options::default(), Want::Output).unwrap();
    let facts = |i: u32| network.placed.graph().unwrap().facts(i).unwrap();
    let mut at = 0;
    for (i, node) in (0..).zip(&network.placed.nodes) {
        let len = facts(i).parameters_len() as usize;
        if len > 0 {
            // The shift of the last record, or of the sum.
            let mut changed = network.clone();
            changed.parameters[at + len - 1] = f32::from_bits(31);
            let error = from_safetensors(&to_safetensors(&changed).unwrap(), Want::Output).unwrap_err().message;
            assert!(error.contains("out of range"), "{}: {error}", node.op.name());
        }
        at += len;
    }
}
