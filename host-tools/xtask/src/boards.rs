//! The firmware of real boards: built and linted with every transport, its images held to the chips' memory, and run where
//! an emulator has the chip.
use crate::emulated::{Board, chips, emulator, machine};
use crate::programs::{self, program, test_boards};
use crate::qemu::{LIMIT, compare, compared};
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, succeed};
use anyhow::{Context, Result, bail};
use shatterscope_board_facts::CHIPS;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The feature whose image is run.
const RUN: &str = "emulated";

/// Specs of the runs in emulators of chips: every family once.
const SPECS: [&str; 3] = [
    "--depth 6 --width 12 --points 20 --runs 2",
    "--family resnet --norm batch --depth 4 --width 8 --points 20 --runs 1",
    "--family highway --derivative forward --depth 4 --width 8 --points 9 --runs 1",
];

const EMULATED: &str = "boards: the image of a chip in QEMU";
const OWN_NETWORK: &str = "boards: the example of an own network, on three cores";
const RECOMPUTE: &str = "boards: a convnet by recompute on a Cortex-M4F";

/// What chips are built for, with logs in the core.
pub fn targets() -> impl Iterator<Item = &'static str> {
    chips().map(|board| &*board.target)
}

/// Where a chip's package is, below `boards/`.
fn folder(board: &Board) -> String {
    format!("{CHIPS}/{}", board.name)
}

/// The operations of imported models, which do not fit every chip beside all else, and the chip that they are built for.
const MODELS: (&str, &str) = ("models", "stm32f407-discovery");

/// Every board, with every transport.
pub fn firmware(tree: &Tree, report: &mut Report, tools: &Tools) {
    for board in chips() {
        let (step, folder) = (format!("boards: {}", board.name), folder(board));
        if let Err(reason) = tools.target(&board.target) {
            report.skip(step, &reason);
            continue;
        }
        report.step(step, || {
            succeed(&mut tree.firmware(&folder, "build --quiet --release"))?;
            let features = board.features()?;
            features.iter().filter(|feature| *feature != MODELS.0).try_for_each(|feature| {
                succeed(&mut tree.firmware(&folder, &format!("build --quiet --release --features {feature}")))
            })?;
            match board.name == MODELS.1 {
                true => succeed(&mut tree.firmware(
                    &folder,
                    &format!("build --quiet --release --no-default-features --features conv,norm,{}", MODELS.0),
                )),
                false => Ok(()),
            }
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
    report.step("boards: the image of a Pico in rp2040js", || pico(tree));
}

/// A process that ends with its step.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The image of each chip whose facts name an emulator, its second UART on a pseudo-terminal, to be opened as any serial port.
fn emulated(tree: &Tree) -> Result<()> {
    programs::build(tree)?;
    chips().filter_map(|board| Some((board, emulator(board)?))).try_for_each(|(board, emulator)| {
        succeed(&mut tree.firmware(&folder(board), &format!("build --quiet --release --features {RUN}")))?;
        let mut qemu = machine(emulator);
        qemu.args(["-display", "none", "-monitor", "none", "-serial", "null", "-serial", "pty"]);
        let mut running = Running(qemu.arg("-kernel").arg(image(tree, board)).stdout(Stdio::piped()).spawn()?);
        let mut told = String::new();
        let mut lines = BufReader::new(running.0.stdout.take().context("its output is piped")?);
        lines.read_line(&mut told)?;
        let Some(port) = told.split_whitespace().find(|word| word.starts_with("/dev/pts/")) else {
            bail!("QEMU does not name its pseudo-terminal: {told}");
        };
        SPECS.iter().try_for_each(|spec| compare(tree, &format!("{spec} --targets host,serial:{port}")).map(drop))
    })
}

/// The program of a chip, once built.
fn image(tree: &Tree, board: &Board) -> PathBuf {
    tree.boards_target.join(&board.target).join("release").join(&board.name)
}

fn own_network(tree: &Tree) -> Result<()> {
    test_boards(tree, "own_network::")
}

fn recompute(tree: &Tree) -> Result<()> {
    test_boards(tree, "recompute::")
}

/// The image with interrupts and UART of each chip that has a script for rp2040js, an emulator that shares nothing with QEMU.
fn pico(tree: &Tree) -> Result<()> {
    let modules = tree.target.join("rp2040js");
    std::fs::create_dir_all(&modules)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-fund", "--no-audit", "rp2040js@1.4.1"]).current_dir(&modules);
    succeed(&mut npm).context("rp2040js comes from npm: sudo apt-get install npm")?;
    programs::build(tree)?;
    for board in chips() {
        let script = board.folder.join("emulate.mjs");
        if !script.is_file() {
            continue;
        }
        succeed(&mut tree.firmware(&folder(board), "build --quiet --release --features uart"))?;
        for spec in SPECS {
            let image = image(tree, board);
            let pipe = format!("pipe:node {} {} {}", script.display(), modules.display(), image.display());
            let mut command = program(tree, &format!("compare --json --quiet {spec} --targets"));
            command.arg(format!("host,{pipe}"));
            let (told, equal) = compared(&mut command, LIMIT)?;
            if !equal {
                bail!("the targets differ: {}", serde_json::to_string_pretty(&told)?);
            }
        }
    }
    Ok(())
}
