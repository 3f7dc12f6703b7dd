//! The boards, by their facts; and programs of `boards/` that are built for an emulated one and print over semihosting.
use crate::tree::{Tree, succeed};
use anyhow::Result;
pub use shatterscope_board_facts::Board;
use shatterscope_board_facts::{Emulator, Kind, all};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::OnceLock;

/// All boards, as the files in `boards/` have them.
fn boards() -> &'static [Board] {
    static BOARDS: OnceLock<Vec<Board>> = OnceLock::new();
    BOARDS.get_or_init(|| {
        all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_default().join("boards"))
            .unwrap_or_else(|error| {
                eprintln!("xtask: {error}");
                exit(1)
            })
    })
}

/// The emulated boards, smallest memory first.
pub fn emulated() -> impl Iterator<Item = &'static Board> + Clone {
    boards().iter().filter(|board| board.emulated())
}

/// The emulated board with the least memory: no FPU.
pub fn smallest() -> Option<&'static Board> {
    emulated().next()
}

/// The first emulated board with an FPU: a Cortex-M4F.
pub fn with_fpu() -> Option<&'static Board> {
    emulated().find(|board| board.fpu())
}

/// The chips.
pub fn chips() -> impl Iterator<Item = &'static Board> {
    boards().iter().filter(|board| !board.emulated())
}

/// Every target that a board is built for, once.
pub fn targets() -> Vec<&'static str> {
    let mut targets: Vec<&str> = Vec::new();
    for board in boards() {
        if !targets.contains(&&*board.target) {
            targets.push(&board.target);
        }
    }
    targets
}

/// The emulator of a board.
pub fn emulator(board: &Board) -> Option<&Emulator> {
    match &board.kind {
        Kind::Qemu { emulator, .. } => Some(emulator),
        Kind::Chip { emulator, .. } => emulator.as_ref(),
    }
}

/// An emulator and its machine, as a command.
pub fn machine(emulator: &Emulator) -> Command {
    let mut command = Command::new(&emulator.program);
    command.args(&emulator.arguments);
    command
}

/// Builds the program of `boards/PACKAGE` for an emulated board: its image. Boards with one target and one memory map have one image, which
/// is linked once.
pub fn build(tree: &Tree, board: &Board, package: &str) -> Result<PathBuf> {
    let like = |other: &&Board| other.target == board.target && other.same_map(board);
    let first = emulated().find(like).unwrap_or(board);
    let words = format!("build --quiet --release --target {}", board.target);
    succeed(tree.firmware(package, &words).env("SHATTERSCOPE_BOARD", &first.name))?;
    Ok(tree.boards_target.join(&board.target).join("release").join(package))
}

/// Runs an image. What it prints is all that is printed, and its exit code is the emulator's.
pub fn run(board: &Board, image: &Path) -> Command {
    let mut command = emulator(board).map_or(Command::new("false"), machine);
    command.args(["-display", "none", "-monitor", "none", "-serial", "none"]);
    command.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(image);
    command
}
