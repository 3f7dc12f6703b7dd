//! The arithmetic on integers, on the emulated cores that have no FPU.
use crate::tree::{Tree, run_for, succeed, text_of};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Duration;

const CORES: [(&str, &str); 3] = [
    ("thumbv6m-none-eabi", "qemu-system-arm -M microbit"),
    ("thumbv7m-none-eabi", "qemu-system-arm -M mps2-an385"),
    ("riscv32imac-unknown-none-elf", "qemu-system-riscv32 -M virt -bios none"),
];
const QUIET: &str = "-display none -monitor none -serial none -semihosting-config enable=on,target=native -kernel";
const LIMIT: Duration = Duration::from_secs(120);

/// Runs `boards/soft-float-check`, which says what differs and fails.
pub fn check(tree: &Tree) -> Result<()> {
    for (target, emulator) in CORES {
        let build = format!("build --quiet --release --target {target}");
        succeed(&mut tree.cargo_of_boards("soft-float-check", &build))?;
        let mut words = emulator.split_whitespace().chain(QUIET.split_whitespace());
        let mut command = Command::new(words.next().context("an emulator has a name")?);
        command.args(words).arg(tree.boards_target.join(target).join("release/soft-float-check"));
        println!("$ {}", text_of(&command));
        let (status, said) = run_for(&mut command, LIMIT)?;
        if !status.success() {
            bail!("the arithmetic on {target} is wrong, or its program ended with {status}");
        }
        print!("{target}: {said}");
    }
    Ok(())
}
