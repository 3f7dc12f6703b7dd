//! Checkpoints that were damaged or forged: resumed with the same bits, or refused in one line.
use serde_json::{Value, json};
use shatterscope::exec::Isa;
use shatterscope_host::data::{self, Dataset, Examples};
use shatterscope_host::tensors::Bundle;
use shatterscope_host::train::{Checkpoint, Run, Spec};
use std::process::Command;

fn digits() -> Dataset {
    let digits = data::open(None).unwrap();
    let first = |examples: &Examples, count: usize| Examples {
        pixels: examples.pixels[..64 * count].to_vec(),
        labels: examples.labels[..count].to_vec(),
    };
    Dataset { train: first(&digits.train, 32), test: first(&digits.test, 8), ..digits }
}

/// Adam, batch norm, probes and a plateau: everything that a checkpoint may hold.
fn spec() -> Spec {
    serde_json::from_value(json!({
        "net": {
            "kind": "dense", "depth": 2, "width": 2, "activation": "relu", "slope": 1.0, "init": "he", "batch-norm": true,
            "skips": "none", "beta": 1.0, "dropout": 0.0,
        },
        "scaling": "standard", "shift": 0, "flip": false, "seed": 1, "run": 0, "batch": 16, "epochs": 3, "optimiser": "adam",
        "rate": 0.003, "momentum": 0.9, "betas": [0.9, 0.999], "eps": 1e-6, "decay": 0.0, "decoupled": false, "clip-norm": 0.0,
        "clip-value": 0.0, "warm-up": 0, "schedule": "plateau", "steps": [], "factor": 0.1, "patience": 0, "threshold": 0.0,
        "drops": 2, "probe-every": 2,
    }))
    .unwrap()
}

/// The file after so many steps, of two an epoch.
fn after(steps: u32, data: &Dataset) -> Vec<u8> {
    let mut run = Run::new(spec(), data, Isa::Portable, None).unwrap();
    for _ in 0..steps {
        run.step().unwrap();
    }
    run.checkpoint().to_bytes().unwrap()
}

/// Flips bits, so many apart: how many are refused, and how many change nothing.
fn flipped(step: usize) -> [usize; 2] {
    let digits = digits();
    let good = after(3, &digits);
    let whole = Checkpoint::parse(&good, &digits).unwrap();
    let mut counts = [0; 2];
    for bit in (0..8 * good.len()).step_by(step) {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Checkpoint::parse(&bytes, &digits) {
            Err(_) => counts[0] += 1,
            Ok(found) => {
                assert_eq!(found, whole, "bit {bit}");
                counts[1] += 1;
            }
        }
    }
    counts
}

#[test]
fn a_flipped_bit_changes_nothing_or_is_refused() {
    let [refused, same] = flipped(13);
    assert!(refused > 2_000 && same < 10, "{refused} refused, {same} the same");
}

#[test]
#[ignore = "long: every bit of a checkpoint"]
fn every_flipped_bit_changes_nothing_or_is_refused() {
    let [refused, same] = flipped(1);
    println!("{refused} refused, {same} the same");
    assert!(refused > 30_000, "{refused} refused, {same} the same");
}

/// The document with a change, under a digest that is right.
fn forged(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bundle = Bundle::from_safetensors(file).unwrap();
    let mut document: Value = serde_json::from_str(bundle.spec.as_deref().unwrap()).unwrap();
    change(&mut document);
    Bundle { spec: Some(document.to_string()), ..bundle }.to_safetensors().unwrap()
}

fn why(bytes: &[u8], data: &Dataset) -> String {
    let error = Checkpoint::parse(bytes, data).unwrap_err().message;
    assert!(!error.contains('\n') && error.len() < 600, "{error}");
    error
}

#[test]
fn documents_are_held_to_their_spec_and_data() {
    let digits = digits();
    let good = after(3, &digits);
    Checkpoint::parse(&forged(&good, |_| ()), &digits).unwrap();
    let bits = |x: f64| json!(x.to_bits());
    let float = |x: f32| x.to_le_bytes();
    let powers = |a: f32, b: f32| json!([float(a), float(b)].concat());
    let (first, second) = (0.9f32 * 0.9 * 0.9, 0.999f32 * 0.999 * 0.999);
    let rate = |epoch: u32, rate: f32, best: f32, waited: u32, drops: u32| {
        json!([epoch.to_le_bytes(), float(rate), float(best), waited.to_le_bytes(), drops.to_le_bytes()].concat())
    };
    let mut cases: Vec<(&str, Value)> = vec![
        ("/powers", powers(-1.0, second)),
        ("/powers", powers(f32::INFINITY, second)),
        ("/powers", powers(first, f32::NAN)),
        ("/powers", powers(1.0, 1.0)),
        ("/powers", powers(first, second * 0.999)),
        ("/powers", json!(vec![0; 8])),
        ("/powers", json!(vec![0; 7])),
        ("/rate", rate(u32::MAX, 0.003, 2.0, 0, 0)),
        ("/rate", rate(0, 0.003, f32::INFINITY, 0, 0)),
        ("/rate", rate(1, f32::NAN, 2.0, 0, 0)),
        ("/rate", rate(1, 1e30, 2.0, 0, 0)),
        ("/rate", rate(1, 0.003, -1.0, 0, 0)),
        ("/rate", rate(1, 0.003, 2.0, u32::MAX, u32::MAX)),
        ("/rate", json!(vec![0; 20])),
        ("/sums/0", bits(f64::NAN)),
        ("/sums/0", bits(f64::INFINITY)),
        ("/sums/0", bits(-1.0)),
        ("/sums/0", bits(1e300)),
        ("/sums/1", bits(0.5)),
        ("/sums/1", bits(17.0)),
        ("/sums/1", bits(-1.0)),
        ("/sums/2", bits(f64::NAN)),
        ("/sums/2", bits(-0.5)),
        ("/sums", json!([0, 0])),
        ("/metrics/epochs", json!([])),
        ("/metrics/epochs/0/epoch", json!(2)),
        ("/metrics/epochs/0/step", json!(3)),
        ("/metrics/epochs/0/rate", json!(0.001)),
        ("/metrics/epochs/0/loss", json!(-1.0)),
        ("/metrics/epochs/0/loss", Value::Null),
        ("/metrics/epochs/0/accuracy", json!(1.5)),
        ("/metrics/epochs/0/gradient_norm", json!(-1.0)),
        ("/metrics/epochs/0/test_loss", json!(-1.0)),
        ("/metrics/epochs/0/test_accuracy", json!(-0.5)),
        ("/metrics/epochs/0/loss", json!(1e308)),
        ("/metrics/epochs/0/loss", json!(-0.0)),
        ("/metrics/epochs/0/test_loss", json!(1e308)),
        ("/metrics/epochs/0/gradient_norm", json!(-0.0)),
        ("/metrics/epochs/0/accuracy", json!(0.123456)),
        ("/metrics/epochs/0/accuracy", json!(-0.0)),
        ("/metrics/epochs/0/test_accuracy", json!(0.3333333)),
        ("/metrics/epochs/0/digest", json!(7)),
        ("/metrics/epochs/0/digest", json!("\u{1b}[2Jno digest\n")),
        ("/metrics/epochs/0/digest", json!("fnv1a64:0123456789ABCDEF:4")),
        ("/metrics/epochs/0/digest", json!("fnv1a64:0123456789abcdef:4")),
        ("/metrics/epochs/0/digest", json!("fnv1a64:0123456789abcde:4")),
        ("/metrics/probes/0/absolute_correlation", json!(1.5)),
        ("/metrics/probes/0/absolute_correlation", json!(-0.0)),
        ("/metrics/probes/1/absolute_correlation", json!(1e308)),
        ("/metrics/probes/1/effective_rank", json!(0.0)),
        ("/metrics/probes/1/effective_rank", json!(0.5)),
        ("/metrics/probes/1/effective_rank", json!(1e308)),
        ("/metrics/probes/1/relative_effective_rank", json!(-0.0)),
        ("/metrics/probes/1/relative_effective_rank", json!(1e308)),
        ("/metrics/probes", json!([])),
        ("/metrics/probes/0/step", json!(1)),
        ("/metrics/probes/1/effective_rank", json!(-1.0)),
        ("/spec/net/depth", json!(u32::MAX)),
        ("/spec/net/depth", json!(0)),
        ("/spec/net/depth", json!(3)),
        ("/spec/net/width", json!(u32::MAX)),
        ("/spec/net/width", json!(0)),
        ("/spec/net/width", json!(3)),
        ("/spec/net/kind", json!("stack")),
        ("/spec/net/slope", Value::Null),
        ("/spec/net/batch-norm", json!(false)),
        ("/spec/net/dropout", json!(2.0)),
        ("/spec/batch", json!(0)),
        ("/spec/batch", json!(33)),
        ("/spec/batch", json!(8)),
        ("/spec/batch", json!(u32::MAX)),
        ("/spec/epochs", json!(0)),
        ("/spec/epochs", json!(1)),
        ("/spec/epochs", json!(u32::MAX)),
        ("/spec/optimiser", json!("sgd")),
        ("/spec/optimiser", json!("momentum")),
        ("/spec/rate", json!(-1.0)),
        ("/spec/rate", json!(0.004)),
        ("/spec/rate", json!(1e39)),
        ("/spec/betas", json!([1.0, 0.999])),
        ("/spec/betas", json!([0.5, 0.999])),
        ("/spec/betas", json!([0.9])),
        ("/spec/eps", json!(0.0)),
        ("/spec/shift", json!(8)),
        ("/spec/schedule", json!("steps")),
        ("/spec/factor", json!(-1.0)),
        ("/spec/warm-up", json!(2)),
        ("/spec/probe-every", json!(0)),
        ("/spec/probe-every", json!(1)),
        ("/spec/scaling", json!("unit")),
        ("/data/train", json!(31)),
        ("/data/digest", json!("fnv1a64:0:0")),
        ("/data/name", json!("mnist")),
        ("/data/mean", json!([])),
        ("/format", json!("shatterscope-training-3")),
        ("/format", json!(2)),
        ("/contract", json!("strict-2")),
        ("", json!([])),
        ("", json!({ "format": "shatterscope-training-2" })),
    ];
    for number in [json!(-1), json!(0.5), json!(3), json!(u32::MAX), json!(1u64 << 32), json!("1"), Value::Null] {
        cases.extend(
            [("/batch", number.clone()), ("/step", number)].into_iter().filter(|case| *case != ("/step", json!(3))),
        );
    }
    cases.extend([("/batch", json!(0)), ("/batch", json!(2)), ("/step", json!(0)), ("/step", json!(2))]);
    for (place, value) in &cases {
        let bytes = forged(&good, |document| {
            let found = document.pointer_mut(place).unwrap_or_else(|| panic!("{place}"));
            *found = value.clone();
        });
        let said = why(&bytes, &digits);
        assert!(
            ["damaged", "other data", "contract", "format", "no checkpoint"].iter().any(|part| said.contains(part)),
            "{place} {value}: {said}"
        );
    }
    assert!(cases.len() > 90, "{}", cases.len());
    for extra in [
        "/more",
        "/spec/more",
        "/spec/net/more",
        "/data/more",
        "/metrics/more",
        "/metrics/epochs/0/more",
        "/metrics/probes/0/more",
    ] {
        let (parent, key) = extra.rsplit_once('/').unwrap();
        let bytes = forged(&good, |document| document.pointer_mut(parent).unwrap()[key] = json!(1));
        assert!(why(&bytes, &digits).contains("more"), "{extra}");
    }
    // Where an epoch has just ended, the metrics say the digest of the parameters.
    let ended = after(2, &digits);
    Checkpoint::parse(&ended, &digits).unwrap();
    let other = json!("fnv1a64:0000000000000000:4");
    let bytes = forged(&ended, |document| document["metrics"]["epochs"][0]["digest"] = other);
    assert!(why(&bytes, &digits).contains("digest"));
    let bytes = forged(&ended, |document| document["sums"][0] = json!(1.0f64.to_bits()));
    assert!(why(&bytes, &digits).contains("sums"));
    // At the beginning and at the end there is nothing to do wrong.
    for steps in [0, 6] {
        Checkpoint::parse(&after(steps, &digits), &digits).unwrap();
    }
}

#[test]
fn tensors_are_held_to_the_network() {
    let digits = digits();
    let good = after(3, &digits);
    let changed = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = Bundle::from_safetensors(&good).unwrap();
        change(&mut bundle);
        why(&bundle.to_safetensors().unwrap(), &digits)
    };
    let set = |name: &'static str, at: usize, value: f32| {
        changed(&move |bundle| bundle.tensors.get_mut(name).unwrap().data[at] = value)
    };
    for (name, at, value, part) in [
        ("0.weight", 3, f32::NAN, "0.weight is NaN at element 3"),
        ("0.weight", 3, f32::INFINITY, "0.weight is inf at element 3"),
        ("optimiser.state", 4, f32::NAN, "optimiser.state is NaN at element 4"),
        ("optimiser.state", 5, -1.0, "negative at element 2"),
        ("1.running_var", 1, -1.0, "negative at element 1"),
        ("1.running_mean", 0, f32::NAN, "running_mean is NaN"),
    ] {
        let said = set(name, at, value);
        assert!(said.contains(part) && said.contains("damaged"), "{said}");
    }
    let more = changed(&|bundle| bundle.add("9.weight".into(), vec![1], vec![0.0]));
    assert!(more.contains("no tensor 9.weight"), "{more}");
    for name in ["0.weight", "1.running_var", "optimiser.state"] {
        let fewer = changed(&move |bundle| drop(bundle.tensors.remove(name)));
        assert!(fewer.contains("damaged"), "{fewer}");
        let shape = changed(&move |bundle| bundle.tensors.get_mut(name).unwrap().shape.push(1));
        assert!(shape.contains("damaged"), "{shape}");
    }
    // Another key, or none, in place of the digest; the first format had none.
    let text = String::from_utf8_lossy(&good).into_owned();
    assert!(text.contains("\"digest\""));
    let at = (0..good.len()).find(|&at| good[at..].starts_with(b"\"digest\"")).unwrap();
    let mut renamed = good.clone();
    renamed[at + 1..at + 7].copy_from_slice(b"format");
    assert!(why(&renamed, &digits).contains("damaged"));
    let document = "{\\\"format\\\":\\\"shatterscope-training-1\\\"}";
    let header = format!("{{\"__metadata__\":{{\"spec\":\"{document}\"}}}}");
    let old = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let said = why(&old, &digits);
    assert!(said.contains("shatterscope-training-1") && said.contains("begin anew"), "{said}");
}

/// As users meet it: one line, exit code 1, and nothing in the folder changed.
#[test]
fn a_damaged_checkpoint_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let train = |more: &str| {
        Command::new(env!("CARGO_BIN_EXE_shatterscope"))
            .args("train --quiet --width 4 --batch 500 --out".split(' '))
            .arg(&out)
            .args(more.split_whitespace())
            .output()
            .unwrap()
    };
    assert!(train("--epochs 2").status.success());
    let path = out.join("checkpoint.safetensors");
    let good = std::fs::read(&path).unwrap();
    let mut bytes = good.clone();
    let header = u64::from_le_bytes(*good.first_chunk().unwrap()) as usize;
    bytes[8 + header + 2] ^= 0x40;
    std::fs::write(&path, &bytes).unwrap();
    for more in ["--epochs 3 --resume", "--epochs 3"] {
        let output = train(more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("checkpoint.safetensors: the file is damaged: its digest is"), "{said}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    std::fs::write(&path, &good).unwrap();
    assert!(train("--epochs 3 --resume").status.success());
    // Something that is no file in its place is not an absence.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let output = train("--epochs 3");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("it is a folder"), "{said}");
}
