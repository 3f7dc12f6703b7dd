//! The core on processors that no board has. The firmware as a Linux program (`boards/linux`), built without a C compiler and run by QEMU's
//! emulation of one process, answers the suite and trains with this machine's bits: narrow and wide addresses, both byte orders. One
//! whose floats are computed by the x87, with other roundings, must refuse itself.
use crate::programs::{self, program};
use crate::qemu::{LIMIT, compared};
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};

/// A processor: its target, and the emulator of its processes.
struct Machine {
    target: &'static str,
    emulator: &'static str,
}

const fn machine(target: &'static str, emulator: &'static str) -> Machine {
    Machine { target, emulator }
}

const MACHINES: [Machine; 6] = [
    machine("i686-unknown-linux-gnu", "qemu-i386"),
    machine("armv7-unknown-linux-gnueabihf", "qemu-arm"),
    machine("aarch64-unknown-linux-gnu", "qemu-aarch64"),
    machine("riscv64gc-unknown-linux-gnu", "qemu-riscv64"),
    machine("powerpc64le-unknown-linux-gnu", "qemu-ppc64le"),
    machine("s390x-unknown-linux-gnu", "qemu-s390x"),
];

/// Its intermediate results have more bits than the contract allows.
const X87: Machine = machine("i586-unknown-linux-gnu", "qemu-i386");

/// Targets that the core is compiled for, and nothing runs: without vector registers, or with the instructions of another profile.
const COMPILED: [&str; 4] = [
    "aarch64-unknown-none-softfloat",
    "x86_64-unknown-none",
    "thumbv7em-none-eabi",
    "thumbv7neon-unknown-linux-gnueabihf",
];

/// What has to be installed for these steps.
pub fn targets() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|machine| machine.target).chain([X87.target]).chain(COMPILED)
}

/// Batches that fill no register, a state, convolutions and pools.
const TRAINING: &str = "--net lenet --width 2 --batch 3 --optimiser adam --rate 0.003 --steps 3";

/// Why nothing of this can be built or run here.
fn missing(tools: &Tools) -> Option<String> {
    targets().find_map(|target| tools.target(target).err()).or(tools.processes().err())
}

/// The core and the firmware for every processor.
pub fn builds(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Some(reason) = missing(tools) {
        report.skip("machines: build", &reason);
        return;
    }
    report.step("machines: the core where nothing runs", || {
        let targets = COMPILED.map(|target| format!(" --target {target}")).concat();
        succeed(&mut tree.cargo(&format!("build --quiet --profile opt0 -p shatterscope --lib{targets}")))
    });
    report.step("machines: build", || {
        let all = MACHINES.iter().chain([&X87]).map(|machine| format!(" --target {}", machine.target));
        let targets: String = all.collect();
        succeed(&mut tree.cargo_of_boards("linux", &format!("build --quiet --profile machines{targets}")))
    });
}

/// What they answer.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Some(reason) = missing(tools) {
        report.skip("machines", &reason);
        return;
    }
    report.step("machines: the program that they are compared with", || programs::build(tree));
    for machine in &MACHINES {
        report.step(format!("machines: {}", machine.target), || answers(tree, machine));
    }
    report.step("machines: the x87 refuses itself", || refuses(tree, &X87));
}

impl Machine {
    /// The program, as `--target` has it.
    fn pipe(&self, tree: &Tree) -> String {
        let image = tree.boards_target.join(self.target).join("machines/linux");
        format!("pipe:{} {}", self.emulator, image.display())
    }
}

/// The suite and a training, equal to this machine's.
fn answers(tree: &Tree, machine: &Machine) -> Result<()> {
    let mut command = program(tree, "compare --json --quiet --suite --targets");
    let (told, equal) = compared(command.arg(format!("host,{}", machine.pipe(tree))), LIMIT)?;
    let specs = told["comparisons"].as_array().context("the suite has comparisons")?;
    if !equal || specs.len() < 12 {
        bail!("{} specs, equal: {equal}: {}", specs.len(), serde_json::to_string_pretty(&told)?);
    }
    let mut command = program(tree, &format!("train --quiet {TRAINING} --target"));
    println!("$ {}", text_of(command.arg(machine.pipe(tree))));
    // The program holds every step to this machine's, and ends with an error where one differs.
    let (status, said) = run_for(&mut command, LIMIT)?;
    if !status.success() {
        bail!("the training ended with {status}");
    }
    println!("{} specs have this machine's digests; {}", specs.len(), said.trim());
    Ok(())
}

/// The self-test names what is wrong, and no digest is said.
fn refuses(tree: &Tree, machine: &Machine) -> Result<()> {
    let mut command = program(tree, "compare --json --quiet --depth 4 --width 8 --points 20 --runs 1 --targets");
    let (told, equal) = compared(command.arg(format!("host,{}", machine.pipe(tree))), LIMIT)?;
    let told = told["targets"].get(1).or(told["comparisons"][0]["targets"].get(1)).context("two targets")?;
    let error = told["error"].as_str().unwrap_or_default();
    if equal || !told["digest"].is_null() || !error.contains("fails its self-test") {
        bail!("not refused by name: {told}");
    }
    println!("{error}");
    Ok(())
}
