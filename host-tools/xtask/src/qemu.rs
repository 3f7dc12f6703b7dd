//! The firmware on every emulated board and under node, compared with this machine by the program that users compare with.
use crate::emulated::{self, Board, emulated, emulator, smallest};
use crate::programs::{self, program, test_boards};
use crate::step::Report;
use crate::tools::{Tools, WASM};
use crate::tree::{Tree, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// The longest that one comparison may take; in the long tier, where a Cortex-M0 multiplies for a quarter of an hour.
pub const LIMIT: Duration = Duration::from_secs(900);
const LONG: Duration = Duration::from_secs(2 * 3600);

/// The programs of every board, as the desktop program builds them, and the kernels on every core: without this machine's programs, which
/// the other lane builds meanwhile.
pub fn firmware(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Some(reason) = missing(tools) {
        report.skip("devices: firmware", &reason);
        return;
    }
    report.step("devices: firmware", || {
        succeed(&mut tree.firmware("wasm", &format!("build --quiet --release --target {WASM}")))?;
        emulated().try_for_each(|board| {
            let words = format!("build --quiet --release --bin {} --target {}", board.name, board.target);
            succeed(&mut tree.firmware("qemu", &words))
        })
    });
    report.step("devices: every kernel on every core", || emulated().try_for_each(|board| check_kernels(tree, board)));
}

/// Why the boards cannot be built and run here.
fn missing(tools: &Tools) -> Option<String> {
    let target = |target: &str| tools.target(target).err();
    emulated().find_map(|board| target(&board.target)).or(target(WASM)).or(tools.emulators().err())
}

/// The suite on every board; networks larger than a chip; a figure drawn from a device.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Some(reason) = missing(tools) {
        report.skip("devices", &reason);
        return;
    }
    report.step("devices: build", || programs::build(tree));
    report.step("devices: the suite on every board", || suite(tree));
    report.step("devices: networks of PyTorch's on a Cortex-M4F", || models(tree));
    report.step("devices: the core's invariants on a Cortex-M4F", || invariants(tree));
    report.step("devices: a stack overflow is named", || emulated().try_for_each(|board| overflows(tree, board)));
    report.step("devices: arithmetic on integers", || crate::soft_float::check(tree));
    report.step("devices: plan and measurement", || {
        test_boards(tree, "--skip long_ emulated:: flash:: stacks:: taught::")
    });
    crate::training::steps(tree, report);
    // With 50 x 200 at four points, on 16 KB.
    crate::bench::whole(tree, report, tools, false);
    report.step("devices: 50 x 200, 256 points on a Cortex-M4F", || {
        compare(tree, "--depth 50 --points 256 --runs 1 --targets host,qemu:mps2-an386").map(drop)
    });
    report.step("devices: Figure 1 from a Cortex-M4F", || figure(tree));
    report.step("devices: full batch norm by recompute", || {
        let words = "--depth 12 --width 24 --norm batch --statistics full --runs 1 --schedule blocks:16 --targets host,qemu:mps2-an386";
        compare(tree, words).map(drop)
    });
}

/// One board, if its emulator is there, by the program that the tests built.
pub fn quick(tree: &Tree, report: &mut Report, tools: &Tools) {
    const NAME: &str = "one emulated board";
    let Some((board, emulator)) = smallest().and_then(|board| Some((board, emulator(board)?))) else { return };
    match tools.target(&board.target).and_then(|()| tools.emulator(&emulator.program)) {
        Ok(()) => report.step(NAME, || {
            let words = format!(
                "compare --json --quiet --no-count --depth 6 --width 12 --points 20 --runs 2 --targets host,qemu:{}",
                board.name
            );
            let (told, equal) = compared(&mut program(tree, &words), LIMIT)?;
            if equal { Ok(()) } else { bail!("the targets differ: {told}") }
        }),
        Err(reason) => report.skip(NAME, &reason),
    }
}

/// The program of `boards/kernel-check`, built for this board and run on it: it ends with an error where bits differ.
fn check_kernels(tree: &Tree, board: &Board) -> Result<()> {
    let image = emulated::build(tree, board, "kernel-check")?;
    let (status, said) = run_for(&mut emulated::run(board, &image), LIMIT)?;
    print!("{}\n{said}", board.name);
    if !status.success() || !said.contains(", chosen: ") {
        bail!("the kernels of {} are not those of the plain loops: {status}", board.name);
    }
    Ok(())
}

/// Status of a program whose stack has overflown.
const OVERFLOW: i32 = 98;

/// The program of `boards/overflow` ends by the handler's word.
fn overflows(tree: &Tree, board: &Board) -> Result<()> {
    // A stack without page tables below is looked at after each request: a loop of its own has no end there.
    if !board.guards_stack() {
        return Ok(());
    }
    let image = emulated::build(tree, board, "overflow")?;
    let (status, _) = run_for(&mut emulated::run(board, &image), LIMIT)?;
    match status.code() {
        Some(OVERFLOW) => Ok(()),
        _ => bail!("{}: a stack overflow ended with {status}, not with status {OVERFLOW}", board.name),
    }
}

/// What takes minutes.
pub fn long_steps(tree: &Tree, report: &mut Report) {
    report.step("devices: draws near the limits of memory", || test_boards(tree, "long_"));
    report.step("devices: 50 x 200, 256 points on 16 KB", || {
        within(LONG, tree, "--depth 50 --points 256 --runs 1 --targets host,qemu:microbit").map(drop)
    });
    report.step("devices: 24 x 200 centred, full statistics, in 128 KB", || {
        let words = "--depth 24 --norm centre --statistics full --runs 1 --ram 128K --targets host,qemu:mps2-an386";
        within(LONG, tree, words).map(drop)
    });
}

/// The data of the figure are the same to the last digit, wherever its networks ran.
fn figure(tree: &Tree) -> Result<()> {
    let drawn = |name: &str, words: &str| -> Result<Vec<u8>> {
        let out = tree.target.join(name);
        let mut command = program(tree, &format!("figures 1 --quiet {words} --out"));
        println!("$ {}", text_of(command.arg(&out)));
        let (status, _) = run_for(&mut command, LIMIT)?;
        if !status.success() {
            bail!("the figure was not drawn: {status}");
        }
        Ok(std::fs::read(out.join("figure-1.csv"))?)
    };
    if drawn("figure-device", "--no-count --target qemu:mps2-an386")? != drawn("figure-host", "--target host")? {
        bail!("the device's figure differs from the host's");
    }
    Ok(())
}

fn suite(tree: &Tree) -> Result<()> {
    let junit = tree.target.join("devices.xml");
    let told = compare(tree, &format!("--suite --no-count --targets host,wasm,qemu:all --junit {}", junit.display()))?;
    let specs = told["comparisons"].as_array().context("the suite has comparisons")?;
    let targets = specs.first().and_then(|spec| spec["targets"].as_array()).map_or(0, Vec::len);
    if specs.len() < 12 || targets != emulated().count() + 2 {
        bail!("only {} specs on {targets} targets", specs.len());
    }
    println!("{} specs have one digest each on {targets} targets", specs.len());
    Ok(())
}

/// The board that runs networks of others.
const MODELS: &str = "mps2-an386";

/// Networks that PyTorch exported, two examples each.
fn models(tree: &Tree) -> Result<()> {
    for (name, inputs) in [("mobilenet", 4 * 8 * 8), ("transformer", 7 * 5), ("unet", 2 * 8 * 8)] {
        let number = |i: usize| (i as f32 * 0.37).sin().to_string();
        let row = |row: usize| (0..inputs).map(|i| number(row * inputs + i)).collect::<Vec<_>>().join(",");
        let file = tree.target.join(format!("{name}.csv"));
        std::fs::write(&file, format!("{}\n{}\n", row(0), row(1)))?;
        let model = tree.root.join(format!("host-tools/model/tests/torch/{name}.onnx"));
        let words = format!("compare --json --quiet --targets qemu:{MODELS} --model {} --input", model.display());
        let (told, equal) = compared(program(tree, &words).arg(&file), LIMIT)?;
        let devices = told["devices"].as_array().context("there is a list of devices")?;
        if !equal || devices.len() != 1 || told["examples"] != 2 {
            bail!("{name}: {}", serde_json::to_string_pretty(&told)?);
        }
    }
    Ok(())
}

/// The suite and two trainings by firmware that panics where a value is missing that should always be there.
fn invariants(tree: &Tree) -> Result<()> {
    const BOARD: &str = "mps2-an386";
    let board = emulated().find(|board| board.name == BOARD).context("a board with a Cortex-M4F")?;
    let words = format!("build --quiet --profile invariants --bin {BOARD} --target {}", board.target);
    succeed(&mut tree.firmware("qemu", &words))?;
    let image = tree.boards_target.join(&board.target).join("invariants").join(BOARD);
    // A list of targets is divided at commas, which QEMU's options have.
    let script = tree.target.join("invariants.sh");
    std::fs::write(&script, format!("exec {}\n", text_of(&emulated::run(board, &image))))?;
    let target = format!("pipe:sh {}", script.display());
    let told =
        compared(program(tree, "compare --json --quiet --suite --targets").arg(format!("host,{target}")), LIMIT)?;
    if !told.1 {
        bail!("the suite differs, or the firmware ended: {}", serde_json::to_string_pretty(&told.0)?);
    }
    for net in ["--net lenet --width 4", "--net convnet --depth 6 --width 4 --batch-norm --optimiser adam"] {
        let words = format!("train {net} --batch 4 --steps 2 --json --quiet --target");
        let (status, said) = run_for(program(tree, &words).arg(&target), LIMIT)?;
        if !status.success() {
            bail!("a training by checked firmware ended with {status}: {said}");
        }
    }
    Ok(())
}

/// `shatterscope compare` with these words; its document, of a comparison without any difference.
pub fn compare(tree: &Tree, words: &str) -> Result<Value> {
    within(LIMIT, tree, words)
}

fn within(limit: Duration, tree: &Tree, words: &str) -> Result<Value> {
    let (told, equal) = compared(&mut program(tree, &format!("compare --json --quiet {words}")), limit)?;
    if !equal {
        bail!("the targets differ: {}", serde_json::to_string_pretty(&told)?);
    }
    Ok(told)
}

/// The document of a comparison, and whether the program called it equal.
pub fn compared(command: &mut Command, limit: Duration) -> Result<(Value, bool)> {
    println!("$ {}", text_of(command));
    let (status, said) = run_for(command, limit)?;
    let told: Value = serde_json::from_str(&said).context("`compare` did not print one JSON document")?;
    if told["equal"].as_bool() != Some(status.success()) {
        bail!("`compare` says {} and ended with {status}", told["equal"]);
    }
    Ok((told, status.success()))
}
