//! Every option on every kind of network changes what is printed, or is refused with the reason; sizes past all bounds end in one line.
use crate::common::shatterscope;
use clap::CommandFactory;
use rayon::prelude::*;
use serde_json::Value;
use shatterscope_host::cli::Cli;

fn document(line: &str) -> Value {
    let (code, text, error) = shatterscope(line);
    assert_eq!(code, Some(0), "{line}: {error}");
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn refused(line: &str, codes: &[i32]) -> String {
    let (code, _, error) = shatterscope(line);
    assert!(code.is_some_and(|code| codes.contains(&code)), "{line}: {code:?} {error}");
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{line}: {error}");
    error
}

/// Options with a value that is not their default; `+` stands for options that come with it.
const TRAINING: [&str; 38] = [
    "--net stack --depth 3",
    "--depth 10",
    "--width 3",
    "--activation prelu",
    "--slope 0.5",
    "--init orthogonal",
    "--batch-norm",
    "--skips resnet",
    "--skips highway",
    "--skips bottleneck",
    "--beta 0.5",
    "--dropout 0.1",
    "--seed 2",
    "--run 1",
    "--batch 100",
    "--epochs 2",
    "--optimiser adam",
    "--rate 0.01",
    "--momentum 0.5",
    "--betas 0.8 0.99",
    "--eps 1e-4",
    "--decay 0.01",
    "--decoupled",
    "--clip-norm 0.01",
    "--clip-value 0.001",
    "--warm-up 1",
    "--warm-up 3",
    "--schedule plateau",
    "--at 1",
    "--factor 0.5",
    "--patience 1",
    "--threshold 0.1",
    "--drops 1",
    "--scaling unit",
    "--shift 1",
    "--freeze 0.bias",
    "--probe-every 2",
    "--flip",
];

const PROBE: [&str; 44] = [
    // Those of a model file, which is not there.
    "--model m.onnx",
    "--of random",
    "--classes c.txt",
    "--path 0:1",
    "--reinit he",
    "--input x.npy",
    "--scaling none",
    "--net net.toml",
    "--model-batch 2",
    "--shape x=1x2",
    "--bind x=y.npy",
    "--fold",
    "--no-recognise",
    "--profile litert-ref",
    "--family resnet",
    "--depth 5",
    "--width 5",
    "--norm centre",
    "--init orthogonal",
    "--gain 0.7",
    "--bias-std 0.3",
    "--first-weight-std 0.5",
    "--first-bias-std 0.5",
    "--readout-std 0.5",
    "--readout linear",
    "--alpha 0.9",
    "--beta 0.3",
    "--carry 0.6",
    "--transform 0.6",
    "--eps 0.01",
    "--math micromath",
    "--inputs 2",
    "--points 30",
    "--from -1",
    "--to 1",
    "--endpoint inclusive",
    "--statistics full",
    "--runs 3",
    "--seed 9",
    "--normal as241",
    "--derivative forward",
    "--acf raw",
    "--lags 3",
    "--theory-draws 500 --theory-seed 3",
];

/// Options that say where to compute, what to read and what to write; `walk` leaves them to other tests.
const APART: [&str; 24] = [
    "json",
    "quiet",
    "threads",
    "isa",
    "long",
    "preset",
    "spec",
    "weights",
    "no-theory",
    "data",
    "out",
    "resume",
    "checkpoint-every",
    "steps",
    "record",
    "target",
    "flash-every",
    "firmware",
    "timeout",
    "ram",
    "no-count",
    "help",
    "version",
    "strict",
];

/// Options that are neither in the table nor apart: a new option gets a line.
fn unlisted(command: &str, table: &[&str]) -> Vec<String> {
    let cli = Cli::command();
    let command = cli.find_subcommand(command).unwrap();
    let listed = |name: &str| {
        APART.contains(&name)
            || table.iter().any(|line| line.split_whitespace().any(|word| word == format!("--{name}")))
    };
    let names = command.get_arguments().filter_map(|argument| argument.get_long());
    names.filter(|name| !listed(name)).map(str::to_owned).collect()
}

/// Each option on each network, in turn.
fn walk(base: &str, networks: &[&str], table: &[&str]) {
    let shown = |text: &str| {
        let mut document: Value = serde_json::from_str(text).unwrap();
        document.as_object_mut().unwrap().remove("spec");
        document
    };
    let wrong: Vec<String> = networks
        .par_iter()
        .flat_map_iter(|network| {
            let line = format!("{base} {network}");
            let (code, text, error) = shatterscope(&line);
            assert_eq!(code, Some(0), "{line}: {error}");
            let plain = shown(&text);
            let one = move |option: &&str| {
                let line = format!("{line} {option}");
                let said = match shatterscope(&line) {
                    (Some(2), _, error) if error.starts_with("error: ") && error.lines().count() == 1 => return None,
                    (Some(0), text, _) if shown(&text) != plain || network.contains(*option) => return None,
                    (Some(0), ..) => "changes nothing".to_owned(),
                    (code, _, error) => format!("{code:?} {error}"),
                };
                Some(format!("{line}: {said}"))
            };
            table.iter().filter_map(one)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_option_of_a_training_acts_or_is_refused() {
    assert_eq!(unlisted("train", &TRAINING), Vec::<String>::new());
    let networks = [
        "--net dense --depth 1",
        "--net dense --depth 5",
        "--net convnet --depth 6",
        "--net stack --depth 2",
        "--net lenet",
    ];
    walk("train --quiet --json --epochs 1 --batch 500 --width 4", &networks, &TRAINING);
    let steps = [
        "--schedule steps --at 1 --epochs 2",
        "--schedule plateau --patience 0 --threshold 10 --epochs 4",
        "--optimiser adam --epochs 2",
    ];
    walk("train --quiet --json --depth 1 --batch 750 --width 4", &steps, &TRAINING[21..]);
}

#[test]
fn every_option_of_a_network_acts_or_is_refused() {
    assert_eq!(unlisted("probe", &PROBE), Vec::<String>::new());
    let networks = [
        "--family feedforward",
        "--norm batch",
        "--family resnet --norm batch",
        "--family highway --norm centre",
        "--family crelu --init looks-linear",
        "--readout linear",
        "--inputs 3",
        "--points 1 --lags 0",
    ];
    walk("probe --quiet --json --depth 3 --width 6 --points 20 --runs 2", &networks, &PROBE);
    // One layer alone: both modes of the derivative have the same bits.
    let one: Vec<&str> = PROBE.iter().filter(|option| !option.contains("derivative")).copied().collect();
    walk("probe --quiet --json --depth 1 --width 6 --points 20 --runs 2", &["--seed 3", "--norm batch"], &one);
}

#[test]
fn the_reason_says_what_to_give_instead() {
    for (line, part) in [
        ("train --dropout 0.1", "--net convnet"),
        ("train --net convnet --depth 6 --dropout 0.25", "below 0.25"),
        ("train --net convnet --depth 6 --dropout nan", "--dropout: NaN"),
        ("train --clip-norm nan", "--clip-norm: NaN"),
        ("train --clip-norm=-1", "--clip-norm -1"),
        ("train --clip-value inf", "--clip-value: inf"),
        ("train --decay nan", "--decay: NaN"),
        ("train --rate inf", "--rate: inf"),
        ("train --optimiser nesterov --momentum 1", "--momentum 1"),
        ("train --optimiser adam --eps 0", "--eps 0"),
        ("train --optimiser adam --betas 0.9 nan", "--betas: NaN"),
        ("train --momentum 0.5", "--optimiser momentum or nesterov"),
        ("train --schedule steps", "--at 20,30"),
        ("train --schedule steps --at 3,2", "--at 20,30"),
        ("train --schedule steps --at 10", "more --epochs"),
        ("train --schedule steps --at 2 --factor inf", "--factor: inf"),
        ("train --schedule plateau --epochs 6", "--epochs 7 or more"),
        ("train --schedule plateau --drops 0", "--drops"),
        ("train --schedule plateau --threshold nan", "--threshold: NaN"),
        ("train --at 3", "--schedule steps"),
        ("train --width 0", "--width"),
        ("train --net lenet --width 0", "--width"),
        ("train --depth 5 --skips highway", "--depth 6 or more"),
        ("train --net stack --depth 6 --skips highway", "--depth 7 or more"),
        ("train --net stack --depth 4 --skips bottleneck", "--depth 5 or more, or --skips resnet"),
        ("train --net convnet --depth 10 --skips bottleneck", "--depth 14 or more, or --skips resnet"),
        ("train --schedule steps --at 1 --factor 10", "--factor 10: must be above 0 and below 1"),
        ("plan --train --board microbit --depth 5 --skips highway", "--depth 6 or more"),
        ("train --epochs 0", "--epochs"),
        ("train --batch 1501", "1500 examples"),
        ("train --batch-norm --batch 1", "--batch 2 or more"),
        ("train --activation prelu --slope nan", "--slope: NaN"),
        ("train --skips resnet --beta inf", "--beta: inf"),
        ("train --no-count", "without a device"),
        ("train --long", "--long"),
        ("figures 1 --long", "--long"),
        ("probe -q --width 60000", "give --long"),
        ("probe -q --width 1048576 --points 65536 --runs 1000000 --long", "at most 1e18"),
        ("plan --stacks never --depth 3", "--stacks"),
        ("plan --stacks never --ram 10K", "--stacks"),
        ("plan --train --board microbit --dropout 0.1", "--net convnet"),
        ("plan --train --board microbit --batch 1501", "1500 examples"),
        ("plan --train --board microbit --timeout 3", "asks no device"),
        ("plan --board microbit --eps 0.1", "--norm batch"),
        ("plan --board microbit --runs 2", "--runs"),
        ("compare --targets host --timeout 3", "without a device"),
        ("compare --suite --targets host --depth 3", "--suite"),
        ("device run --target host --ram 10K", "without a device"),
        ("device run --target pipe:cat --threads 2", "computes nothing"),
        ("device selftest --target host --timeout 3", "without a device"),
        ("device flash --target probe:microbit-v2 --ram 10K", "--ram"),
        ("figures 1 --runs 3", "draw figure 2"),
        ("figures 1 --scale full", "take no data"),
        ("figures --list --runs 3", "--list"),
        ("figures 1 --timeout 3", "without a device"),
        ("theory --seed 2", "`probe`"),
        ("theory --theory-draws 500", "--norm batch"),
        ("export --eps 1 --out never", "--norm batch"),
        ("spec --eps 1", "--norm batch"),
        ("spec --readout norm-relu", "--norm"),
        ("probe --norm batch --points 1 --lags 0", "--points 2 or more"),
        ("probe -q --width 1048576 --depth 2 --points 2 --runs 1 --lags 1 --no-theory", "give --long"),
        ("probe -q --init orthogonal --width 20000 --depth 2 --points 2 --runs 1 --lags 1", "give --long"),
        ("probe --bias-std=-1", "--bias-std -1: a standard deviation"),
        ("probe --readout-std=-0.5", "--readout-std -0.5: a standard deviation"),
        ("probe --family resnet --alpha 1e30 --beta 1e30", "--alpha 1000000000000000000"),
        ("predict --checkpoint /dev/null", "/dev/null is no folder"),
        ("probe --family crelu --init looks-linear --from 1", "the same everywhere"),
        ("probe --family crelu --init looks-linear --to 4 --depth 9", "the same everywhere"),
        ("probe --family crelu --init looks-linear --endpoint inclusive", "the same everywhere"),
    ] {
        let text = refused(line, &[2]);
        assert!(text.contains(part), "{line}: {text}");
    }
}

/// What a file gives has an effect, too; defaults that are written out are no mistake.
#[test]
fn fields_of_a_file_are_held_to_the_same_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    let with = |text: &str, more: &str| {
        std::fs::write(&path, text).unwrap();
        shatterscope(&format!("spec --spec {} {more}", path.display()))
    };
    assert_eq!(with("eps = 1e-5\nnorm = 'none'", "").0, Some(0));
    let (code, _, error) = with("eps = 1e-3", "");
    assert!(code == Some(2) && error.contains("eps") && error.contains("without batch norm"), "{error}");
    assert_eq!(with("eps = 1e-3", "--norm batch").0, Some(0));
    // A norm that is taken away takes its eps with it.
    assert_eq!(with("eps = 1e-3\nnorm = 'batch'", "--norm none").0, Some(0));
    assert_eq!(with("depth = 1\ngain = 2.0", "").0, Some(2));
    assert_eq!(with("runs = 4294967295", "").0, Some(2));
}

#[test]
fn a_resumed_training_names_the_options_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("train -q --width 4 --batch 500 --out {}", folder.path().display());
    assert_eq!(shatterscope(&format!("{line} --epochs 2")).0, Some(0));
    let text = refused(&format!("{line} --epochs 2 --resume --rate 0.01 --depth 3"), &[2]);
    assert!(text.contains("depth 3 here, 2 there") && text.contains("rate 0.01"), "{text}");
    let text = refused(&format!("{line} --epochs 1 --resume"), &[2]);
    assert!(text.contains("has done 2"), "{text}");
    assert_eq!(shatterscope(&format!("{line} --epochs 3 --resume")).0, Some(0));
}

/// A last batch of one example is left out, and the batch norm of all others is of two values or more.
#[test]
fn batch_norm_sees_no_batch_of_one() {
    let plain = |batch| document(&format!("train -q --json --batch-norm --width 4 --epochs 1 --batch {batch}"));
    for batch in [2, 1499, 1500] {
        let loss = plain(batch)["epochs"][0]["test_loss"].as_f64().unwrap();
        assert!(loss < 100.0, "batches of {batch}: {loss}");
    }
}

/// Nothing aborts, and nothing long begins, where a number is past all bounds.
#[test]
fn sizes_past_all_bounds_end_in_one_line() {
    const MOST: &str = "4294967295";
    let mut lines = Vec::new();
    for command in [
        "probe -q",
        "theory -q",
        "plan --board microbit",
        "export --out never",
        "compare --targets host",
        "device run --target host",
    ] {
        for option in ["depth", "width", "points", "runs", "inputs"] {
            lines.push(format!("{command} --{option} {MOST}"));
        }
        lines.push(format!("{command} --depth 16777215 --width 1"));
    }
    for command in ["train", "plan --train --board microbit"] {
        for option in ["depth", "width", "batch", "epochs", "shift"] {
            lines.push(format!("{command} --{option} {MOST}"));
        }
        lines.push(format!("{command} --width 100000"));
        lines.push(format!("{command} --net convnet --depth 4000000002"));
        lines.push(format!("{command} --net stack --depth 3 --width 1048576"));
        lines.push(format!("{command} --net lenet --width 1048576"));
    }
    for line in [
        "probe -q --width 60000",
        "plan --board microbit --width 60000",
        "plan --board mps2-an386 --width 1048576 --depth 1",
        "probe -q --inputs 16384 --points 16777216 --width 1 --depth 1 --long",
        "probe --threads 4000000000",
        "train --threads 4000000000",
        "figures 1 --threads 4000000000",
        "figures 2 --runs 4294967295",
        "probe --lags 4294967295",
        "theory --lags 4294967295",
        "theory --norm batch --points 512 --theory-draws 10000000 --depth 65536",
    ] {
        lines.push(line.to_owned());
    }
    lines.par_iter().for_each(|line| drop(refused(line, &[1, 2])));
}
