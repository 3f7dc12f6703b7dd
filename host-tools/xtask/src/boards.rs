//! The firmware of real boards: built and linted with every transport, its images held to the chips' memory, and run where
//! an emulator has the chip.
use crate::programs::{self, program, test_boards};
use crate::qemu::{LIMIT, compare, compared};
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, succeed};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Folder, target, and the features that are built besides the default.
const BOARDS: [(&str, &str, &[&str]); 6] = [
    ("stm32f407-discovery", "thumbv7em-none-eabihf", &["uart", "emulated"]),
    ("nucleo-h743zi", "thumbv7em-none-eabihf", &["uart"]),
    ("nrf52840-dk", "thumbv7em-none-eabihf", &[]),
    ("microbit-v2", "thumbv7em-none-eabihf", &[]),
    ("raspberry-pi-pico", "thumbv6m-none-eabi", &["uart"]),
    ("raspberry-pi-pico-2", "thumbv8m.main-none-eabihf", &["uart"]),
];

/// The feature whose image is run.
const RUN: &str = "emulated";

/// Other images with features are built to see that they compile, pass the lints and link. Their dependencies are those of the default image;
/// the optimisation at link time, half of the time, is left out. The image is larger, and must fit the chip's flash all the same.
const FAST_LINK: &str = " -- -Copt-level=0";

/// Specs of the runs in emulators of chips: every family once.
const SPECS: [&str; 3] = [
    "--depth 6 --width 12 --points 20 --runs 2",
    "--family resnet --norm batch --depth 4 --width 8 --points 20 --runs 1",
    "--family highway --derivative forward --depth 4 --width 8 --points 9 --runs 1",
];

const EMULATED: &str = "boards: STM32F407 in QEMU";
const OWN_NETWORK: &str = "boards: the example of an own network, on three cores";
const RECOMPUTE: &str = "boards: a convnet by recompute on a Cortex-M4F";

/// What chips are built for, with logs in the core.
pub fn targets() -> impl Iterator<Item = &'static str> {
    BOARDS.iter().map(|(_, target, _)| *target)
}

/// Every board, with every transport.
pub fn firmware(tree: &Tree, report: &mut Report, tools: &Tools) {
    for (name, target, features) in BOARDS {
        let step = format!("boards: {name}");
        if let Err(reason) = tools.target(target) {
            report.skip(step, &reason);
            continue;
        }
        report.step(step, || {
            succeed(&mut tree.firmware(name, "build --quiet --release"))?;
            features.iter().try_for_each(|feature| {
                let (command, end) = if *feature == RUN { ("build", "") } else { ("rustc", FAST_LINK) };
                succeed(&mut tree.firmware(name, &format!("{command} --quiet --release --features {feature}{end}")))
            })
        });
    }
}

/// The images held to the chips, and what runs without a chip.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    report.step("boards: images fit their chips", || test_boards(tree, "images::"));
    type Run = fn(&Tree) -> Result<()>;
    let steps: [(&str, Run); 3] = [(EMULATED, emulated), (OWN_NETWORK, own_network), (RECOMPUTE, recompute)];
    for (step, run) in steps {
        match tools.emulators() {
            Ok(()) => report.step(step, || run(tree)),
            Err(reason) => report.skip(step.to_owned(), &reason),
        }
    }
}

/// What takes minutes, or a program that is not Debian's.
pub fn long_steps(tree: &Tree, report: &mut Report) {
    report.step("boards: chips as probe-rs knows them", || {
        let words = "test --quiet --release -p shatterscope-host --features probe --test all --test boards -- \
                     --include-ignored --nocapture chips:: devices::";
        succeed(&mut tree.cargo(words))
    });
    report.step("boards: Raspberry Pi Pico in rp2040js", || pico(tree));
}

/// A process that ends with its step.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The image of the Discovery board, its USART2 on a pseudo-terminal, to be opened as any serial port.
fn emulated(tree: &Tree) -> Result<()> {
    programs::build(tree)?;
    let board = "stm32f407-discovery";
    succeed(&mut tree.firmware(board, "build --quiet --release --features emulated"))?;
    let image = tree.boards_target.join("thumbv7em-none-eabihf/release").join(board);
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "null", "-serial", "pty"]);
    let mut running = Running(qemu.arg("-kernel").arg(image).stdout(Stdio::piped()).spawn()?);
    let mut told = String::new();
    let mut lines = BufReader::new(running.0.stdout.take().context("its output is piped")?);
    lines.read_line(&mut told)?;
    let Some(port) = told.split_whitespace().find(|word| word.starts_with("/dev/pts/")) else {
        bail!("QEMU does not name its pseudo-terminal: {told}");
    };
    SPECS.iter().try_for_each(|spec| compare(tree, &format!("{spec} --targets host,serial:{port}")).map(drop))
}

fn own_network(tree: &Tree) -> Result<()> {
    test_boards(tree, "own_network::")
}

fn recompute(tree: &Tree) -> Result<()> {
    test_boards(tree, "recompute::")
}

/// The image of the Pico with interrupts and UART0, in an emulator that shares nothing with QEMU.
fn pico(tree: &Tree) -> Result<()> {
    let modules = tree.target.join("rp2040js");
    std::fs::create_dir_all(&modules)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-fund", "--no-audit", "rp2040js@1.4.1"]).current_dir(&modules);
    succeed(&mut npm).context("rp2040js comes from npm: sudo apt-get install npm")?;
    programs::build(tree)?;
    succeed(&mut tree.firmware("raspberry-pi-pico", "build --quiet --release --features uart"))?;
    let image = tree.boards_target.join("thumbv6m-none-eabi/release/raspberry-pi-pico");
    for spec in SPECS {
        let script = tree.root.join("boards/raspberry-pi-pico/emulate.mjs");
        let pipe = format!("pipe:node {} {} {}", script.display(), modules.display(), image.display());
        let mut command = program(tree, &format!("compare --json --quiet {spec} --targets"));
        command.arg(format!("host,{pipe}"));
        let (told, equal) = compared(&mut command, LIMIT)?;
        if !equal {
            bail!("the targets differ: {}", serde_json::to_string_pretty(&told)?);
        }
    }
    Ok(())
}
