//! Files that are wrong, by accident or on purpose: one line each, no panic, no memory that the file does not account for.
use crate::write::{A, File, floats, info, integers};
use shatterscope_import::{
    Error, Model, Options, Tensor,
    messages::{Message, NodeProto, StringStringEntryProto, TensorProto},
    onnx, read, tflite,
};
use std::{fs, path::Path};

fn line(file: &File) -> String {
    let text = file.read().unwrap_err().to_string();
    assert!(!text.contains('\n') && text.len() < 1000, "{text}");
    text
}

/// A model that keeps its promises, or a line.
pub fn checked(read: Result<Model, Error>) {
    match read {
        Ok(model) => model.check().unwrap(),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains('\n') && text.len() < 100_000, "{text}");
        }
    }
}

fn small() -> File {
    File::new(13, &[1, 1, 4])
        .floats("w", &[1, 1, 2], &[1.0, 2.0])
        .ints("shape", &[1, 3])
        .node("Conv", &["x", "w"], &["a"], &[("pads", A::Is(&[0, 0]))])
        .node("Relu", &["a"], &["b"], &[])
        .node("Reshape", &["b", "shape"], &["y"], &[])
}

#[test]
fn every_truncation_and_every_changed_byte() {
    let bytes = small().bytes();
    assert!(onnx(&bytes, None, &Options::default()).is_ok());
    for n in 0..bytes.len() {
        checked(onnx(&bytes[..n], None, &Options::default()));
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[n] ^ 1, bytes[n].wrapping_add(1)] {
            let mut changed = bytes.clone();
            changed[n] = value;
            checked(onnx(&changed, None, &Options::default()));
        }
    }
    assert!(onnx(&[], None, &Options::default()).is_err());
}

#[test]
fn cycles_and_missing_values_are_named() {
    let cycle = File::new(13, &[1]).node("Add", &["x", "b"], &["a"], &[]).node("Relu", &["a"], &["b"], &[]).node(
        "Relu",
        &["b"],
        &["y"],
        &[],
    );
    assert_eq!(line(&cycle), "the graph has a cycle: Relu `relu1` -> Add `add0` -> Relu `relu1`");
    let own = File::new(13, &[1]).node("Add", &["x", "y"], &["y"], &[]);
    assert_eq!(line(&own), "the graph has a cycle: Add `add0` -> Add `add0`");
    let missing = File::new(13, &[1]).node("Add", &["x", "ghost"], &["y"], &[]);
    assert!(line(&missing).contains("`ghost` is needed by Add `add0`"));
    assert!(line(&File::new(13, &[1])).contains("`y` is needed by the output"));
    let twice = File::new(13, &[1]).node("Relu", &["x"], &["y"], &[]).node("Relu", &["x"], &["y"], &[]);
    assert!(line(&twice).contains("defined twice"));
}

/// A chain that recursion could not follow; and in the wrong order.
#[test]
fn long_chains() {
    let mut file = File::new(13, &[1]);
    for i in 0..100_000 {
        let from = if i == 0 { "x".to_owned() } else { format!("v{i}") };
        let to = if i == 99_999 { "y".to_owned() } else { format!("v{}", i + 1) };
        file =
            file.node(if i % 2 == 0 { "Relu" } else { "Mul" }, &[from.as_str(), from.as_str()][..=i % 2], &[&to], &[]);
    }
    file.graph.node.reverse();
    assert_eq!(file.read().unwrap().nodes.len(), 100_000);
    let mut product = File::new(13, &[1]).floats("c", &[], &[1.5]);
    for i in 0..50_000 {
        let from = if i == 0 { "x".to_owned() } else { format!("v{i}") };
        let to = if i == 49_999 { "y".to_owned() } else { format!("v{}", i + 1) };
        product = product.node("Mul", &[&from, "c"], &[&to], &[]);
    }
    assert_eq!(product.read().unwrap().nodes.len(), 50_000);
}

#[test]
fn all_unsupported_operations_at_once() {
    let mut file = File::new(13, &[1])
        .node("LSTM", &["x"], &["a"], &[])
        .node("Einsum", &["a"], &["b"], &[])
        .node("Relu", &["b"], &["c"], &[])
        .node("LSTM", &["c"], &["d"], &[])
        .node("If", &["d"], &["y"], &[])
        .node("Loop", &["x"], &["unused"], &[]);
    file.graph.node.push(NodeProto { domain: Some("com.example".into()), ..file.graph.node[0].clone() });
    file.graph.node[6].output = vec!["z".into()];
    file.graph.output.push(info("z", 1, &[]));
    assert_eq!(
        line(&file),
        "unsupported operations (5): LSTM (lstm0, lstm3); Einsum (einsum1); If (if4); com.example.LSTM (lstm0)"
    );
    let conv =
        File::new(13, &[1, 1, 2, 2, 2]).floats("w", &[1, 1, 1, 1, 1], &[1.0]).node("Conv", &["x", "w"], &["y"], &[]);
    assert_eq!(line(&conv), "unsupported operations (1): Conv, with 3 spatial axes (conv0)");
}

#[test]
fn expected_and_found_are_in_errors() {
    let weights = File::new(13, &[1, 3, 4]).floats("w", &[1, 2, 2], &[0.0; 4]).node("Conv", &["x", "w"], &["y"], &[]);
    assert_eq!(
        line(&weights),
        "Conv `conv0`: the filter has shape [1, 2, 2], expected [out, 3, ..] for 3 channels in 1 groups; operands: `x` [1, 3, 4], `w` [1, 2, 2]"
    );
    let short = File::new(13, &[2]).floats("c", &[2], &[1.0]).node("Add", &["x", "c"], &["y"], &[]);
    assert_eq!(line(&short), "tensor `c`: 1 elements, expected 2 for shape [2]");
    let bias = File::new(13, &[1, 1, 4]).floats("w", &[1, 1, 2], &[0.0; 2]).floats("b", &[2], &[0.0; 2]);
    let bias = bias.node("Conv", &["x", "w", "b"], &["y"], &[]);
    assert_eq!(
        line(&bias),
        "Conv `conv0`: the bias has shape [2], expected [1]; operands: `x` [1, 1, 4], `w` [1, 1, 2], `b` [2]"
    );
    let control = File::new(13, &[2]).node("Add", &["x", "a\nb\u{1b}"], &["y"], &[]);
    assert!(line(&control).contains("`a\\nb\\u{1b}`"));
}

#[test]
fn dimensions_and_counts_are_checked_before_memory() {
    for dims in [&[1i64 << 62][..], &[-1], &[1 << 31, 1 << 31], &[0, 1 << 62, 1 << 62], &[1; 100]] {
        let file = File::new(13, &[2]).floats("c", dims, &[1.0]).node("Add", &["x", "c"], &["y"], &[]);
        assert!(line(&file).starts_with("tensor `c`"), "{dims:?}");
    }
    let big = 1i64 << 31;
    let files = [
        File::new(13, &[1]).ints("n", &[big]).node("ConstantOfShape", &["n"], &["y"], &[]),
        File::new(13, &[1]).ints("n", &[big, big, big]).node("ConstantOfShape", &["n"], &["y"], &[]),
        File::new(13, &[1]).floats("c", &[1], &[1.0]).ints("n", &[big]).node("Expand", &["c", "n"], &["y"], &[]),
        File::new(13, &[1]).floats("c", &[1], &[1.0]).ints("n", &[big]).node("Tile", &["c", "n"], &["y"], &[]),
        File::new(13, &[2]).ints("n", &[big]).node("Tile", &["x", "n"], &["y"], &[]),
        File::new(13, &[1])
            .tensor(integers("a", &[], &[0]))
            .tensor(integers("b", &[], &[i64::MAX]))
            .tensor(integers("d", &[], &[1]))
            .node("Range", &["a", "b", "d"], &["y"], &[]),
        File::new(13, &[1])
            .tensor(integers("a", &[], &[i64::MIN]))
            .tensor(integers("b", &[], &[i64::MAX]))
            .tensor(integers("d", &[], &[i64::MIN]))
            .node("Range", &["b", "a", "d"], &["s"], &[])
            .node("Cast", &["s"], &["y"], &[("to", A::I(99))]),
        File::new(13, &[1]).floats("c", &[1], &[1.0]).ints("n", &[0, big]).node("Pad", &["c", "n"], &["y"], &[]),
        File::new(13, &[1, 1, 2]).floats("s", &[3], &[1.0, 1.0, 1e9]).node("Resize", &["x", "", "s"], &["y"], &[]),
        File::new(13, &[1, 1, 2]).node(
            "MaxPool",
            &["x"],
            &["y"],
            &[("kernel_shape", A::Is(&[big])), ("dilations", A::Is(&[big]))],
        ),
        File::new(13, &[1, 1, 2]).node(
            "MaxPool",
            &["x"],
            &["y"],
            &[("kernel_shape", A::Is(&[1])), ("pads", A::Is(&[big, big]))],
        ),
        File::new(13, &[1, 1, 2]).node("MaxPool", &["x"], &["y"], &[("kernel_shape", A::Is(&[0]))]),
        File::new(13, &[1, 1, 2]).node(
            "MaxPool",
            &["x"],
            &["y"],
            &[("kernel_shape", A::Is(&[1])), ("strides", A::Is(&[0]))],
        ),
        File::new(13, &[1, 4, 2, 2]).node("DepthToSpace", &["x"], &["y"], &[("blocksize", A::I(i64::MAX))]),
        File::new(13, &[4]).ints("s", &[i64::MIN]).ints("e", &[i64::MAX]).ints("a", &[0]).ints("t", &[i64::MIN]).node(
            "Slice",
            &["x", "s", "e", "a", "t"],
            &["y"],
            &[],
        ),
        File::new(13, &[4]).node("Transpose", &["x"], &["y"], &[("perm", A::Is(&[7]))]),
        File::new(13, &[4]).node("Flatten", &["x"], &["y"], &[("axis", A::I(i64::MIN))]),
        File::new(13, &[4]).node("Relu", &[], &["y"], &[]),
        File::new(13, &[4]).node("Concat", &[], &["y"], &[("axis", A::I(0))]),
        File::new(13, &[4]).node("Sum", &[], &["y"], &[]),
    ];
    for file in &files {
        let _ = line(file);
    }
    // Doubling again and again.
    let mut double = File::new(13, &[1]).floats("v0", &[1], &[1.0]);
    for i in 0..60 {
        double = double.node("Concat", &[format!("v{i}").as_str(); 2], &[&format!("v{}", i + 1)], &[("axis", A::I(0))]);
    }
    double.graph.output = vec![info("v60", 1, &[])];
    assert!(line(&double).contains("too many"), "{}", line(&double));
}

#[test]
fn numbers_that_f32_cannot_hold() {
    let mut tensor = floats("c", &[2], &[]);
    tensor.data_type = Some(11);
    tensor.double_data = vec![1.0, 1e300];
    let file = File::new(13, &[2]).tensor(tensor.clone()).node("Add", &["x", "c"], &["y"], &[]);
    assert!(line(&file).starts_with("tensor `c`: element 1 is 1e300"), "{}", line(&file));
    tensor.double_data = vec![0.1, f64::INFINITY];
    let fits = File::new(13, &[2]).tensor(tensor).node("Identity", &["c"], &["y"], &[]);
    assert_eq!(fits.folded().floats().unwrap(), [0.1, f32::INFINITY]);
    let half = TensorProto { data_type: Some(10), raw_data: Some(vec![0x00, 0x3c]), ..floats("c", &[1], &[]) };
    assert_eq!(
        File::new(13, &[1]).tensor(half).node("Identity", &["c"], &["y"], &[]).folded().floats().unwrap(),
        [1.0]
    );
    let brain = TensorProto { data_type: Some(16), int32_data: vec![0x3f80], ..floats("c", &[1], &[]) };
    assert_eq!(
        File::new(13, &[1]).tensor(brain).node("Identity", &["c"], &["y"], &[]).folded().floats().unwrap(),
        [1.0]
    );
}

fn external(location: &str, offset: &str, length: &str) -> File {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    let tensor = TensorProto {
        data_location: Some(1),
        external_data: vec![entry("location", location), entry("offset", offset), entry("length", length)],
        ..floats("c", &[2], &[])
    };
    File::new(13, &[2]).tensor(tensor).node("Add", &["x", "c"], &["y"], &[])
}

#[test]
fn external_data_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("model");
    fs::create_dir_all(inside.join("deep")).unwrap();
    let bytes: Vec<u8> = [7.0f32, 1.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    for path in ["model/c.bin", "model/deep/c.bin", "secret.bin"] {
        fs::write(folder.path().join(path), &bytes).unwrap();
    }
    let from = |file: &File| {
        let path = inside.join("m.onnx");
        fs::write(&path, file.bytes()).unwrap();
        read(&path, &Options::default())
    };
    for location in ["c.bin", "deep/c.bin"] {
        let model = from(&external(location, "4", "8")).unwrap();
        let constant = model.values.iter().find_map(|v| v.constant.as_ref()).unwrap();
        assert_eq!(constant.floats().unwrap(), [1.0, 2.0]);
    }
    let absolute = folder.path().join("secret.bin").display().to_string();
    for (location, offset, length) in [
        ("../secret.bin", "0", "8"),
        ("deep/../../secret.bin", "0", "8"),
        ("deep/../c.bin", "0", "8"),
        (absolute.as_str(), "0", "8"),
        ("c.bin", "8", "8"),
        ("c.bin", "18446744073709551615", "8"),
        ("c.bin", "0", "12"),
        ("c.bin", "-1", "8"),
        ("absent.bin", "0", "8"),
        ("deep", "0", "8"),
        ("", "0", "8"),
    ] {
        let error = from(&external(location, offset, length)).unwrap_err().to_string();
        assert!(error.starts_with("tensor `c`"), "{location}: {error}");
    }
    #[cfg(unix)]
    for (link, to) in [("model/link.bin", "secret.bin"), ("model/way", "model/deep")] {
        std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(link)).unwrap();
        let location = if link.ends_with("bin") { "link.bin" } else { "way/c.bin" };
        let error = from(&external(location, "0", "8")).unwrap_err().to_string();
        assert!(error.contains("symbolic links"), "{error}");
    }
    assert!(line(&external("c.bin", "0", "8")).contains("without a folder"));
    // The same bytes for many tensors.
    let mut many = external("c.bin", "0", "8");
    many.graph.node.clear();
    fs::write(inside.join("c.bin"), vec![0u8; 1 << 20]).unwrap();
    let template = TensorProto { dims: vec![1 << 18], ..many.graph.initializer[0].clone() };
    many.graph.initializer.clear();
    many.graph.output.clear();
    for i in 0..100 {
        let mut tensor = TensorProto { name: Some(format!("t{i}")), ..template.clone() };
        tensor.external_data.truncate(1);
        many.graph.initializer.push(tensor);
        many.graph.output.push(info(&format!("t{i}"), 1, &[]));
    }
    let error = from(&many).unwrap_err().to_string();
    assert!(error.contains("too often"), "{error}");
}

/// Weights beside the file count where constants are computed: transposed twenty-one times, a million each.
#[test]
fn constants_from_external_data_are_folded() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = external("c.bin", "0", &(4 << 20).to_string());
    file.graph.initializer[0].dims = vec![1 << 10, 1 << 10];
    file.graph.input[0] = info("x", 1, &[1 << 10, 1 << 10]);
    file.graph.node.clear();
    let mut file = file.node("Transpose", &["c"], &["t0"], &[]);
    for i in 0..20 {
        file = file.node("Transpose", &[&format!("t{i}")], &[&format!("t{}", i + 1)], &[]);
    }
    let file = file.node("Add", &["x", "t20"], &["y"], &[]);
    fs::write(folder.path().join("c.bin"), vec![0u8; 4 << 20]).unwrap();
    let model = onnx(&file.bytes(), Some(folder.path()), &Options::default()).unwrap();
    assert_eq!(model.nodes.len(), 1);
}

#[test]
fn options_are_checked() {
    let file = File::new(13, &[-1, 3]).input("unused", 1, &[2]).floats("spare", &[1], &[0.0]).node(
        "Relu",
        &["x"],
        &["y"],
        &[],
    );
    let with = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        onnx(&file.bytes(), None, &options)
    };
    let shape = |m: &Model| m.values[m.inputs[0]].shape.clone();
    let model = with(|_| {}).unwrap();
    assert_eq!((shape(&model), model.inputs.len()), (vec![1, 3], 1));
    assert_eq!(model.unused, ["unused", "spare"]);
    assert_eq!(shape(&with(|o| o.batch = Some(4)).unwrap()), [4, 3]);
    assert_eq!(shape(&with(|o| drop(o.shapes.insert("x".into(), vec![5, 3]))).unwrap()), [5, 3]);
    for change in [
        (|o| drop(o.shapes.insert("x".into(), vec![5, 4]))) as fn(&mut Options),
        |o| drop(o.shapes.insert("z".into(), vec![5, 3])),
        |o| o.batch = Some(0),
        |o| drop(o.bind.insert("x".into(), Tensor::I64 { shape: vec![1, 3], data: vec![0; 3] })),
        |o| drop(o.bind.insert("x".into(), Tensor::F32 { shape: vec![1, 3], data: vec![0.0; 2] })),
        |o| drop(o.bind.insert("x".into(), Tensor::F32 { shape: vec![1 << 20, 3, 1 << 40], data: vec![0.0; 2] })),
    ] {
        assert!(with(change).is_err());
    }
    let open = File::new(13, &[1, -1]).node("Relu", &["x"], &["y"], &[]);
    assert_eq!(line(&open), "input `x`: its shape [1, N] leaves axis 1 open; give the shape of the input");
    let bound =
        with(|o| drop(o.bind.insert("x".into(), Tensor::F32 { shape: vec![1, 3], data: vec![-1.0, 0.0, 2.0] })))
            .unwrap();
    assert_eq!(bound.values[bound.outputs[0]].constant.as_ref().unwrap().floats().unwrap(), [0.0, 0.0, 2.0]);
}

/// Bytes of models of the backend tests and of MLPerf Tiny, changed by a fixed sequence.
#[test]
fn changed_files_never_panic() {
    let mut state = 1u64;
    let mut next = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n.max(1)
    };
    let rounds = std::env::var("SHATTERSCOPE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let mut mutate = |bytes: &[u8], read: &dyn Fn(&[u8])| {
        for _ in 0..rounds {
            let mut changed = bytes.to_vec();
            for _ in 0..1 + next(4) {
                let at = next(changed.len());
                changed[at] = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
            }
            read(&changed[..if next(4) == 0 { next(changed.len()) } else { changed.len() }]);
        }
    };
    let node = Path::new("/usr/share/libonnx-testdata/data/node");
    for entry in fs::read_dir(node).into_iter().flatten().flatten() {
        let Ok(bytes) = fs::read(entry.path().join("model.onnx")) else { continue };
        let inputs = crate::backend::tensors(&entry.path(), "input").unwrap_or_default();
        let bound = Options { bind: inputs.into_iter().collect(), fold: true, ..Options::default() };
        mutate(&bytes, &|b| checked(onnx(b, None, &Options::default())));
        mutate(&bytes, &|b| checked(onnx(b, None, &bound)));
    }
    for name in ["vww_96_float.tflite", "ad01_fp32.tflite", "pretrainedResnet.tflite"] {
        let Some(path) = crate::tiny::file(name) else { continue };
        let bytes = fs::read(path).unwrap();
        // The tables are at the end, the weights at the beginning.
        let (weights, tables) = bytes.split_at(bytes.len() - bytes.len().min(20_000));
        for _ in 0..rounds {
            mutate(tables, &|b| checked(tflite(&[weights, b].concat(), &Options::default())));
        }
        assert!(matches!(tflite(&bytes[..100], &Options::default()), Err(Error::Malformed { .. })));
    }
    assert!(tflite(&[], &Options::default()).is_err());
    assert!(TensorProto::decode(&[][..]).is_ok());
}
