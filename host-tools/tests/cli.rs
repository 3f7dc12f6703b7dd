//! The program as its users meet it: words, JSON, exit codes, files.
use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

fn shatterscope(line: &str) -> Command {
    let mut command = Command::cargo_bin("shatterscope").unwrap();
    command.args(line.split_whitespace());
    command
}

fn stdout(line: &str) -> String {
    let output = shatterscope(line).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(line: &str) -> Value {
    serde_json::from_str(&stdout(line)).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The one line of a failure, with its exit code.
fn refused(line: &str, code: i32) -> String {
    let output = shatterscope(line).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {text}");
    assert!(text.starts_with("error: "), "{line}: {text}");
    text
}

fn one_line(line: &str, code: i32) -> String {
    let text = refused(line, code);
    assert_eq!(text.trim_end().lines().count(), 1, "{line}: {text}");
    text
}

const SMALL: &str = "--depth 4 --width 12 --points 40";

#[test]
fn probe_json_has_its_fields() {
    let record = json(&format!("probe {SMALL} --norm centre --runs 3 --seed 5 --json"));
    for field in [
        "spec",
        "contract",
        "generator",
        "target",
        "runs",
        "seed",
        "grid",
        "gradient",
        "gradient_bits",
        "autocorrelation",
        "autocorrelation_sd",
        "autocorrelation_runs",
        "ensemble_correlation",
        "ensemble_correlation_se",
        "theory_correlation",
        "theory_se",
        "theory_finite_width",
        "theory_reason",
        "gradient_mean_square",
        "theory_mean_square",
        "constant",
        "constant_runs",
        "non_finite",
        "digest",
    ] {
        assert!(record.get(field).is_some(), "{field}");
    }
    assert_eq!(record["contract"], "strict-1");
    assert_eq!(record["generator"], "philox4x32-10/irwin-hall");
    assert_eq!(record["grid"].as_array().unwrap().len(), 40);
    assert_eq!(record["grid"][1], -1.9);
    assert_eq!(record["autocorrelation"].as_array().unwrap().len(), 16);
    assert_eq!(record["autocorrelation"][0], 1.0);
    assert_eq!(record["autocorrelation_runs"].as_array().unwrap().len(), 3);
    assert_eq!(record["theory_correlation"].as_array().unwrap().len(), 16);
    assert!(record["theory_se"].is_null() && record["theory_reason"].is_null());
    assert!((record["theory_mean_square"].as_f64().unwrap() - 0.5).abs() < 1e-6);
    assert_eq!(record["spec"]["statistics"], "detached");
    assert!(record["spec"].get("alpha").is_none(), "alpha belongs to resnets");
    let g = record["gradient"][7].as_f64().unwrap() as f32;
    assert_eq!(record["gradient_bits"][7], format!("{:08x}", g.to_bits()));
    assert!(record["digest"].as_str().unwrap().ends_with(":24"), "three runs of eight bytes");
}

#[test]
fn threads_and_kernels_change_no_bit() {
    for network in ["--norm batch --family resnet --beta 0.5", "--norm none", "--family crelu --init looks-linear"] {
        for runs in [1, 5] {
            let digest = |rest: &str| {
                json(&format!("probe {SMALL} {network} --runs {runs} --json --points 300 {rest}"))["digest"].clone()
            };
            let expected = digest("--threads 1 --isa portable");
            for rest in ["--threads 2", "--threads 3 --isa auto", "--threads 7"] {
                assert_eq!(digest(rest), expected, "{network} {runs} {rest}");
            }
        }
    }
}

#[test]
fn specs_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    for network in [
        "--preset fig1c",
        "--preset udl --depth 3",
        "--family highway --carry 0.6",
        "--family highway --transform 0.6",
        "--family crelu --init looks-linear --gain 0.9",
        "--norm batch --statistics full --eps 1e-3 --from -1.5 --to 0.1 --endpoint inclusive",
        "--bias-std 0.3 --readout linear --first-weight-std 2 --normal as241 --derivative forward --math micromath",
    ] {
        let text = stdout(&format!("spec {network}"));
        std::fs::write(&path, &text).unwrap();
        assert_eq!(stdout(&format!("spec --spec {}", path.display())), text, "{network}");
        let small = format!("{SMALL} --runs 1 --lags 15 --json");
        let direct = json(&format!("probe {network} {small}"));
        let through_file = json(&format!("probe --spec {} {small}", path.display()));
        assert_eq!(direct["digest"], through_file["digest"], "{network}");
        assert_eq!(direct["spec"], json(&format!("spec {network} {SMALL} --runs 1 --json")), "{network}");
    }
    let spec = json("spec --preset fig1c --json");
    assert_eq!((&spec["family"], &spec["depth"], &spec["beta"]), (&"resnet".into(), &50.into(), &0.1.into()));
    assert_eq!(json("spec --family highway --carry 0.6 --json")["transform"], 0.8);
    let over = json("spec --preset fig1c --family feedforward --json");
    assert!(over.get("beta").is_none() && over["readout"] == "norm-relu", "{over}");
}

#[test]
fn presets_are_there() {
    let presets = json("preset list --json");
    let names: Vec<_> = presets.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    for name in ["fig1a", "fig1b", "fig1c", "udl"] {
        assert!(names.contains(&name.to_owned()), "{name}");
    }
    assert_eq!(stdout("preset list").lines().count(), names.len());
    for name in names {
        json(&format!("spec --preset {name} --json"));
    }
    let udl = json("probe --preset udl --depth 2 --width 8 --runs 1 --json");
    assert_eq!((&udl["acf"], udl["autocorrelation"].as_array().unwrap().len()), (&"raw".into(), 128));
}

#[test]
fn wrong_use_is_exit_2_with_the_reason() {
    for (line, reason) in [
        ("probe --alpha 2", "--family resnet"),
        ("probe --beta 2 --family highway", "--family resnet"),
        ("probe --carry 0.5", "--family highway"),
        ("probe --transform 0.5 --family crelu", "--family highway"),
        ("probe --family highway --carry 0.9 --transform 0.9", "carry^2"),
        ("probe --family highway --carry 1.5", "between -1 and 1"),
        ("probe --statistics full", "--norm"),
        ("probe --init looks-linear", "crelu"),
        ("probe --init looks-linear --family crelu --norm batch", "crelu"),
        ("probe --depth 0", "depth"),
        ("probe --width 0", "width"),
        ("probe --points 0", "points"),
        ("probe --points 8", "--lags"),
        ("probe --points 20 --lags 20", "--lags"),
        ("probe --runs 0", "runs"),
        ("probe --gain nan", "finite"),
        ("probe --gain 1e60", "too large"),
        ("probe --gain 1e-60", "too small"),
        ("probe --eps 1e-400", "too small"),
        ("probe --bias-std -1", "standard deviation"),
        ("probe --eps -1", "eps"),
        ("probe --from nan", "finite"),
        ("probe --readout-std 0", "readout-std"),
        ("probe --threads 0", "--threads"),
        ("probe --preset nothing", "preset list"),
        ("figures 7", "--list"),
        ("figures 3 --target qemu:microbit", "leave out --target"),
        ("figures --runs 0", "--runs"),
        ("export --out somewhere --run 1048576", "--run 1048576: at most 1048575"),
        ("export --out somewhere --runs 3", "choose it with --run"),
        ("probe --weights weights.bin", "weights.bin"),
    ] {
        let code = if line.contains("weights.bin") { 1 } else { 2 };
        let text = one_line(line, code);
        assert!(text.contains(reason), "{line}: {text}");
    }
    for line in ["probe --family transformer", "probe --nonsense", "nonsense", "probe --depth x"] {
        refused(line, 2);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    std::fs::write(&path, "depth = 3\ndpeth = 4\n").unwrap();
    assert!(one_line(&format!("probe --spec {}", path.display()), 2).contains("dpeth"));
    assert!(one_line("probe --spec not-there.toml", 1).contains("not-there.toml"));
}

/// Overflow has no answer: nulls, where it began, exit code 1.
#[test]
fn words_that_are_not_understood_are_told_in_one_line() {
    for (line, said) in [
        ("probe --depth abc", "--depth abc: must be a whole number"),
        ("probe --depth 99999999999", "--depth 99999999999: must be from 0 to 4294967295"),
        ("probe --seed 1e3", "--seed 1e3: must be a whole number"),
        ("probe --family x", "--family x: must be one of feedforward, resnet, highway, crelu"),
        ("probe --gain 1,5", "--gain 1,5: must be a number"),
        ("predict --checkpoint x --batch 0", "--batch 0: must be from 1 to 65536"),
        ("train --activation a\u{202e}\u{1b}[2Jb", "--activation a\\u{202e}\\u{1b}[2Jb: must be one of relu"),
        ("probe --noth\u{202e}ing", "unexpected argument '--noth\\u{202e}ing' found"),
        ("train --betas 0.9", "2 values required"),
        ("frob", "'frob'"),
        ("probe --inputs 2 --from 1", "--from or --to has no effect with --inputs 2"),
    ] {
        let text = one_line(line, 2);
        assert!(text.contains(said), "{line}: {text}");
    }
    let output = shatterscope("probe --help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.starts_with(b"Gradients"));
}

#[test]
fn overflow_is_named_and_never_printed() {
    let line = format!("probe {SMALL} --gain 1e15 --json");
    let output = shatterscope(&line).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["non_finite"]["pass"], &record["non_finite"]["run"]), (&"forward".into(), &0.into()));
    assert!(record["gradient"].is_null() && record["digest"].is_null() && record["autocorrelation"].is_null());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("layer") && text.lines().count() == 1, "{text}");
}

/// Weights that overflow when they are drawn are a fault of their layer too.
#[test]
fn infinite_weights_are_named() {
    let output = shatterscope("probe --depth 3 --width 1 --points 40 --gain 3e38 --runs 1 --json").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["non_finite"]["pass"], &record["non_finite"]["layer"]), (&"forward".into(), &2.into()));
}

#[test]
fn a_constant_gradient_is_reported_as_constant() {
    let line = format!("probe {SMALL} --family crelu --init looks-linear --runs 2");
    let record = json(&format!("{line} --json"));
    assert_eq!((&record["constant"], &record["constant_runs"]), (&true.into(), &2.into()));
    assert!(record["autocorrelation"].is_null());
    assert_eq!(record["autocorrelation_runs"], serde_json::json!([null, null]));
    assert!((record["ensemble_correlation"][5].as_f64().unwrap() - 1.0).abs() < 1e-12);
    assert!(stdout(&line).contains("constant"));
}

#[test]
fn micromath_prints_what_it_does() {
    let record = json(&format!("probe {SMALL} --norm batch --math micromath --runs 2 --json"));
    assert_eq!(record["contract"], "strict-1+micromath");
    let effect = &record["math_effect"];
    assert!(effect["largest_relative_difference"].as_f64().unwrap() > 0.0);
    let exact = json(&format!("probe {SMALL} --norm batch --runs 2 --json"));
    assert_eq!(effect["libm_digest"], exact["digest"]);
    assert!(exact.get("math_effect").is_none());
    assert!(stdout(&format!("probe {SMALL} --norm batch --math micromath --runs 2")).contains("against libm"));
}

#[test]
fn exported_weights_probe_to_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    for network in [
        "--norm batch --family resnet --bias-std 0.2",
        "--family crelu --init looks-linear",
        "--family crelu --norm centre --statistics full",
        "--depth 1",
        "--derivative forward --normal as241",
    ] {
        let out = folder.path().display();
        let exported = json(&format!("export {SMALL} {network} --seed 9 --run 2 --out {out} --json"));
        assert_eq!(exported["files"].as_array().unwrap().len(), 2);
        let seeded = json(&format!("probe {SMALL} {network} --seed 9 --runs 3 --json --lags 3"));
        for file in exported["files"].as_array().unwrap() {
            let record = json(&format!("probe --weights {} --json", file.as_str().unwrap()));
            assert_eq!(record["runs"], 1);
            // The digest of a record is made of those of its runs; the run's own gradient is compared by its bits.
            assert_eq!(
                record["autocorrelation_runs"][0].as_array().map(|r| r[3].clone()),
                seeded["autocorrelation_runs"][2].as_array().map(|r| r[3].clone()),
                "{network}"
            );
            assert_eq!(fnv(&record), exported["digest"], "{network}");
        }
    }
    let weights = folder.path().join("run.npz");
    assert!(one_line(&format!("probe --weights {} --width 13", weights.display()), 1).contains("stem.weight"));
    assert!(one_line(&format!("probe --weights {} --runs 2", weights.display()), 2).contains("--runs"));
}

/// FNV-1a-64 of a record's gradient bits, written here again.
fn fnv(record: &Value) -> String {
    let bits = record["gradient_bits"].as_array().unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for word in bits {
        for byte in u32::from_str_radix(word.as_str().unwrap(), 16).unwrap().to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("fnv1a64:{hash:016x}:{}", 4 * bits.len())
}

#[test]
fn broken_weights_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    json(&format!("export {SMALL} --out {} --json", out.display()));
    let good = std::fs::read(out.join("run.safetensors")).unwrap();
    let bad = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, bytes).unwrap();
        one_line(&format!("probe --weights {}", path.display()), 1)
    };
    bad("cut.safetensors", &good[..good.len() / 2]);
    bad("empty.npz", &[]);
    let mut nan = good.clone();
    let end = nan.len();
    // The last tensor of the file in byte order holds stem weights.
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(bad("nan.safetensors", &nan).contains("NaN"));
}

#[test]
fn figures_write_every_file_and_leave_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/er");
    let result = json(&format!("figures 1 --out {} --json", out.display()));
    assert!(Path::new(result["index"].as_str().unwrap()).exists());
    let mut names: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["figure-1.csv", "figure-1.json", "figure-1.png", "figure-1.svg", "index.html"]);
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(
        page.contains("figure-1.svg") && !page.contains("https:") && !page.contains("<script"),
        "no network, no script"
    );
    // The one address is the name of SVG's namespace.
    assert_eq!(page.matches("http:").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    let rows = std::fs::read_to_string(out.join("figure-1.csv")).unwrap().lines().count();
    assert_eq!(rows, 1 + 5 * 256 + 5 * 256 * 256);
    assert!(std::fs::read(out.join("figure-1.png")).unwrap().starts_with(b"\x89PNG"));
    let list = json("figures --list --json");
    assert_eq!(list[0]["name"], "1");
    // A folder that cannot be made is one line.
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let text = one_line(&format!("figures 1 --out {}/below", folder.path().join("file").display()), 1);
    assert!(text.contains("cannot write"), "{text}");
}

#[test]
fn a_folder_that_another_process_writes_into_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let part = out.join(".shatterscope-aB3dEf.part");
    std::fs::write(&part, "half").unwrap();
    let lock = std::fs::File::create(out.join(".shatterscope.lock")).unwrap();
    lock.lock().unwrap();
    let commands = [format!("export {SMALL}"), "figures 1".to_owned(), "train --epochs 1 --width 4".to_owned()];
    for command in &commands {
        let text = one_line(&format!("{command} --out {}", out.display()), 1);
        assert!(text.contains("another process writes there"), "{text}");
    }
    assert_eq!(out.read_dir().unwrap().count(), 2);
    drop(lock);
    // What a killed process left, its lock included, is cleared by the next.
    shatterscope(&format!("{} --quiet --out {}", commands[0], out.display())).assert().success();
    let mut names: Vec<_> =
        std::fs::read_dir(out).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["run.npz", "run.safetensors"]);
}

#[test]
#[cfg(unix)]
fn outputs_are_no_inputs_and_go_where_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("m.safetensors"), "weights").unwrap();
    std::fs::write(at("net.toml"), "layers = []\n").unwrap();
    std::fs::write(at("spec.toml"), "depth = 2\nwidth = 4\npoints = 20\n").unwrap();
    std::os::unix::fs::symlink("spec.toml", at("run.npz")).unwrap();
    let (model, net, spec) = (at("m.safetensors"), at("net.toml"), at("spec.toml"));
    let [model, net, spec] = [&model, &net, &spec].map(|path| path.display().to_string());
    for line in [
        format!("pack {model} --net {net} --out {model}"),
        format!("pack {model} --net {net} --out {net}"),
        format!("compare --targets host --spec {spec} --junit {spec}"),
        format!("export --spec {spec} --out {}", folder.path().display()),
    ] {
        let text = one_line(&line, 2);
        assert!(text.contains("is the input"), "{line}: {text}");
    }
    assert_eq!(std::fs::read(at("m.safetensors")).unwrap(), b"weights");
    // A place that cannot be written is said before hours of work.
    let hours = "--targets host --depth 100 --width 100 --runs 20000";
    one_line(&format!("compare {hours} --junit {}", at("no/report.xml").display()), 1);
    // Standard output, under another name, is written in its turn.
    if cfg!(target_os = "linux") {
        std::os::unix::fs::symlink("/proc/self/fd/1", at("out")).unwrap();
        let printed = std::fs::File::create(at("printed")).unwrap();
        let line = format!("compare --targets host --spec {spec} --runs 1 --junit {}", at("out").display());
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shatterscope"));
        assert!(command.args(line.split_whitespace()).stdout(printed).status().unwrap().success());
        let printed = std::fs::read_to_string(at("printed")).unwrap();
        assert!(printed.starts_with("<?xml") && printed.contains("</testsuites>\n") && printed.contains("fnv1a64:"));
        assert!(std::fs::symlink_metadata(at("out")).unwrap().is_symlink());
    }
}

#[test]
fn theory_is_a_prediction_or_a_reason() {
    let limit = json(&format!("theory {SMALL} --lags 3 --json"));
    assert_eq!((&limit["method"], limit["correlation"].as_array().unwrap().len()), (&"recursion".into(), 4));
    let sampled = json(&format!("theory {SMALL} --norm batch --theory-draws 800 --lags 3 --json"));
    assert_eq!((&sampled["method"], &sampled["draws"]), (&"sampled".into(), &800.into()));
    assert!(sampled["correlation_se"][1].as_f64().unwrap() > 0.0);
    assert!(stdout(&format!("theory {SMALL}")).contains("between neurons"));
    for (line, reason) in [
        (format!("theory {SMALL} --norm centre --statistics full"), "--statistics detached"),
        (format!("theory {SMALL} --points 4096"), "room for 2048 points"),
        (format!("theory {SMALL} --first-weight-std 0"), "tends to zero"),
    ] {
        let text = one_line(&line, 1);
        assert!(text.contains("no wide limit") && text.contains(reason), "{text}");
    }
    one_line(&format!("theory {SMALL} --lags 40"), 2);
    let record = json(&format!("probe {SMALL} --norm batch --statistics full --json"));
    assert!(record["theory_correlation"].is_null() && record["theory_reason"].is_string());
    let record = json(&format!("probe {SMALL} --no-theory --json"));
    assert!(record["theory_reason"].as_str().unwrap().contains("--no-theory"));
}

#[test]
fn vectors_and_ranks_are_said_for_what_they_are() {
    let one = json(&format!("probe {SMALL} --runs 1 --json"));
    assert!(one["effective_rank"].is_null() && one["effective_rank_reason"].as_str().unwrap().contains("rank 1"));
    let stacked = json(&format!("probe {SMALL} --runs 6 --json"));
    assert_eq!(
        (&stacked["effective_rank"]["rows_are"], &stacked["effective_rank"]["rows"]),
        (&"runs".into(), &6.into())
    );
    assert!(stacked["effective_rank"]["relative"].as_f64().unwrap() > 0.0);
    let vectors = json(&format!("probe {SMALL} --inputs 5 --json"));
    assert!(
        vectors["grid"].is_null() && vectors["autocorrelation"].is_null() && vectors["theory_correlation"].is_null()
    );
    assert_eq!((&vectors["effective_rank"]["rows_are"], &vectors["spec"]["inputs"]), (&"inputs".into(), &5.into()));
    assert!(vectors["pair_correlation"].as_f64().unwrap() < 1.0 && vectors["pair_correlation_se"].is_number());
    let text = stdout(&format!("probe {SMALL} --inputs 5"));
    assert!(
        text.contains("vectors of 5 standard normals") && text.contains("pairs") && !text.contains("constant"),
        "{text}"
    );
    for (line, part) in [
        (format!("probe {SMALL} --inputs 5 --from 0"), "--inputs 1"),
        (format!("probe {SMALL} --inputs 0"), "--inputs 0"),
        (format!("compare {SMALL} --inputs 5 --targets host,qemu:microbit"), "one input"),
        (format!("plan --board microbit {SMALL} --inputs 5"), "one input"),
        (format!("export {SMALL} --inputs 5 --out never"), "one input"),
    ] {
        let text = one_line(&line, 2);
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[test]
fn a_record_has_what_another_program_needs_and_changes_nothing() {
    use shatterscope_host::tensors::Bundle;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    const RUN: &str =
        "train --json --quiet --epochs 1 --batch 50 --net convnet --depth 6 --width 2 --batch-norm --optimiser adam";
    let plain = json(&format!("{RUN} --steps 3 --out {}", at("plain")));
    let recorded = json(&format!("{RUN} --steps 3 --record {}", at("record")));
    assert_eq!(plain["digest"], recorded["digest"]);
    // From a checkpoint that was written where the steps ended.
    let resumed = json(&format!("{RUN} --steps 2 --resume --out {} --record {}", at("plain"), at("rest")));
    assert_eq!(resumed["digest"], json(&format!("{RUN} --steps 5"))["digest"]);
    let read = |name: &str| Bundle::read(&folder.path().join(name)).unwrap();
    let start = read("record/start.safetensors");
    let document: Value = serde_json::from_str(start.spec.as_deref().unwrap()).unwrap();
    assert_eq!(document["spec"]["optimiser"], "adam");
    let layers = document["layers"].as_array().unwrap();
    let conv = layers.iter().position(|layer| layer["kind"] == "conv").unwrap();
    assert_eq!(layers[conv]["input"], serde_json::json!([1, 8, 8]));
    let (before, after) = (read("record/step-2.safetensors"), read("record/step-3.safetensors"));
    assert_eq!(read("rest/start.safetensors").tensors, {
        let of_model = |name: &String| start.tensors.contains_key(name);
        after.tensors.clone().into_iter().filter(|(name, _)| of_model(name)).collect()
    });
    assert_eq!(after.tensors["inputs"].shape, [50, 1, 8, 8]);
    assert!(after.tensors["labels"].data.iter().all(|&label| label < 10.0 && label == label.trunc()));
    let name = format!("{conv}.weight");
    // m <- (beta1 m) + ((1 - beta1) g), of the gradient that was recorded.
    let of = |bundle: &Bundle, prefix: &str| bundle.tensors[&format!("{prefix}{name}")].data.clone();
    let (old, g, new) = (of(&before, "mean."), of(&after, "gradient."), of(&after, "mean."));
    let expected: Vec<f32> = old.iter().zip(&g).map(|(m, g)| (0.9 * m) + ((1.0 - 0.9) * g)).collect();
    assert_eq!(new, expected);
    assert_ne!(of(&before, ""), of(&after, ""));
    let text = refused(&format!("{RUN} --steps 3 --record {}", at("record")), 2);
    assert!(text.contains("holds the record"), "{text}");
    refused(&format!("{RUN} --record {}", at("other")), 2);
}

/// A model of two layers and its list, in a folder.
fn two_layers(folder: &Path, more: &[(&str, &[usize])]) -> String {
    use shatterscope_host::tensors::Bundle;
    let mut bundle = Bundle::default();
    for (name, shape) in [("fc1.weight", &[3, 2][..]), ("fc1.bias", &[3]), ("fc2.weight", &[1, 3])].iter().chain(more) {
        bundle.add((*name).to_owned(), shape.to_vec(), vec![0.5; shape.iter().product()]);
    }
    std::fs::write(folder.join("model.safetensors"), bundle.to_safetensors().unwrap()).unwrap();
    std::fs::write(folder.join("net.toml"), "layers = [ { dense = 'fc1' }, 'relu', { dense = 'fc2' } ]").unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    format!("pack {} --net {}", at("model.safetensors"), at("net.toml"))
}

/// Every command there is, or the reason why it is not run here.
#[test]
fn json_is_exactly_one_document_of_every_command() {
    use clap::CommandFactory;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let pack = two_layers(folder.path(), &[]);
    let train = "train --depth 2 --width 4 --epochs 1 --steps 1 --batch 20";
    let mlp = concat!(env!("CARGO_MANIFEST_DIR"), "/model/tests/torch/mlp.onnx");
    let rows = folder.path().join("rows.csv").display().to_string();
    std::fs::write(&rows, "1,2,3,4,5,6,7,8,9,10,11,12\n0,1,0,1,0,1,0,1,0,1,0,1\n").unwrap();
    let lines = [
        ("figures", format!("figures 1 --out {out}")),
        ("figures", "figures --list".into()),
        ("probe", format!("probe {SMALL} --runs 1")),
        ("theory", format!("theory {SMALL}")),
        ("compare", format!("compare {SMALL} --runs 1 --targets host,host")),
        ("device list", "device list".into()),
        ("device run", format!("device run --target host {SMALL} --runs 1")),
        ("device selftest", "device selftest --target host".into()),
        ("spec", format!("spec {SMALL}")),
        ("export", format!("export {SMALL} --out {out}")),
        ("pack", pack.clone()),
        ("pack", format!("{pack} --out {out}/packed.rs")),
        ("train", train.into()),
        ("train", format!("{train} --out {out}/trained")),
        ("predict", format!("predict --checkpoint {out}/trained")),
        ("pack", format!("pack --checkpoint {out}/trained")),
        ("preset list", "preset list".into()),
        ("import", format!("import {mlp}")),
        ("run", format!("run --model {mlp} --input {rows}")),
        ("probe", format!("probe --model {mlp} --data {rows}")),
        ("compare", format!("compare --model {mlp} --input {rows} --targets host")),
        ("pack", format!("pack {mlp}")),
    ];
    // These need an emulator and its firmware, or a debug probe.
    let elsewhere = ["device profile", "device profile-train", "device flash", "plan", "plan-train"];
    let cli = shatterscope_host::cli::Cli::command();
    for command in cli.get_subcommands() {
        let parts: Vec<_> =
            command.get_subcommands().map(|part| format!("{} {}", command.get_name(), part.get_name())).collect();
        for name in if parts.is_empty() { vec![command.get_name().to_owned()] } else { parts } {
            assert!(
                lines.iter().any(|(of, _)| *of == name) || elsewhere.contains(&&*name),
                "{name} is not in the list"
            );
        }
    }
    for (_, line) in lines {
        assert!(json(&format!("{line} --json")).is_object() || line.contains("list"), "{line}");
    }
}

#[test]
fn pack_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let line = two_layers(folder.path(), &[]);
    assert!(shatterscope(&line).output().unwrap().stderr.is_empty());
    let module = stdout(&line);
    let document = json(&format!("{line} --json --strict"));
    assert_eq!((&document["module"], &document["operations"]), (&module.clone().into(), &3.into()));
    let file = at("packed.rs");
    let document = json(&format!("{line} --json --out {}", file.display()));
    assert_eq!((&document["file"], &document["module"]), (&file.display().to_string().into(), &Value::Null));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), module);
    std::fs::remove_file(&file).unwrap();

    let line = two_layers(folder.path(), &[("bn1.running_mean", &[3]), ("x\u{202e}\n.weight", &[2, 2])]);
    let output = shatterscope(&format!("{line} --quiet")).output().unwrap();
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warning.starts_with("warning: ") && warning.lines().count() == 1, "{warning}");
    assert!(warning.contains("bn1.running_mean, x\\u{202e}\\n.weight"), "{warning}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), module);
    assert_eq!(
        json(&format!("{line} --json"))["unused"],
        serde_json::json!(["bn1.running_mean", "x\u{202e}\n.weight"])
    );
    let text = one_line(&format!("{line} --strict --out {}", file.display()), 1);
    assert!(text.contains("bn1.running_mean") && !file.exists(), "{text}");
    std::fs::write(at("net.toml"), "layers = [ { dense = 'fc1' },\n { batch-norm = { eps = 1e60 } } ]").unwrap();
    let text = one_line(&line, 1);
    assert!(text.contains("net.toml: line 2, layer 1.batch-norm: eps = 1e60: it is too large for f32"), "{text}");
    std::fs::write(at("net.toml"), "layers = [ { dense = 'fc1' },\n { batch-norm = { eps = 1.0, momentum = 0.1 } } ]")
        .unwrap();
    let text = one_line(&line, 1);
    assert!(text.contains("line 2") && text.contains("momentum"), "{text}");
}
