use crate::step::Report;
use crate::tree::{output_of, succeed, text_of};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// What the core is checked for: every 32-bit Arm profile, RISC-V, and 64 bits without an operating system.
pub const TARGETS: [&str; 8] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "riscv32imac-unknown-none-elf",
    "riscv32imafc-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    "aarch64-unknown-none",
];

/// What could not be had; steps that need it are skipped.
pub struct Tools {
    missing_targets: Vec<&'static str>,
    qemu: bool,
}

impl Tools {
    pub fn target(&self, target: &str) -> Result<(), String> {
        if self.missing_targets.contains(&target) {
            return Err(format!("the target {target} cannot be installed"));
        }
        Ok(())
    }

    pub fn qemu(&self) -> Result<(), String> {
        if self.qemu { Ok(()) } else { Err("qemu-system-arm cannot be installed".to_owned()) }
    }
}

/// Installs what is missing. What only the user may install fails the step and says how.
pub fn provide(report: &mut Report) -> Tools {
    let mut tools = Tools { missing_targets: Vec::new(), qemu: true };
    report.step("tools", || {
        for component in ["fmt", "clippy"] {
            if !runs(Command::new("cargo").args([component, "--version"])) {
                let name = if component == "fmt" { "rustfmt" } else { component };
                succeed(Command::new("rustup").args(["component", "add", name]))?;
            }
        }
        tools.missing_targets = missing_targets()?;
        tools.qemu = provide_qemu()?;
        Ok(())
    });
    tools
}

/// The targets that are neither there nor to be had.
fn missing_targets() -> Result<Vec<&'static str>> {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    let there = |target: &str| Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir();
    for target in TARGETS.into_iter().filter(|target| !there(target)) {
        if let Err(error) = succeed(Command::new("rustup").args(["target", "add", target])) {
            println!("{error:#}");
        }
    }
    Ok(TARGETS.into_iter().filter(|target| !there(target)).collect())
}

fn provide_qemu() -> Result<bool> {
    let there = || runs(Command::new("qemu-system-arm").arg("--version"));
    if there() {
        return Ok(true);
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends", "qemu-system-arm"]);
    let root = output_of(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || !runs(Command::new("apt-get").arg("--version")) {
        bail!("qemu-system-arm is missing; install it: sudo {}", text_of(&install));
    }
    for command in [Command::new("apt-get").arg("update"), &mut install] {
        if let Err(error) = succeed(command) {
            println!("{error:#}");
        }
    }
    Ok(there())
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
