//! Lists of layers with weights alone, lists that are inferred, and checkpoints as models.
use crate::common::shatterscope;
use serde_json::Value;
use shatterscope::graph::{Entry, Function, Op, Shape};
use shatterscope::plan::Want;
use shatterscope_host::data;
use shatterscope_host::model::Source;
use shatterscope_host::net::infer::infer;
use shatterscope_host::net::{Assembled, Net, Shapes, assemble, names};
use shatterscope_host::predict::{Examples, predict};
use shatterscope_host::tensors::{Bundle, npy};
use shatterscope_host::train::Checkpoint;
use shatterscope_model::Network;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn torch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model/tests/torch").join(name)
}

/// Tensors of these shapes, whose elements all differ.
fn bundle(tensors: &[(&str, &[usize])]) -> Bundle {
    let (mut bundle, mut next) = (Bundle::default(), 0);
    for (name, shape) in tensors {
        let len: usize = shape.iter().product();
        let data = (next..next + len).map(|i| 0.25 + i as f32 / 1024.0).collect();
        next += len;
        bundle.add((*name).to_owned(), shape.to_vec(), data);
    }
    bundle
}

fn assembled(bundle: &Bundle, text: &str) -> Result<Assembled, String> {
    let net = Net::parse(text).map_err(|error| error.to_string())?;
    assemble(bundle, &net, &Shapes::new(), Want::Output).map_err(|error| error.to_string())
}

/// How a list writes the example of an operation of the core, and its tensors.
fn example(operation: &str) -> (&'static str, &'static [(&'static str, &'static [usize])]) {
    match operation {
        "reshape" => ("reshape = { shape = [12]", &[]),
        "dense" => ("dense = {", &[("weight", &[4, 5]), ("bias", &[4])]),
        "conv" => ("conv = { padding = 1", &[("weight", &[3, 2, 3, 3]), ("bias", &[3])]),
        "relu" => ("relu = {", &[]),
        "prelu" => ("prelu = {", &[("weight", &[3])]),
        "crelu" => ("crelu = {", &[]),
        "batch-norm" => {
            ("batch-norm = {", &[("weight", &[3]), ("bias", &[3]), ("running_mean", &[3]), ("running_var", &[3])])
        }
        "average-pool" => ("average-pool = { kernel = 2", &[]),
        "max-pool" => ("max-pool = { kernel = 3, stride = 2, padding = 1", &[]),
        "dropout" => ("dropout = { rate = 0.25", &[]),
        "shortcut" => ("shortcut = { channels = 5, stride = 2", &[]),
        "add" => ("add = { b = 0.5", &[]),
        "normalise" => ("normalise = {", &[]),
        "centre" => ("centre = {", &[]),
        "elu" => ("elu = { alpha = 0.75", &[]),
        "sigmoid" => ("sigmoid = {", &[]),
        "group-norm" => ("group-norm = { groups = 2", &[("weight", &[4]), ("bias", &[4])]),
        "function" => ("tanh = {", &[]),
        "softmax" => ("softmax = { axis = 'channels'", &[]),
        "pairwise" => ("multiply = {", &[]),
        "constant" => ("constant = {", &[("weight", &[2, 1, 3])]),
        "transpose" => ("transpose = { axes = ['columns', 'channels', 'rows']", &[]),
        "slice" => ("slice = { axis = 'columns', start = 4, step = -2, count = 2", &[]),
        "concat" => ("concat = { axis = 'rows'", &[]),
        "pad" => ("pad = { value = 0.5, rows = [1, 0], columns = [1, 2]", &[]),
        "expand" => ("expand = { shape = [2, 3, 4]", &[]),
        "resize" => ("resize = { axis = 'columns', size = 5, numerator = 3, offset = -1, denominator = 5", &[]),
        "matmul" => ("matmul = {", &[]),
        "reduce" => ("reduce = { reduction = 'mean', axes = ['rows', 'columns']", &[]),
        "grouped-conv" => (
            "grouped-conv = { groups = 2, stride = [1, 2], dilation = [2, 1], padding = [1, 0, 2, 1]",
            &[("weight", &[6, 2, 3, 2]), ("bias", &[6])],
        ),
        "taps-first-conv" => (
            "taps-first-conv = { stride = [2, 1], dilation = [1, 2], padding = [0, 2, 1, 1]",
            &[("weight", &[6, 3, 3, 3])],
        ),
        "dilated-average-pool" => (
            "dilated-average-pool = { kernel = [3, 2], stride = [2, 1], dilation = [1, 2], padding = [1, 1, 0, 2], count-padding = false",
            &[],
        ),
        "dilated-max-pool" => {
            ("dilated-max-pool = { kernel = [2, 3], stride = [1, 2], dilation = [2, 1], padding = [1, 1, 0, 2]", &[])
        }
        other => panic!(
            "the operation {other} of the core has no form in lists of layers: give it one in host-tools/src/net"
        ),
    }
}

fn extents(Shape { channels, height, width }: Shape) -> String {
    format!("[{channels}, {height}, {width}]")
}

/// All operations but inputs, and those on bytes, whose numbers only files of TensorFlow Lite have.
fn listed() -> impl Iterator<Item = &'static Entry> {
    Op::LIST.iter().filter(|entry| !entry.op.is_input() && entry.op.is_int8() == [false; 2])
}

#[test]
fn a_list_has_every_operation_of_the_core() {
    let (mut inputs, mut layers, mut outputs, mut tensors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in listed() {
        let (tag, (text, own)) = (entry.tag, example(entry.op.name()));
        let name = format!("t{tag}");
        tensors.extend(own.iter().map(|(part, shape)| (format!("{name}.{part}"), *shape)));
        let comma = if text.ends_with('{') { "" } else { "," };
        let operands = match entry.op {
            Op::Constant { .. } => "".to_owned(),
            op => {
                let all: Vec<String> =
                    ["x", "y"][..1 + usize::from(op.is_binary())].iter().map(|end| format!("'{end}{tag}'")).collect();
                ["x", "y"]
                    .iter()
                    .take(all.len())
                    .for_each(|end| inputs.push(format!("{end}{tag} = {}", extents(entry.operand))));
                format!(", input = [{}]", all.join(", "))
            }
        };
        layers.push(format!("  {{ {text}{comma} name = '{name}'{operands} }} }},"));
        outputs.push(format!("'{name}'"));
    }
    let text = format!(
        "inputs = {{ {} }}\nlayers = [\n{}\n]\noutputs = [{}]",
        inputs.join(", "),
        layers.join("\n"),
        outputs.join(", ")
    );
    let tensors: Vec<(&str, &[usize])> = tensors.iter().map(|(name, shape)| (&**name, *shape)).collect();
    let bundle = bundle(&tensors);
    let Assembled { network, tensors: sources } = assembled(&bundle, &text).unwrap();
    // Weights, then biases of each, from the tensors of these names.
    let mut rest = &network.parameters[..];
    for (name, len) in &sources {
        let (own, others) = rest.split_at(*len);
        assert_eq!(own, bundle.tensors[name].data, "{name}");
        rest = others;
    }
    assert!(rest.is_empty() && network.origin.unused.is_empty());
    assert_eq!(
        network.running,
        [bundle.tensors["t8.running_mean"].data.clone(), bundle.tensors["t8.running_var"].data.clone()].concat()
    );
    for entry in listed() {
        let (tag, placed) = (entry.tag, &network.placed);
        let node = placed.nodes[placed.names().find(&format!("t{tag}")).unwrap() as usize];
        let expected = match (entry.op, node.op) {
            // What a training would start from.
            (Op::Constant { shape, .. }, Op::Constant { start, .. }) => Op::Constant { shape, start },
            (Op::Prelu { .. }, Op::Prelu { slope }) => Op::Prelu { slope },
            (op, _) => op,
        };
        assert_eq!(node.op, expected);
        if !matches!(node.op, Op::Constant { .. }) {
            let of = |node: u32| placed.names().plain(node).unwrap().to_owned();
            let second = if node.op.is_binary() { "y" } else { "x" };
            assert_eq!([of(node.x), of(node.y)], [format!("x{tag}"), format!("{second}{tag}")]);
        }
    }
    assert_eq!(network.outputs.len(), listed().count());
    let units: usize = network.inputs.iter().map(|port| port.elements()).sum();
    let inputs: Vec<f32> = (0..2 * units).map(|i| (i as f32 * 0.7).sin()).collect();
    let out = run(&network, &inputs);
    assert_eq!(out.len(), 2 * network.outputs.iter().map(|port| port.elements()).sum::<usize>());
}

#[test]
fn every_function_of_the_core_has_a_name_and_its_numbers() {
    for (function, [a, b]) in Function::LIST {
        let keys: &[&str] = match function {
            Function::LeakyRelu => &["slope"],
            Function::Clip => &["min", "max"],
            Function::Selu => &["alpha", "scale"],
            Function::HardSigmoid | Function::Affine => &["scale", "shift"],
            Function::Silu => &["scale"],
            Function::Power => &["exponent"],
            _ => &[],
        };
        let numbers: Vec<String> = keys.iter().zip([a, b]).map(|(key, number)| format!("{key} = {number:?}")).collect();
        let text = format!("input = [3]\nlayers = [{{ {} = {{ {} }} }}]", function.name(), numbers.join(", "));
        let network = assembled(&Bundle::default(), &text).unwrap().network;
        assert_eq!(network.placed.nodes[1].op, Op::Function { function: *function, a: *a, b: *b });
    }
    // Every name that an error lists is one.
    for name in names() {
        assert_eq!(Net::parse(&format!("layers = ['{name}']")).unwrap().layers[0].operation, name);
    }
}

fn run(network: &Network, inputs: &[f32]) -> Vec<f32> {
    let of = (&network.parameters[..], &network.running[..]);
    predict(&network.placed, of, inputs, 4, shatterscope::exec::Isa::detect()).unwrap()
}

/// The bound is `2 * 2^-24 * sqrt(longest chain) * max|reference|`, as of the networks from ONNX files.
#[test]
fn state_dicts_have_the_outputs_of_pytorch() {
    for (name, shape, net) in
        [("sequence", None, None), ("images", Some("input=1x2x6x5"), None), ("lenet", None, Some(torch("lenet.toml")))]
    {
        let shapes: Vec<String> = shape.into_iter().map(str::to_owned).collect();
        let source = Source::new(&torch(&format!("{name}.safetensors")), None, &shapes, &[], [true, false]).unwrap();
        let (network, inferred) = Source { net: net.clone(), ..source }.read(Want::Output).unwrap();
        assert_eq!(inferred.is_some(), net.is_none());
        let expected = Bundle::read(&torch(&format!("{name}.npz"))).unwrap();
        let (inputs, outputs) = (&expected.tensors["input"].data, &expected.tensors["output"].data);
        let found = run(&network, inputs);
        assert_eq!(found.len(), outputs.len());
        let graph = network.placed.graph().unwrap();
        let terms = |(i, node): (u32, &shatterscope::graph::Node)| {
            graph.facts(i).unwrap().multiply_adds / u64::from(node.shape.units().unwrap())
        };
        let chain = (0..).zip(&network.placed.nodes).map(terms).max().unwrap() as f64;
        let most = |of: &mut dyn Iterator<Item = f32>| of.map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let apart = most(&mut found.iter().zip(outputs).map(|(a, b)| a - b));
        let ratio = apart / (2f64.powi(-24) * chain.sqrt() * most(&mut outputs.iter().copied()));
        println!("{name}: chain {chain}, ratio {ratio:.2}");
        assert!(ratio < 2.0, "{name}: {ratio}");
        assert!(network.origin.unused.is_empty(), "{:?}", network.origin.unused);
    }
}

#[test]
fn all_commands_take_weights_with_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let inputs = Bundle::read(&torch("lenet.npz")).unwrap().tensors["input"].clone();
    let bytes: Vec<u8> = inputs.data.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(at("x.npy"), npy::write("<f4", &inputs.shape, &bytes)).unwrap();
    let weights = format!("{} --net {}", torch("lenet.safetensors").display(), torch("lenet.toml").display());
    let digest = |line: &str| json(line)["output_digest"].as_str().unwrap().to_owned();
    let first = digest(&format!("run --json --model {weights} --input {}", at("x.npy")));
    let native = at("native.safetensors");
    let (code, out, err) = shatterscope(&format!("import {weights} --out {native}"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("list of layers, any number of examples"), "{out}");
    assert_eq!(
        digest(&format!("run --json --model {native} --input {} --threads 1 --isa portable", at("x.npy"))),
        first
    );
    // The same arrays as .npz.
    let npz = Bundle::read(&torch("lenet.safetensors")).unwrap().to_npz().unwrap();
    std::fs::write(at("w.npz"), npz).unwrap();
    let line =
        format!("run --json --model {} --net {} --input {}", at("w.npz"), torch("lenet.toml").display(), at("x.npy"));
    assert_eq!(digest(&line), first);
    let probed = json(&format!("probe --json --model {weights} --data {} --of output:1", at("x.npy")));
    assert!(probed["gradient_digest"].is_string());
    let packed = json(&format!("pack --json {}", torch("sequence.safetensors").display()));
    assert_eq!(packed["operations"].as_u64(), Some(8));
    let (code, module, err) = shatterscope(&format!("pack {weights}"));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for part in
        ["use shatterscope::graph::{DilatedWindow, Graph, Node, Op, Shape, Window};", "// `10.weight`", "[f32; 859]"]
    {
        assert!(module.contains(part), "{part} not in {module}");
    }
}

fn json(line: &str) -> Value {
    let (code, out, err) = shatterscope(line);
    assert_eq!(code, Some(0), "{line}: {err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_list_is_inferred_and_used_if_the_shapes_allow_one_alone() {
    let (code, out, err) = shatterscope(&format!("import {}", torch("sequence.safetensors").display()));
    assert_eq!((code, err.lines().count()), (Some(0), 1), "{err}");
    assert!(
        err.contains("the layers are inferred") && out.starts_with("input = [6]\nlayers = [\n  { dense = \"0\" },"),
        "{out}"
    );
    // What is printed is a list that gives the same network.
    let list = out.split("\n\n").next().unwrap();
    let weights = Bundle::read(&torch("sequence.safetensors")).unwrap();
    let of_list = assembled(&weights, list).unwrap().network;
    let inferred = infer(&weights, &Shapes::new()).unwrap().assemble(&weights, &Shapes::new(), Want::Output).unwrap();
    assert_eq!(of_list.placed.nodes, inferred.network.placed.nodes);
    assert_eq!(of_list.parameters, inferred.network.parameters);
    let images = torch("images.safetensors").display().to_string();
    let inferred = |name: &[(&str, &[usize])], shape: &[usize]| {
        let shapes = Shapes::from([("input".to_owned(), shape.to_vec())]);
        infer(&bundle(name), &shapes).unwrap()
    };
    for (line, said) in [
        (images.clone(), "give --shape input=1x2xROWSxCOLUMNS"),
        (format!("{images} --shape input=1x2x9x9"), "of the usual choices none fits"),
        (format!("{images} --shape input=1x2x9x9 --fold"), "--fold has no effect on weights alone"),
        (format!("{} --shape input=1x1x16x16", torch("lenet.safetensors").display()), "of the usual choices none fits"),
    ] {
        let (code, out, err) = shatterscope(&format!("import {line}"));
        assert!(code != Some(0) && out.is_empty(), "{line}: {out}");
        assert!(err.lines().last().unwrap().contains(said), "{line}: {err}");
        assert!(said.contains("--fold") || err.contains("layers = [\n  { conv = { name = \"0\""), "{line}: {err}");
    }
    // A pool fits: of maxima or of means, which the file does not tell.
    let pooled: &[(&str, &[usize])] =
        &[("net.0.weight", &[4, 1, 3, 3]), ("net.0.bias", &[4]), ("net.4.weight", &[3, 16])];
    let list = inferred(pooled, &[1, 1, 7, 7]);
    assert!(!list.certain && list.said.contains("of the usual choices 2 fit"), "{}", list.said);
    assert!(list.text.contains("{ max-pool = { kernel = 2 } }"), "{}", list.text);
    // Convolutions alone fit in several ways.
    assert!(!inferred(&pooled[..2], &[1, 1, 7, 7]).certain);
    // No room for a flatten.
    let close: &[(&str, &[usize])] = &[("0.weight", &[4, 1, 3, 3]), ("1.weight", &[3, 144])];
    assert!(inferred(close, &[1, 1, 8, 8]).said.contains("of the usual choices none fits"));
    for (tensors, said) in [
        (&[("fc1.weight", &[3, 2][..]), ("fc2.weight", &[1, 3])][..], "fc1.weight, fc2.weight"),
        (&[("0.weight", &[3, 2][..]), ("a.1.weight", &[1, 3])][..], "not called as those of one torch.nn.Sequential"),
        (&[("00.weight", &[3, 2][..])][..], "not called"),
        (&[("0.gamma", &[3][..])][..], "layer 0 has the tensors 0.gamma"),
        (&[("0.weight", &[3, 2, 1, 1, 1][..])][..], "of no dense layer"),
        (&[("0.weight", &[0, 2][..])][..], "0.weight is [0, 2]"),
    ] {
        let error = infer(&bundle(tensors), &Shapes::new()).unwrap_err().to_string();
        assert!(error.contains(said), "{tensors:?}: {error}");
    }
}

#[test]
fn a_checkpoint_is_a_model_with_the_digest_of_predict() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let (code, _, err) = shatterscope(&format!("train -q --net lenet --width 4 --batch-norm --epochs 1 --out {out}"));
    assert_eq!(code, Some(0), "{err}");
    let predicted = json(&format!("predict --json --checkpoint {out}"));
    let digits = data::open(None).unwrap();
    let checkpoint = Checkpoint::read(folder.path(), &digits).unwrap().unwrap();
    let examples = Examples::test(&digits, &checkpoint).unwrap();
    let bytes: Vec<u8> = examples.inputs.iter().flat_map(|x| x.to_le_bytes()).collect();
    let inputs = folder.path().join("x.npy").display().to_string();
    std::fs::write(&inputs, npy::write("<f4", &[examples.labels.len(), 1, 8, 8], &bytes)).unwrap();
    let native = folder.path().join("native.safetensors").display().to_string();
    let file = folder.path().join("checkpoint.safetensors");
    let (code, table, err) = shatterscope(&format!("import {} --out {native}", file.display()));
    assert_eq!(code, Some(0), "{err}");
    assert!(table.contains("checkpoint of train after step") && table.contains("(byte - mean) * inv"), "{table}");
    // The file, its folder, and the native form made of it.
    for model in [file.display().to_string(), out.clone(), native] {
        let ran = json(&format!("run --json --model {model} --input {inputs}"));
        assert_eq!(ran["output_digest"], predicted["output_digest"], "{model}");
    }
    let probed = json(&format!("probe --json --model {} --data {inputs}", file.display()));
    assert!(probed["gradient_digest"].is_string());
    let packed = json(&format!("pack --json {}", file.display()));
    assert!(packed["module"].as_str().unwrap().contains("pub static RUNNING: [f32; "));
    // A checkpoint whose bytes changed, whose document is of no network, or with a list beside it.
    let bytes = std::fs::read(&file).unwrap();
    let bad = folder.path().join("bad.safetensors");
    for at in [100, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        std::fs::write(&bad, bytes).unwrap();
        let (code, _, err) = shatterscope(&format!("run --model {} --input {inputs}", bad.display()));
        assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    }
    let mut other = Bundle::from_safetensors(&bytes).unwrap();
    other.spec = other.spec.map(|spec| spec.replace("\"image\":[1,8,8]", "\"image\":[1,65535,65535]"));
    std::fs::write(&bad, other.to_safetensors().unwrap()).unwrap();
    let (code, _, err) = shatterscope(&format!("run --model {} --input {inputs}", bad.display()));
    assert!(code == Some(1) && err.contains("the checkpoint is damaged") && err.lines().count() == 1, "{err}");
    let (code, _, err) = shatterscope(&format!("import {} --shape input=1x1x8x8", file.display()));
    assert!(code == Some(2) && err.contains("--shape has no effect on a checkpoint"), "{err}");
}

/// Lists that are refused, and a part of what is said.
const REFUSED: [(&str, &str); 45] = [
    ("layers = [", "line 1"),
    ("x = 1\nlayers = []", "line 1: the key x is not known"),
    ("input = [3]", "it has no key layers"),
    ("layers = 3", "line 1: layers: expected an array of layers"),
    ("layers = []", "the list has no layers"),
    ("input = [3, 4, 4, 4]\nlayers = ['relu']", "line 1: input: expected [channels]"),
    ("input = [0]\nlayers = ['relu']", "line 1: input: expected [channels]"),
    ("input = [3]\ninputs = { a = [3] }\nlayers = ['relu']", "write input or inputs, not both"),
    (
        "input = [3]\nlayers = [\n  'relu',\n  'reluu',\n]",
        "line 4: the operation reluu is not known; there are dense, conv",
    ),
    ("input = [3]\nlayers = [\n  { relu = 3 },\n]", "line 3: relu: expected the name"),
    ("input = [3]\nlayers = [{ relu = {}, tanh = {} }]", "a layer is \"operation\""),
    ("input = [3]\nlayers = [3]", "a layer is \"operation\""),
    (
        "input = [3, 8, 8]\nlayers = [\n  { conv = { name = 'k',\n paddin = 1 } },\n]",
        "line 4: conv: the key paddin is not known; it has stride, padding",
    ),
    ("input = [3]\nlayers = [{ relu = { tensors = 'a' } }]", "the key tensors is not known"),
    ("input = [3]\nlayers = [{ elu = { alpha = 'x' } }]", "layer 0.elu: alpha: expected a number"),
    ("input = [3]\nlayers = [{ elu = { alpha = 1e60 } }]", "alpha = 1e60: it is too large for f32"),
    ("input = [3]\nlayers = [{ elu = { alpha = nan } }]", "alpha = NaN: it must be finite"),
    ("layers = ['relu']", "the shape of the input is not known"),
    ("layers = [{ conv = 'k' }]", "the shape of the input is not known"),
    (
        "input = [3, 8, 8]\nlayers = [{ conv = 'no' }]",
        "no tensor no.weight, expected [out, 3, rows, columns]; they have",
    ),
    (
        "input = [2, 8, 8]\nlayers = [{ conv = 'hwio' }]",
        "expected [out, 2, rows, columns]: transpose it from [rows, columns, in, out]",
    ),
    (
        "input = [2, 8, 8]\nlayers = [{ conv = 'k' }]",
        "k.weight is [4, 3, 3, 3]; its operand has 2 channels in 1 groups",
    ),
    ("input = [4, 8, 8]\nlayers = [{ conv = 'k' }]", "expected [out, 4, rows, columns]: exchange its first two axes"),
    (
        "input = [6, 8, 8]\nlayers = [{ conv = { name = 'k', groups = 4 } }]",
        "groups = 4 does not divide the 6 channels",
    ),
    (
        "input = [3, 8, 8]\nlayers = [{ conv = { name = 'k', stride = 0 } }]",
        "stride: expected whole numbers of at least 1",
    ),
    ("input = [3, 8, 8]\nlayers = [{ conv = { name = 'k', padding = 256 } }]", "padding = 256: at most 255"),
    (
        "input = [3, 8, 8]\nlayers = [{ conv = { name = 'k', padding = [1, 2, 3] } }]",
        "padding: expected a whole number, [rows, columns]",
    ),
    ("input = [3, 2, 2]\nlayers = [{ conv = 'k' }]", "layer 0.conv k: the window does not fit"),
    ("input = [4]\nlayers = [{ batch-norm = 'k' }]", "no tensor k.running_mean, expected [4]"),
    ("input = [3]\nlayers = [{ batch-norm = 'bn' }]", "bn.running_mean is [4], not [3]"),
    ("input = [4]\nlayers = [{ batch-norm = 'bn' }]", "bn.running_var is -1 at element 3"),
    ("input = [4]\nlayers = ['batch-norm']", "it needs the name of its tensors"),
    ("input = [4]\nlayers = [{ group-norm = { name = 'gn', groups = 2 } }]", "no tensor gn.weight"),
    ("input = [4]\nlayers = [{ group-norm = { groups = 3 } }]", "layer 0.group-norm"),
    (
        "input = [4]\nlayers = [{ prelu = 'bn' }, { prelu = 'two' }]",
        "two.weight is [2]; its operand has 4 channels: expected [1] or [4]",
    ),
    ("input = [4]\nlayers = [{ max-pool = {} }]", "it needs the key kernel"),
    ("input = [4]\nlayers = [{ add = {} }]", "it has two inputs, and 0 is given"),
    ("input = [4]\nlayers = [{ add = { inputs = ['input', 'b'] } }]", "no layer or input before it is called b"),
    (
        "input = [4]\nlayers = [{ relu = 'a' }, { relu = 'a' }, { add = { inputs = ['input', 'a'] } }]",
        "several layers before it are called a",
    ),
    ("inputs = { a = [4], b = [4] }\nlayers = ['relu']", "the network has several inputs: name one"),
    ("inputs = { a = [4], b = [4] }\nlayers = [{ relu = { input = 'a' } }]", "no layer uses the input b"),
    ("input = [4]\nlayers = [{ relu = 'a' }, { tanh = { input = 'input' } }]", "layer 0.relu: nothing uses its value"),
    ("input = [4]\nlayers = [{ relu = 'a' }]\noutputs = ['b']", "outputs: no layer or input before it is called b"),
    ("input = [4]\nlayers = [{ relu = 'a' }]\noutputs = ['a', 'a']", "outputs: a is there twice"),
    ("input = [4294967295]\nlayers = [{ prelu = 'one' }]", "more than 67108864 parameters"),
];

#[test]
fn lists_that_do_not_fit_are_refused_with_their_lines() {
    let mut weights = bundle(&[
        ("k.weight", &[4, 3, 3, 3]),
        ("hwio.weight", &[3, 3, 2, 4]),
        ("bn.weight", &[4]),
        ("bn.running_mean", &[4]),
        ("bn.running_var", &[4]),
        ("one.weight", &[1]),
        ("two.weight", &[2]),
    ]);
    weights.tensors.get_mut("bn.running_var").unwrap().data[3] = -1.0;
    let mut seen = BTreeSet::new();
    for (text, part) in REFUSED {
        match assembled(&weights, text) {
            Ok(_) => panic!("{text} is taken"),
            Err(error) => {
                assert!(error.contains(part) && error.lines().count() == 1, "{text}: {error}");
                seen.insert(error);
            }
        }
    }
    assert!(seen.len() > 40);
    // Named and used once; what is left is listed and does not block.
    let listed = assembled(&weights, "input = [3, 8, 8]\nlayers = [{ conv = 'k' }]").unwrap();
    assert_eq!(listed.network.origin.unused.len(), 6);
}

#[test]
fn a_tensor_of_another_type_and_one_that_is_not_finite_are_named() {
    let mut weights = bundle(&[("a.weight", &[3, 2]), ("a.bias", &[3])]);
    weights.others.insert("0.num_batches_tracked".to_owned(), "is I64: give f32 or f64".to_owned());
    let listed = assembled(&weights, "layers = [{ dense = 'a' }]").unwrap();
    assert!(listed.network.origin.unused.is_empty());
    weights.tensors.get_mut("a.bias").unwrap().data[1] = f32::INFINITY;
    assert!(assembled(&weights, "layers = [{ dense = 'a' }]").unwrap_err().contains("a.bias is inf at element 1"));
    weights.tensors.remove("a.bias");
    weights.others.insert("a.bias".to_owned(), "is F16: give f32 or f64".to_owned());
    assert!(assembled(&weights, "layers = [{ dense = 'a' }]").unwrap_err().contains("a.bias is F16"));
}

#[test]
fn two_inputs_a_skip_and_values_by_name() {
    let weights = bundle(&[("a.weight", &[3, 2]), ("b.weight", &[3, 3])]);
    let text = "inputs = { p = [2], q = [3] }\n\
        layers = [\n { dense = { name = 'a', input = 'p' } }, 'relu', { dense = { name = 'again', tensors = 'b' } },\n \
        { add = { name = 's', inputs = ['again', 'q'], b = 2.0 } }, { concat = { inputs = ['s', 'a', 'q'] } },\n]";
    let network = assembled(&weights, text).unwrap().network;
    assert_eq!(network.outputs[0].shape, [9]);
    let (p, q) = ([0.5f32, -1.0], [1.0f32, 2.0, 3.0]);
    let dot = |name: &str, x: &[f32]| -> Vec<f32> {
        weights.tensors[name]
            .data
            .chunks(x.len())
            .map(|row| row.iter().zip(x).fold(0.0, |sum, (w, x)| sum + w * x))
            .collect()
    };
    let a = dot("a.weight", &p);
    let again = dot("b.weight", &a.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
    let s: Vec<f32> = again.iter().zip(q).map(|(x, q)| x + 2.0 * q).collect();
    assert_eq!(run(&network, &[&p[..], &q].concat()), [s, a, q.to_vec()].concat());
}
