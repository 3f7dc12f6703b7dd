//! Training on emulated boards: what `plan --train` says before against what a device reports after, and what comes back from it.
//! Needs QEMU: `cargo xtask test` runs it.
use assert_cmd::Command;
use rayon::prelude::*;
use serde_json::Value;
use shatterscope_host::device::board::{Board, emulated};
use shatterscope_host::plan::tables::{Task, stack_bound};
use std::path::Path;

fn shatterscope(words: &str) -> Result<Value, String> {
    let mut command = Command::cargo_bin("shatterscope").unwrap();
    let output = command.args(words.split_whitespace()).args(["--json", "--quiet"]).output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

/// Every kind of layer, optimiser and start; the first two step example by example and keep nothing but the parameters.
const SPECS: [&str; 10] = [
    "--depth 2 --width 32 --batch 1 --rate 0.01",
    "--depth 1 --width 8 --batch 1 --rate 0.02",
    "--net lenet --width 24 --batch 1 --rate 0.01",
    "--net stack --depth 4 --width 3 --batch-norm --skips resnet --optimiser adam --batch 3",
    "--depth 3 --width 20 --batch-norm --skips resnet --beta 0.5 --activation prelu --batch 20 --optimiser adam --rate 0.003",
    "--depth 1 --width 8 --batch 5 --optimiser momentum --decay 1e-4",
    "--depth 2 --width 6 --activation prelu --batch 1",
    "--depth 2 --width 6 --activation crelu --init looks-linear --batch 2 --optimiser nesterov",
    "--depth 2 --width 32 --batch 20 --optimiser adam --ram 86016",
    "--net lenet --width 1 --batch 1 --rate 0.01",
];

/// Trains as planned; the peak of the stack, or none where both say that it does not fit.
fn held(board: &Board, i: usize) -> Option<u64> {
    let (name, words) = (board.name, SPECS[i]);
    let planned = shatterscope(&format!("plan --train --board {name} {words}"));
    let trained = shatterscope(&format!("train --steps 2 --target qemu:{name} {words}"));
    let (planned, trained) = match (planned, trained) {
        (Ok(planned), Ok(trained)) => (planned, trained),
        (Err(planned), Err(trained)) => {
            assert!(planned.contains(" B of memory, ") && name == "microbit", "{name} {words}: {planned}");
            let need = planned.split_whitespace().find(|word| word.parse::<u64>().is_ok()).unwrap();
            assert!(trained.contains(need), "{name} {words}: {planned} {trained}");
            return None;
        }
        (planned, trained) => panic!("{name} {words}: {planned:?}, {trained:?}"),
    };
    let (memory, device) = (&planned["memory"], &trained["device"]);
    let bytes = |of: &Value, key: &str| of[key].as_u64().unwrap_or_else(|| panic!("{name} {words}: {key} of {of}"));
    assert_eq!(device["device"]["arena"], memory["arena"], "{name}: the arena as the linker made it");
    assert_eq!(device["arena_bytes"], memory["arena_used"], "{name} {words}");
    assert_eq!(device["least_bytes"], memory["least"], "{name} {words}");
    let (stack, bound) = (bytes(device, "stack_bytes"), bytes(memory, "stack"));
    assert!(stack <= bound, "{name} {words}: {stack} B of stack, the table says {bound}");
    let used = bytes(memory, "arena_used") + bytes(memory, "other_statics") + bound;
    assert_eq!(bytes(memory, "ram"), used, "{name} {words}");
    if let Some((_, limit)) = words.split_once("--ram ") {
        let limit = limit.parse().unwrap();
        assert!(used <= limit, "{name} {words}: {used} B");
    }
    let parameters = bytes(&planned, "parameters");
    // Besides values, gradients and the graph, which has some bytes for each node.
    let besides = bytes(memory, "arena_used") - bytes(memory, "values") - bytes(memory, "graph");
    if i < 2 {
        let each = besides as f64 / parameters as f64;
        assert!(each <= 4.1, "{name} {words}: {each} B a parameter");
        assert_eq!(memory["arena_used"], memory["least"], "{name} {words}: no more would be of use");
    }
    Some(stack)
}

#[test]
#[ignore = "needs QEMU"]
fn a_training_takes_what_was_planned() {
    let boards: Vec<_> = emulated().collect();
    let generous = |board: &&'static Board| {
        let most = (0..SPECS.len()).filter_map(|i| held(board, i)).max().unwrap();
        let bound = stack_bound(board, Task::Training).unwrap().unwrap_or(0);
        println!("{}: at most {most} B of stack in training, the table says {bound}", board.name);
        (bound > most + most / 10).then_some(board.name)
    };
    let wrong: Vec<_> = boards.par_iter().filter_map(generous).collect();
    assert!(wrong.is_empty(), "the stack table is too generous for {wrong:?}");
}

fn checkpoint(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("checkpoint.safetensors")).unwrap()
}

/// The file is read back from the device, and byte for byte what this machine writes; either goes on from the other's.
#[test]
#[ignore = "needs QEMU"]
fn what_a_device_learned_comes_back() {
    for words in [
        "--depth 1 --width 8 --batch 1 --rate 0.02",
        "--depth 2 --width 8 --batch-norm --batch 4 --optimiser adam --rate 0.003",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let train = |name: &str, steps: u32, more: &str| {
            let out = folder.path().join(name);
            shatterscope(&format!("train --steps {steps} --out {} {words} {more}", out.display())).unwrap();
            checkpoint(&out)
        };
        let here = train("here", 7, "");
        assert!(train("there", 7, "--target qemu:mps2-an386 --checkpoint-every 3 --flash-every 2") == here, "{words}");
        // In parts: here, on an M3, here again, on RISC-V.
        train("parts", 2, "");
        train("parts", 2, "--resume --target qemu:mps2-an385");
        train("parts", 1, "--resume");
        assert!(train("parts", 2, "--resume --target qemu:riscv32imac") == here, "{words}");
    }
}

/// The board with least memory, and one for each word size and byte order: every output is this machine's.
#[test]
#[ignore = "needs QEMU"]
fn a_trained_convnet_predicts_on_devices() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    shatterscope(&format!("train --net lenet --width 4 --epochs 1 --out {out}")).unwrap();
    ["microbit", "mps2-an386", "riscv64gc"].par_iter().for_each(|board| {
        let batch = if *board == "microbit" { 1 } else { 7 };
        let told =
            shatterscope(&format!("predict --checkpoint {out} --target qemu:{board} --batch {batch} --no-count"));
        let told = told.unwrap_or_else(|error| panic!("{board}: {error}"));
        let device = &told["device"];
        println!("{board}: {} B of arena, {} B of stack", device["arena_bytes"], device["stack_bytes"]);
        assert_eq!((&told["examples"], &told["value_elements"]), (&297.into(), &serde_json::json!([320, 320])));
        if *board == "microbit" {
            // Parameters, graph, values and the packed weights of a convolution.
            assert_eq!(device["least_bytes"], 4 * (1722 + 10 * 13 + 320 + 36));
        }
    });
}

/// LeNet of width 8, 24 KB of weights in flash: 3 KB of memory are enough, and every output is this machine's.
#[test]
#[ignore = "needs QEMU"]
fn a_trained_convnet_runs_from_flash() {
    let folder = tempfile::tempdir().unwrap();
    let (out, module) = (folder.path().join("trained"), folder.path().join("network.rs"));
    shatterscope(&format!("train --net lenet --width 8 --epochs 1 --out {}", out.display())).unwrap();
    let here = shatterscope(&format!("predict --checkpoint {}", out.display())).unwrap();
    let packed = shatterscope(&format!("pack --checkpoint {} --out {}", out.display(), module.display())).unwrap();
    assert!(packed["values_bytes"].as_u64().unwrap() + packed["scratch_bytes"].as_u64().unwrap() <= 3072, "{packed}");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/examples/trained-network");
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => std::path::absolute(target).unwrap().join("boards"),
        None => example.join("../../target"),
    };
    for core in ["thumbv6m-none-eabi", "thumbv7em-none-eabihf"] {
        let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["run", "--quiet", "--release", "--target", core]).current_dir(&example);
        cargo.env("CARGO_TARGET_DIR", &target).env("SHATTERSCOPE_NETWORK", &module);
        let output = cargo.stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let (correct, digest) = (here["correct"].as_u64().unwrap(), here["output_digest"].as_str().unwrap());
        let expected = format!("arena    2848 B\ncorrect  {correct}\ndigest   {digest}\n");
        assert_eq!(said, expected, "{core}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The nodes of a step, the loss and the rest make up the whole, on a core without an FPU and on others, and the marks change no bit.
#[test]
#[ignore = "needs QEMU"]
fn a_profile_of_a_step_adds_up() {
    for (board, words) in [
        ("microbit", "--depth 1 --width 8 --batch 1"),
        ("microbit", "--net lenet --width 4 --batch 1"),
        ("mps2-an386", "--depth 2 --width 32 --batch 1"),
        ("mps2-an386", "--net stack --depth 4 --width 3 --batch-norm --skips resnet --optimiser adam --batch 3"),
        ("riscv32imac", "--net lenet --width 2 --batch 2 --optimiser momentum"),
    ] {
        let told = shatterscope(&format!("device profile --train --target qemu:{board} {words}")).unwrap();
        let sum = |of: &dyn Fn(&Value) -> u64| told["operations"].as_array().unwrap().iter().map(of).sum::<u64>();
        let both = |row: &Value, what: &str| {
            ["forward", "backward"].map(|pass| row[pass][what].as_u64().unwrap_or_else(|| panic!("{row}"))).iter().sum()
        };
        for what in ["instructions", "loads", "stores", "multiply_adds"] {
            let rest = told["rest"][what].as_u64().unwrap();
            assert_eq!(
                sum(&|row| both(row, what)) + rest,
                told["total"][what].as_u64().unwrap(),
                "{board} {words}: {what}"
            );
        }
        let share: f64 = told["operations"].as_array().unwrap().iter().map(|row| row["share"].as_f64().unwrap()).sum();
        assert!(share > 0.97 && share <= 1.0, "{board} {words}: {share}");
        let [total, unmarked] =
            [&told["total"]["instructions"], &told["unmarked"]].map(|count| count.as_f64().unwrap());
        println!(
            "{board} {words}: {total} instructions, {:.2}% more than without marks",
            100.0 * (total / unmarked - 1.0)
        );
        let trained = shatterscope(&format!("train --steps 1 {words}")).unwrap();
        assert_eq!(told["digest"], trained["digest"], "{board} {words}");
        let last = told["operations"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["kind"], &last["backward"]["instructions"]), (&"loss".into(), &0.into()), "{board} {words}");
    }
}
