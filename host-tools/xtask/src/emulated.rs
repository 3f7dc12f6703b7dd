//! The emulated boards, and programs of `boards/` that are built for one of them and print over semihosting.
use crate::tree::{Tree, succeed};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An emulated board and what it is built for.
pub struct Board {
    pub name: &'static str,
    pub core: &'static str,
    pub target: &'static str,
    /// The emulator, and the words for its machine.
    pub program: &'static str,
    pub machine: &'static [&'static str],
}

const fn arm(name: &'static str, core: &'static str, target: &'static str, machine: &'static [&'static str]) -> Board {
    Board { name, core, target, program: "qemu-system-arm", machine }
}

const fn riscv(name: &'static str, core: &'static str, target: &'static str, program: &'static str) -> Board {
    Board { name, core, target, program, machine: &["-M", "virt", "-bios", "none"] }
}

pub const BOARDS: [Board; 10] = [
    arm("microbit", "Cortex-M0", "thumbv6m-none-eabi", &["-M", "microbit"]),
    arm("mps2-an385", "Cortex-M3", "thumbv7m-none-eabi", &["-M", "mps2-an385"]),
    arm("mps2-an386", "Cortex-M4F", "thumbv7em-none-eabihf", &["-M", "mps2-an386"]),
    arm("mps2-an500", "Cortex-M7", "thumbv7em-none-eabihf", &["-M", "mps2-an500"]),
    arm("mps2-an505", "Cortex-M33", "thumbv8m.main-none-eabihf", &["-M", "mps2-an505"]),
    arm("mps3-an547", "Cortex-M55", "thumbv8m.main-none-eabihf", &["-M", "mps3-an547"]),
    riscv("riscv32imac", "RV32IMAC", "riscv32imac-unknown-none-elf", "qemu-system-riscv32"),
    riscv("riscv32imafc", "RV32IMAFC", "riscv32imafc-unknown-none-elf", "qemu-system-riscv32"),
    riscv("riscv64gc", "RV64GC", "riscv64gc-unknown-none-elf", "qemu-system-riscv64"),
    Board {
        name: "aarch64",
        core: "Cortex-A53",
        target: "aarch64-unknown-none",
        program: "qemu-system-aarch64",
        machine: &["-M", "virt", "-cpu", "cortex-a53", "-nic", "none"],
    },
];

impl Board {
    /// Builds the program of `boards/PACKAGE`: its image. Boards with one target and one memory map have one image, which is linked once.
    pub fn build(&self, tree: &Tree, package: &str) -> Result<PathBuf> {
        let map = |board: &Board| std::fs::read(tree.root.join(format!("boards/qemu/memory/{}.x", board.name)));
        let own = map(self)?;
        let like = |board: &&Board| board.target == self.target && map(board).is_ok_and(|map| map == own);
        let first = BOARDS.iter().find(like).unwrap_or(self);
        let build = format!("build --quiet --release --target {}", self.target);
        succeed(tree.firmware(package, &build).env("SHATTERSCOPE_BOARD", first.name))?;
        Ok(tree.boards_target.join(self.target).join("release").join(package))
    }

    /// Runs an image. What it prints is all that is printed, and its exit code is the emulator's.
    pub fn run(&self, image: &Path) -> Command {
        let mut command = Command::new(self.program);
        command.args(self.machine).args(["-display", "none", "-monitor", "none", "-serial", "none"]);
        command.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(image);
        command
    }
}
