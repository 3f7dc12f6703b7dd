//! The example of a user's own network: packed as committed, and the same bits on this machine and on three cores.
#[rustfmt::skip]
#[path = "../../boards/examples/own-network/src/network.rs"]
mod network;
#[path = "../../boards/examples/own-network/src/run.rs"]
mod run;

use shatterscope::contract::Digest;
use shatterscope::network::{Buffers, Executor, Input, Options, Serial, Stored};
use shatterscope_host::pack::{Net, Packed};
use shatterscope_host::tensors::{Bundle, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/examples/own-network")
}

fn packed() -> Packed {
    Packed::read(&example().join("model.safetensors"), &example().join("net.toml")).unwrap()
}

fn digest() -> Digest {
    let (outputs, gradient) = run::run(&run::INPUTS).unwrap();
    Digest::of_runs([Digest::of(&outputs), Digest::of(&gradient)])
}

#[test]
fn the_committed_module_is_what_pack_writes() {
    let committed = std::fs::read_to_string(example().join("src/network.rs")).unwrap();
    assert_eq!(packed().module("model.safetensors", "net.toml"), committed);
}

/// Other tiles, and weights from the file and not from the module.
#[test]
fn the_module_computes_what_the_model_computes() {
    let (mut outputs, mut gradient) = ([0.0; run::POINTS], [0.0; 2 * run::POINTS]);
    packed()
        .with_network(|network, parameters| {
            let options = Options::new(run::POINTS as u32);
            let plan = network.plan(&options, 16)?;
            let (mut activations, mut tape) =
                (vec![0.0; plan.activations_len as usize], vec![0; plan.tape_len as usize]);
            let buffers = Buffers {
                activations: &mut activations,
                tape: &mut tape,
                statistics: &mut [],
                normalised: &mut [],
                panel: &mut [0.0; 7],
            };
            let (weights, input) = (Stored::new(network, parameters)?, Input::Points(&run::INPUTS));
            Executor::<_, _, 2, 16>::new(
                *network,
                &weights,
                &Serial,
                input,
                options,
                buffers,
                &mut outputs,
                &mut gradient,
            )?
            .run()
        })
        .unwrap();
    assert_eq!((outputs, gradient), run::run(&run::INPUTS).unwrap());
}

/// f64, written out: the function that was learned, and its gradient by differences inside one linear region.
#[test]
fn the_values_are_those_of_the_function() {
    let packed = packed();
    let affine = |i: usize, x: &[f64]| -> Vec<f64> {
        let (_, weight, bias) = &packed.tensors[i];
        let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
        weight.chunks(x.len()).zip(bias).map(|(row, b)| dot(row) + f64::from(*b)).collect()
    };
    let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<_>>();
    let f = |x: [f64; 2]| {
        let kept = relu(affine(0, &x));
        let branch = relu(affine(1, &kept));
        let joined: Vec<f64> = kept.iter().zip(branch).map(|(kept, branch)| kept + 0.5 * branch).collect();
        affine(2, &joined)[0]
    };
    let (outputs, gradient) = run::run(&run::INPUTS).unwrap();
    for (p, x) in run::INPUTS.as_chunks::<2>().0.iter().enumerate() {
        let x = x.map(f64::from);
        assert!((f64::from(outputs[p]) - f(x)).abs() < 1e-5);
        assert!((f(x) - (3.0 * x[0]).sin() * (2.0 * x[1]).cos()).abs() < 0.12, "it has learned the function");
        for unit in 0..2 {
            let (mut up, mut down) = (x, x);
            up[unit] += 1e-6;
            down[unit] -= 1e-6;
            let slope = (f(up) - f(down)) / 2e-6;
            assert!((f64::from(gradient[2 * p + unit]) - slope).abs() < 1e-4, "point {p}, unit {unit}: {slope}");
        }
    }
}

#[test]
fn what_is_no_network_is_refused_by_name() {
    let tensor =
        |shape: &[usize], value: f32| Tensor { shape: shape.to_vec(), data: vec![value; shape.iter().product()] };
    let tensors = BTreeMap::from([
        ("a.weight".to_owned(), tensor(&[3, 2], 1.0)),
        ("a.bias".to_owned(), tensor(&[2], 0.0)),
        ("b.weight".to_owned(), tensor(&[3, 3], f32::NAN)),
        ("c.weight".to_owned(), tensor(&[3, 3, 1], 1.0)),
        ("d.weight".to_owned(), tensor(&[3, 2], 1.0)),
    ]);
    let bundle = Bundle { tensors, ..Bundle::default() };
    let refused = |layers: &str| {
        let net: Net = toml::from_str(&format!("layers = [{layers}]")).unwrap();
        Packed::of(&bundle, &net).unwrap_err().to_string()
    };
    let cases = [
        ("'relu'", "the first layer must be dense"),
        ("{ dense = 'a' }", "a.bias is [2], not [3]"),
        ("{ dense = 'b' }", "b.weight is NaN at element 0"),
        ("{ dense = 'c' }", "wants [out, in]"),
        ("{ dense = 'e' }", "no tensor e.weight"),
        ("{ dense = 'd' }, { dense = 'd' }", "stands behind 3 units"),
        ("{ dense = 'd' }, 'fork'", "every fork needs one join"),
        ("", "layers"),
    ];
    for (layers, reason) in cases {
        let said = refused(layers);
        assert!(said.contains(reason), "{layers}: {said}");
    }
}

#[test]
#[ignore = "needs QEMU"]
fn every_core_gives_the_same_bits() {
    let folder = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(folder).unwrap().join("boards"),
        None => example().join("../../target"),
    };
    for target in ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imafc-unknown-none-elf"] {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["run", "--quiet", "--release", "--target", target]).current_dir(example());
        let output = cargo.env("CARGO_TARGET_DIR", &folder).stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{target}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("digest   {}", digest())), "{target}: {said}, here {}", digest());
    }
}
