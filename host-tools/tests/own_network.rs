//! The example of a user's own network: packed as committed, and the same bits on this machine and on three cores.
#[rustfmt::skip]
#[path = "../../boards/examples/own-network/src/network.rs"]
mod network;
#[path = "../../boards/examples/own-network/src/run.rs"]
mod run;

use shatterscope::contract::Digest;
use shatterscope::exec::{Buffers, Input, Run, Source};
use shatterscope::graph::Graph;
use shatterscope::plan::{Plan, RunOptions, Storage};
use shatterscope::workers::Serial;
use shatterscope_host::net::{Net, Shapes};
use shatterscope_host::pack::Packed;
use shatterscope_host::tensors::{Bundle, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/examples/own-network")
}

fn packed() -> Packed {
    Packed::read(&example().join("model.safetensors"), &example().join("net.toml"), &Shapes::new()).unwrap()
}

fn digest() -> Digest {
    let (outputs, gradient) = run::run(&run::INPUTS).unwrap();
    Digest::of_runs([Digest::of(&outputs), Digest::of(&gradient)])
}

#[test]
fn the_committed_module_is_what_pack_writes() {
    let committed = std::fs::read_to_string(example().join("src/network.rs")).unwrap();
    assert_eq!(packed().module("model.safetensors", "net.toml").unwrap(), committed);
}

/// Other tiles, and parameters from the file and not from the module.
#[test]
fn the_module_computes_what_the_model_computes() {
    let (mut outputs, mut gradient) = ([0.0; run::POINTS], [0.0; 2 * run::POINTS]);
    let (packed, options) = (packed(), RunOptions::new(run::POINTS as u32));
    let graph = Graph::new(packed.nodes()).unwrap();
    let len = graph.len() * options.want().slots();
    let (mut storages, mut slots) = (vec![Storage::EMPTY; len], vec![0; len]);
    let (plan, _) = Plan::with_placed_slots(&graph, options.want(), &mut storages, &mut slots).unwrap();
    let lengths = plan.run(&options, 16).unwrap();
    let buffers = Buffers {
        values: &mut vec![0.0; lengths.values_len as usize],
        tape: &mut vec![0; lengths.tape_len as usize],
        statistics: &mut [],
        scratch: &mut [0.0; 7],
        gathered: &mut [],
    };
    let (source, input) = (Source::Stored(packed.parameters()), Input::Points(&run::INPUTS));
    Run::<_, 2, 16>::new(&plan, source, &Serial, input, options, buffers, &mut outputs, &mut gradient)
        .unwrap()
        .run()
        .unwrap();
    assert_eq!((outputs, gradient), run::run(&run::INPUTS).unwrap());
}

/// f64, written out: the function that was learned, and its gradient by differences inside one linear region.
#[test]
fn the_values_are_those_of_the_function() {
    let packed = packed();
    // Weight, then bias of each of the three layers.
    let mut rest = packed.parameters();
    let parts: Vec<&[f32]> = packed
        .tensors
        .iter()
        .map(|(_, len)| {
            let (part, others) = rest.split_at(*len);
            rest = others;
            part
        })
        .collect();
    let affine = |i: usize, x: &[f64]| -> Vec<f64> {
        let (weight, bias) = (parts[2 * i], parts[2 * i + 1]);
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
        ("f.weight".to_owned(), tensor(&[3, 2], 1.0)),
        ("g.weight".to_owned(), tensor(&[0, 2], 1.0)),
    ]);
    let others = BTreeMap::from([("h.weight".to_owned(), "is I64: give f32 or f64".to_owned())]);
    let bundle = Bundle { tensors, others, spec: None };
    let refused = |layers: &str| {
        let net = Net::parse(&format!("layers = [{layers}]"));
        net.and_then(|net| Packed::of(&bundle, &net)).unwrap_err().to_string()
    };
    let cases = [
        ("'relu'", "the shape of the input is not known: begin with a dense layer"),
        ("{ dense = 'a' }", "a.bias is [2], not [3]"),
        ("{ dense = 'b' }", "b.weight is NaN at element 0"),
        ("{ dense = 'c' }", "wants [out, in]"),
        ("{ dense = 'e' }", "no tensor e.weight"),
        ("{ dense = 'd' }, { dense = 'd' }", "stands behind 3 units"),
        ("{ dense = 'd' }, 'fork'", "every fork needs one join"),
        ("{ dense = 'd' }, 'fork', 'relu', 'fork'", "layer 3.fork: the fork before it has no join yet"),
        ("{ dense = 'd' }, { join = { a = 1, b = 1 } }", "layer 1.join: no fork stands before it"),
        (
            "{ dense = 'd' }, 'fork', 'crelu', { join = { a = 1, b = 1 } }",
            "the fork kept 3 units, and the branch has 6",
        ),
        ("", "layers"),
        (
            "{ dense = 'd' }, { dense = 'f' }",
            "f.weight is [3, 2] and stands behind 3 units; expected [out, 3]: transpose it",
        ),
        ("{ dense = 'g' }", "g.weight is [0, 2]; both must be between 1"),
        ("{ dense = 'h' }", "h.weight is I64"),
        ("{ dense = 'd' }, { batch-norm = { eps = inf } }", "layer 1.batch-norm: eps = inf: it must be finite"),
        ("{ dense = 'd' }, { batch-norm = { eps = nan } }", "layer 1.batch-norm: eps = NaN: it must be finite"),
        ("{ dense = 'd' }, { batch-norm = { eps = -1.0 } }", "eps = -1.0: it must be above 0"),
        ("{ dense = 'd' }, { batch-norm = { eps = 0.0 } }", "eps = 0.0: it must be above 0"),
        ("{ dense = 'd' }, { batch-norm = { eps = 0 } }", "eps = 0.0: it must be above 0"),
        ("{ dense = 'd' }, { batch-norm = { eps = 1e60 } }", "eps = 1e60: it is too large for f32"),
        ("{ dense = 'd' }, { batch-norm = { eps = 1e-60 } }", "eps = 1e-60: it is too small for f32"),
        ("{ dense = 'd' }, 'fork', { join = { a = -inf, b = 1 } }", "layer 2.join: a = -inf: it must be finite"),
        ("{ dense = 'd' }, 'fork', { join = { a = 1, b = nan } }", "b = NaN: it must be finite"),
        ("{ dense = 'd' }, 'fork', { join = { a = 1, b = -1e60 } }", "b = -1e60: it is too large for f32"),
        ("{ dense = 'd' }, 'fork', { join = { a = 3.5e38, b = 1 } }", "a = 3.5e38: it is too large for f32"),
        ("{ dense = 'd' }, 'fork', { join = { a = -1e-60, b = 1 } }", "a = -1e-60: it is too small for f32"),
    ];
    for (layers, reason) in cases {
        let said = refused(layers);
        assert!(said.contains(reason), "{layers}: {said}");
    }
}

/// A model of tensors `[shape]` of ones, and what packing it with a list of layers gives.
fn packed_of(tensors: &[(&str, &[usize])], layers: &str) -> shatterscope_host::Result<Packed> {
    let mut bundle = Bundle::default();
    for (name, shape) in tensors {
        bundle.add((*name).to_owned(), shape.to_vec(), vec![1.0; shape.iter().product()]);
    }
    bundle.others.insert("bn1.num_batches_tracked".to_owned(), "is I64: give f32 or f64".to_owned());
    Packed::of(&bundle, &Net::parse(&format!("layers = [{layers}]")).unwrap())
}

#[test]
fn tensors_that_no_layer_takes_are_named_and_those_of_a_batch_norm_are_not_dropped() {
    const MATRICES: [(&str, &[usize]); 3] = [("fc1.weight", &[3, 2]), ("fc1.bias", &[3]), ("fc2.weight", &[1, 3])];
    const PLAIN: &str = "{ dense = 'fc1' }, 'relu', { dense = 'fc2' }";
    const NORMED: &str = "{ dense = 'fc1' }, { batch-norm = { eps = 1e-5 } }, 'relu', { dense = 'fc2' }";
    let with = |more: &[(&'static str, &'static [usize])]| [&MATRICES[..], more].concat();
    let norm = with(&[("bn1.weight", &[3]), ("bn1.bias", &[3]), ("bn1.running_mean", &[3]), ("bn1.running_var", &[3])]);
    let plain = packed_of(&norm, PLAIN).unwrap();
    let names = ["bias", "running_mean", "running_var", "weight"];
    assert_eq!(plain.unused(), names.map(|part| format!("bn1.{part}")));
    assert_eq!(plain.module("m", "n").unwrap(), packed_of(&MATRICES, PLAIN).unwrap().module("m", "n").unwrap());
    // A counter of batches and layers that the list leaves out are no parameters of the norm.
    let deeper = with(&[("fc3.weight", &[1, 1]), ("fc3.bias", &[1])]);
    assert_eq!(packed_of(&deeper, NORMED).unwrap().unused(), ["fc3.bias", "fc3.weight"]);
    assert!(packed_of(&MATRICES, NORMED).unwrap().unused().is_empty());
    let affine = with(&[("bn1.weight", &[3]), ("bn1.bias", &[3])]);
    let statistics = with(&[("norm.0.running_mean", &[3]), ("norm.0.running_var", &[3])]);
    let keras = with(&[("bn/gamma", &[3]), ("bn/beta", &[3])]);
    for model in [norm, affine, statistics, keras] {
        let said = packed_of(&model, NORMED).unwrap_err().to_string();
        let name = model[3].0;
        assert!(
            said.contains(name)
                && said.contains("this batch-norm has no name")
                && said.contains("write { batch-norm = "),
            "{said}"
        );
        assert!(packed_of(&model, PLAIN).is_ok());
    }
}

/// The core's types as far as a module uses them.
const STUB: &str = "#![allow(dead_code)] pub mod graph {
#[derive(Debug)] pub struct Shape { pub channels: u32, pub height: u16, pub width: u16 }
#[derive(Debug)] pub enum Op { Input { shape: Shape }, Dense { outputs: u32, bias: bool }, Relu, Crelu, Centre, Normalise { eps: f32 },
    Add { a: f32, b: f32 } }
#[derive(Debug)] pub struct Node { pub op: Op, pub x: u32, pub y: u32, pub shape: Shape, pub address: u32, pub last_use: u32,
    pub frozen: [bool; 2] }
impl Node { pub const EMPTY: Self = Self { op: Op::Relu, x: 0, y: 0, shape: Shape { channels: 0, height: 1, width: 1 }, address: 0, last_use: 0,
    frozen: [false; 2] }; }
pub struct Graph<'a> { pub nodes: &'a [Node] }
impl<'a> Graph<'a> { pub const fn new(nodes: &'a [Node]) -> Result<Self, ()> { Ok(Self { nodes }) } } }";

/// Names that would end a comment or a pair of backticks, hide, turn the direction of writing, or be no identifier.
const ODD_NAMES: [&str; 22] = [
    "fc1\n#[cfg(any())]",
    "a`\npub const EVIL: u32 = 1; //",
    "\rx",
    "\r\nx",
    "fc1\u{202e}gnol",
    "\u{2066}x\u{2069}\u{202a}\u{61c}",
    "line\u{2028}separator\u{2029}",
    "*/ /* x",
    "```",
    "\"quotes\" and 'others'",
    "back\\slash\\u{41}",
    "nul\0",
    "\u{1b}[2J\u{7f}\u{85}",
    "\u{feff}bom\u{200b}zero\u{ad}",
    "",
    " ",
    "fn",
    "1",
    "größe.名前",
    "<script>alert(1)</script> [x](y)",
    "a.b/c",
    "a_b/c",
];

/// Numbers at the edges of f32.
const ODD_VALUES: [f32; 12] = [
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    1e16,
    16_777_217.0,
    0.1,
    -std::f32::consts::PI,
    1.2e-39,
];

/// The network of one list for each name, whose dense layers hold the odd values.
fn odd(name: &str) -> Packed {
    let mut bundle = Bundle::default();
    let mut last = bundle.clone();
    bundle.add(format!("{name}.weight"), vec![3, 4], ODD_VALUES.to_vec());
    bundle.add(format!("{name}.bias"), vec![3], ODD_VALUES[..3].to_vec());
    last.add(format!("{name}.last.weight"), vec![1, 6], ODD_VALUES[2..8].to_vec());
    bundle.tensors.append(&mut last.tensors);
    let quoted = |name: String| toml::Value::from(name).to_string();
    let (first, last) = (quoted(name.to_owned()), quoted(format!("{name}.last")));
    let layers = format!(
        "layers = [{{ dense = {first} }}, 'fork', {{ batch-norm = {{ eps = 1e-45 }} }}, 'centre', {{ join = {{ a = -0.0, b = 3.4e38 }} }}, \
         'crelu', {{ dense = {last} }}]"
    );
    Packed::of(&bundle, &Net::parse(&layers).unwrap()).unwrap()
}

/// Compiled and run in one go: a module a name, and a program that prints the bits of every number in it.
#[test]
fn modules_of_odd_names_and_values_compile_and_hold_the_same_bits() {
    let long = "x\u{202e}\n".repeat(10_000);
    let names: Vec<&str> = ODD_NAMES.into_iter().chain([&*long]).collect();
    let code = |module: &str| {
        module
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let plain = code(&odd("plain").module("model.npz", "net.toml").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (mut program, mut calls) = (String::new(), String::new());
    for (i, name) in names.iter().enumerate() {
        let module = odd(name).module(name, &format!("{name}.toml")).unwrap();
        assert_eq!(code(&module), plain, "{name:?}");
        assert_eq!(
            shatterscope_host::text::lines(&module),
            module,
            "{name:?}: a character that acts where it is shown"
        );
        assert!(module.lines().all(|line| line.len() < 5_000), "{name:?}");
        std::fs::write(at(&format!("m{i}.rs")), module).unwrap();
        program += &format!("mod m{i};\n");
        calls += &format!("show(m{i}::GRAPH.nodes, &m{i}::PARAMETERS);\n");
    }
    program += &format!(
        "fn show(nodes: &[shatterscope::graph::Node], parameters: &[f32]) {{
            print!(\"{{nodes:?}}\");
            for x in parameters {{ print!(\" {{:08x}}\", x.to_bits()); }}
            println!();
        }}
        fn main() {{ {calls} }}"
    );
    std::fs::write(at("stub.rs"), STUB).unwrap();
    std::fs::write(at("main.rs"), program).unwrap();
    let rustc = |arguments: &[&str]| {
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc.args(["--edition", "2024", "-Dwarnings", "-Adead_code"]).args(arguments).current_dir(folder.path());
        let output = rustc.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    rustc(&["--crate-type", "rlib", "--crate-name", "shatterscope", "stub.rs"]);
    rustc(&["--extern", "shatterscope=libshatterscope.rlib", "main.rs"]);
    let ran = Command::new(at("main")).output().unwrap();
    let packed = odd("plain");
    let bits: String = packed.parameters().iter().map(|x| format!(" {:08x}", x.to_bits())).collect();
    let expected = format!("{:?}{bits}\n", packed.nodes()).repeat(names.len());
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
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
