//! Training gives one result, whatever computes it and however often it was interrupted.
use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shatterscope");

fn shatterscope(words: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(words.split_whitespace());
    command
}

fn document(words: &str) -> Value {
    let output = shatterscope(&format!("train --json --quiet {words}")).output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every kind of layer, in steps of a quarter of a second or so.
const SMALL: [&str; 5] = [
    "--epochs 1 --depth 3 --width 13 --batch 100 --optimiser momentum --decay 1e-4",
    "--epochs 1 --net lenet --width 3 --batch 150 --shift 1 --optimiser nesterov --clip-norm 0.5",
    "--epochs 1 --net convnet --depth 6 --width 3 --batch 300 --batch-norm --skips highway --optimiser adam --rate 1e-3 --dropout 0.1",
    "--epochs 1 --net convnet --depth 10 --width 4 --batch 300 --activation crelu --init looks-linear --flip --clip-value 0.01",
    "--epochs 1 --net convnet --depth 6 --width 5 --batch 300 --activation prelu --init orthogonal --optimiser adam --rate 1e-3",
];

#[test]
fn neither_threads_nor_kernels_change_a_digest() {
    for words in SMALL {
        let expected = document(&format!("{words} --threads 1 --isa portable"));
        for how in ["--threads 2", "--threads 3", "--threads 2 --isa sse2", "--threads 8 --isa portable"] {
            if cfg!(not(target_arch = "x86_64")) && how.contains("sse2") {
                continue;
            }
            let found = document(&format!("{words} {how}"));
            assert_eq!(found["digest"], expected["digest"], "{words} {how}");
            for key in ["loss", "accuracy", "gradient_norm", "test_loss", "test_accuracy", "digest"] {
                assert_eq!(found["epochs"][0][key], expected["epochs"][0][key], "{key}: {words} {how}");
            }
        }
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_number_of_threads_changes_no_byte_of_any_file() {
    // Wide enough that the layers' gradients are cut into parts, differently for each number of threads.
    let more = [
        "--epochs 2 --depth 3 --width 70 --batch 750 --optimiser adam --rate 1e-3",
        "--epochs 2 --depth 2 --width 70 --batch 750 --clip-norm 0.5 --clip-value 0.1 --schedule plateau --patience 0",
        "--epochs 1 --net stack --depth 5 --width 6 --batch 500 --skips bottleneck --probe-every 2",
    ];
    for words in SMALL.into_iter().chain(more) {
        let results: Vec<_> = [1, 2, 3, 7]
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let out = folder.path().display();
                shatterscope(&format!("train --quiet {words} --threads {threads} --out {out}")).assert().success();
                (threads, files(folder.path()))
            })
            .into();
        for (threads, found) in &results[1..] {
            for ((name, expected), (_, found)) in results[0].1.iter().zip(found) {
                assert!(expected == found, "{name} differs on {threads} threads: {words}");
            }
        }
    }
}

/// Results of the same run, killed after these times and gone on with until it ends.
fn interrupted(words: &str, folder: &Path, kills: impl Iterator<Item = Duration>) -> usize {
    let mut killed = 0;
    for pause in kills {
        let resume = if folder.join("checkpoint.safetensors").exists() { "--resume" } else { "" };
        let out = folder.display();
        let mut child: Child = std::process::Command::new(PROGRAM)
            .args(format!("train --quiet {words} --checkpoint-every 2 --out {out} {resume}").split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(pause);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    let resume = if folder.join("checkpoint.safetensors").exists() { "--resume" } else { "" };
    let last = shatterscope(&format!("train --quiet {words} --checkpoint-every 2 --out {} {resume}", folder.display()))
        .output()
        .unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    killed
}

#[test]
fn a_run_that_is_killed_goes_on_with_the_same_bits() {
    let words = "--epochs 3 --net convnet --depth 6 --width 4 --batch 50 --batch-norm --skips resnet --optimiser adam --rate 1e-3 \
                 --dropout 0.1 --shift 1 --schedule plateau --patience 0 --threads 1";
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    interrupted(words, whole.path(), std::iter::empty());
    // Wherever in its work each kill finds it.
    let killed = interrupted(words, parts.path(), (0..20).map(|i| Duration::from_millis(15 + 29 * i % 97)));
    assert!(killed > 0);
    let (whole, parts) = (files(whole.path()), files(parts.path()));
    assert_eq!(
        whole.iter().map(|file| &file.0).collect::<Vec<_>>(),
        ["checkpoint.safetensors", "metrics.csv", "metrics.jsonl"]
    );
    assert_eq!(parts.len(), whole.len());
    for (whole, part) in whole.iter().zip(&parts) {
        assert!(whole == part, "{} differs from {} after {killed} kills", part.0, whole.0);
    }
}

#[test]
fn a_kill_between_two_files_leaves_nothing_behind() {
    let words = "--epochs 2 --depth 2 --width 8 --batch 500 --probe-every 2";
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    shatterscope(&format!("train --quiet {words} --out {}", out.display())).assert().success();
    let whole = files(out);
    std::fs::write(out.join("metrics.csv"), "of an epoch before").unwrap();
    std::fs::remove_file(out.join("probes.jsonl")).unwrap();
    std::fs::write(out.join(".shatterscope-aB3dEf.part"), "half").unwrap();
    shatterscope(&format!("train --quiet {words} --out {} --resume", out.display())).assert().success();
    assert!(files(out) == whole);
    // Nor does one that came before the first checkpoint.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".shatterscope-aB3dEf.part"), "half").unwrap();
    shatterscope(&format!("train --quiet {words} --out {}", folder.path().display())).assert().success();
    assert!(files(folder.path()) == whole);
}

/// Two processes are started into one folder, and killed, and again: one of them is told of the other, and nothing is lost.
#[test]
fn two_runs_in_one_folder_do_not_harm_each_other() {
    let words = "--epochs 5 --depth 2 --width 8 --batch 50 --optimiser adam --rate 1e-3 --threads 1";
    let (whole, both) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    interrupted(words, whole.path(), std::iter::empty());
    let mut told = 0;
    for i in 0..20 {
        let resume = if both.path().join("checkpoint.safetensors").exists() { "--resume" } else { "" };
        let line = format!("train --quiet {words} --checkpoint-every 2 --out {} {resume}", both.path().display());
        let start = || {
            let mut command = std::process::Command::new(PROGRAM);
            command.args(line.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut children = [start(), start()];
        // The second ends by itself, or both, when all is done.
        while children.iter_mut().all(|child| child.try_wait().unwrap().is_none()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(37 * i % 101));
        children.iter_mut().for_each(|child| child.kill().unwrap());
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            match output.status.code() {
                Some(1) if said.contains("writing there since") || said.contains("another process") => told += 1,
                // Killed, or done; or begun only when the other was killed.
                None | Some(0) => assert_eq!(said, ""),
                code => assert!(code == Some(2) && said.contains("--resume"), "{code:?}: {said}"),
            }
        }
    }
    assert!(told > 0);
    interrupted(words, both.path(), std::iter::empty());
    assert!(files(both.path()) == files(whole.path()));
}

/// What a program does when its reader goes away after some lines, and when a file is there: exit code and words, within a minute.
#[cfg(unix)]
fn abandoned(words: &str, lines: usize, file: &Path) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader, Read};
    let mut child = std::process::Command::new(PROGRAM)
        .args(words.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    (0..lines).for_each(|_| assert!(reader.read_line(&mut String::new()).unwrap() > 0, "{words}"));
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "{words}");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(reader);
    for _ in 0..600 {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            return (status.code(), said);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    panic!("{words}: still runs a minute after its reader has closed the pipe");
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_ends_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let quiet = (Some(141), String::new());
    // Hours of work each, if they were not ended.
    assert_eq!(abandoned("train --epochs 1000000 --width 16", 2, out), quiet);
    assert_eq!(abandoned("probe --depth 100 --width 100 --runs 20000 --json", 0, out), quiet);
    // Before anything is printed.
    let words = format!("train --json --epochs 1000000 --width 16 --checkpoint-every 5 --out {}", out.display());
    assert_eq!(abandoned(&words, 0, &out.join("checkpoint.safetensors")), quiet);
    // Neither a process behind a device nor a lock is left.
    let pid = out.join("pid");
    let device = out.join("device.sh");
    std::fs::write(&device, format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display())).unwrap();
    let mut child = std::process::Command::new(PROGRAM);
    child.args(["device", "run", "--timeout", "900", "--target", &format!("pipe:sh {}", device.display())]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    while !pid.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
    let id = std::fs::read_to_string(&pid).unwrap();
    let lives = || Command::new("sh").args(["-c", &format!("kill -0 {id}")]).output().unwrap().status.success();
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !lives() || std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).is_ok_and(|stat| stat.contains(") Z "))
    });
    assert!(gone, "process {id} lives on");
    // The folder is free.
    assert!(files(out).iter().all(|file| !file.0.starts_with('.')));
    // All was printed before the reader went, and what is left is silent work: that is a success.
    let small = "probe --depth 2 --width 4 --points 20";
    assert_eq!(abandoned(small, 3, out).0, Some(0));
}

/// A closed standard error does not change the exit code.
#[test]
#[cfg(unix)]
fn a_closed_standard_error_is_no_panic() {
    for (words, code) in [("train --batch 0", 2), ("train --data /no/such/folder", 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(PROGRAM);
        let status = command.args(words.split_whitespace()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{words}");
    }
}

/// Decimals go by way of binary64, from the command line as from a checkpoint: the first lies just below the middle between two binary32,
/// the second is the binary32 that it becomes.
#[test]
fn decimals_are_parsed_to_binary64_first() {
    let words = |rate: &str| format!("--epochs 1 --depth 1 --width 4 --batch 500 --rate {rate}");
    let [text, by_64, direct] =
        ["0.050000002607703208923339843749", "0.050000004", "0.05"].map(|rate| document(&words(rate)));
    assert_eq!(text["spec"]["rate"], 0.050000004);
    assert_eq!((&text["digest"], &text["epochs"]), (&by_64["digest"], &by_64["epochs"]));
    assert_ne!(text["digest"], direct["digest"]);
    // 0x15ae43fd, whose shortest decimal as binary32 leads elsewhere by way of binary64.
    let folder = tempfile::tempdir().unwrap();
    let line = |epochs: u32, more: &str| {
        let out = folder.path().display();
        let eps = f64::from(f32::from_bits(0x15ae_43fd));
        format!("--optimiser adam --eps {eps:e} --depth 1 --width 4 --batch 500 --epochs {epochs} --out {out} {more}")
    };
    let eps = document(&line(1, ""))["spec"]["eps"].as_f64().unwrap();
    assert_eq!((eps as f32).to_bits(), 0x15ae_43fd);
    assert_eq!(document(&line(2, "--resume"))["spec"]["eps"].as_f64(), Some(eps));
    for (text, why) in [
        ("1e39", "too large"),
        ("1e400", "finite"),
        ("nan", "finite"),
        ("inf", "finite"),
        ("1e-46", "too small"),
        ("1e-400", "too small"),
    ] {
        for name in ["rate", "clip-norm", "threshold", "dropout"] {
            refused(&format!("--{name} {text}"), 2, why);
        }
        refused(&format!("--optimiser adam --betas 0.9 {text}"), 2, why);
    }
}

fn refused(words: &str, code: i32, what: &str) {
    let output = shatterscope(&format!("train --quiet {words}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}: {said}");
    assert!(said.contains(what) && said.lines().count() == 1, "{words}: {said}");
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    refused("--data /no/such/folder", 1, "/no/such/folder");
    refused("--batch 0", 2, "--batch 0");
    refused("--batch 1501", 2, "1500");
    refused("--net convnet --depth 7", 2, "4 m + 2");
    refused("--rate=-1", 2, "rate");
    refused("--optimiser adam --betas 1 0.9", 2, "betas");
    refused("--shift 8", 2, "shift");
    refused("--net convnet --depth 6 --dropout 1", 2, "dropout");
    refused(&format!("--resume --out {out}"), 2, "--resume");
    refused("--epochs 2 --rate 1e30", 1, "NaN or infinit");
    shatterscope(&format!("train --quiet --epochs 1 --out {out}")).assert().success();
    refused(&format!("--epochs 1 --out {out}"), 2, "--resume");
    refused(&format!("--epochs 2 --width 33 --resume --out {out}"), 2, "other options");
    std::fs::write(folder.path().join("checkpoint.safetensors"), b"not one").unwrap();
    refused(&format!("--epochs 2 --resume --out {out}"), 1, "checkpoint.safetensors");
}
