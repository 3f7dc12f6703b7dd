use crate::emulated;
use crate::step::Report;
use crate::tree::{output_of, succeed, text_of};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// What the core is checked for: the targets of all boards, and WebAssembly.
pub fn targets() -> Vec<&'static str> {
    let mut targets = emulated::targets();
    targets.push(WASM);
    targets
}

pub const WASM: &str = "wasm32-unknown-unknown";

/// What could not be had; steps that need it are skipped.
#[derive(Default)]
pub struct Tools {
    missing_targets: Vec<&'static str>,
    missing_programs: Vec<&'static str>,
}

impl Tools {
    pub fn target(&self, target: &str) -> Result<(), String> {
        if self.missing_targets.contains(&target) {
            return Err(format!("the target {target} cannot be installed"));
        }
        Ok(())
    }

    /// Every emulator, and node.
    pub fn emulators(&self) -> Result<(), String> {
        self.program(|program| program.starts_with("qemu-system-") || program == "node")
    }

    /// The emulators of single processes.
    pub fn processes(&self) -> Result<(), String> {
        self.program(|program| program.starts_with("qemu-") && !program.starts_with("qemu-system-"))
    }

    /// What runs WebAssembly.
    pub fn node(&self) -> Result<(), String> {
        self.program(|program| program == "node")
    }

    /// One emulator.
    pub fn emulator(&self, name: &str) -> Result<(), String> {
        self.program(|program| program == name)
    }

    /// What counts instructions and watches memory.
    pub fn valgrind(&self) -> Result<(), String> {
        self.program(|program| program == VALGRIND)
    }

    /// ONNX's own tests.
    pub fn onnx_tests(&self) -> Result<(), String> {
        self.program(|program| program == ONNX_TESTS.0)
    }

    /// The browser.
    pub fn browser(&self) -> Result<(), String> {
        self.program(|program| program == BROWSER)
    }

    fn program(&self, wanted: impl Fn(&str) -> bool) -> Result<(), String> {
        match self.missing_programs.iter().find(|program| wanted(program)) {
            None => Ok(()),
            Some(program) => Err(format!("{program} cannot be installed")),
        }
    }
}

const BROWSER: &str = "chromium";
const VALGRIND: &str = "valgrind";

/// Programs that run firmware, the browser that looks at the report, and valgrind, with the Debian packages that they are in.
const PROGRAMS: [(&str, &str); 13] = [
    ("qemu-system-arm", "qemu-system-arm"),
    ("qemu-system-aarch64", "qemu-system-arm"),
    ("qemu-system-riscv32", "qemu-system-misc"),
    ("qemu-system-riscv64", "qemu-system-misc"),
    ("qemu-i386", "qemu-user"),
    ("qemu-arm", "qemu-user"),
    ("qemu-aarch64", "qemu-user"),
    ("qemu-riscv64", "qemu-user"),
    ("qemu-ppc64le", "qemu-user"),
    ("qemu-s390x", "qemu-user"),
    ("node", "nodejs"),
    (BROWSER, "chromium"),
    (VALGRIND, "valgrind"),
];

/// ONNX's own tests, which are models with inputs and outputs, and the Debian package that they are in.
const ONNX_TESTS: (&str, &str) = ("/usr/share/libonnx-testdata/data", "libonnx-testdata");

/// Installs what is missing. What only the user may install fails the step and says how.
pub fn provide(report: &mut Report) -> Tools {
    let mut tools = Tools::default();
    report.step("tools", || {
        for component in ["fmt", "clippy"] {
            if !runs(Command::new("cargo").args([component, "--version"])) {
                let name = if component == "fmt" { "rustfmt" } else { component };
                succeed(Command::new("rustup").args(["component", "add", name]))?;
            }
        }
        tools.missing_targets = missing_targets()?;
        tools.missing_programs = missing_programs()?;
        Ok(())
    });
    tools
}

/// What there is, after `provide`: installs nothing.
pub fn found() -> Result<Tools> {
    let there = installed()?;
    let missing_programs = missing().map(|(program, _)| program).collect();
    Ok(Tools { missing_targets: all_targets().filter(|target| !there(target)).collect(), missing_programs })
}

/// What the core is checked for, and what it is run on under QEMU's emulation of one process.
fn all_targets() -> impl Iterator<Item = &'static str> {
    targets().into_iter().chain(crate::machines::targets()).chain([crate::wasm::WASI])
}

/// Whether a target is installed.
fn installed() -> Result<impl Fn(&str) -> bool> {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(move |target: &str| Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Programs and data that are not there, with their packages.
fn missing() -> impl Iterator<Item = (&'static str, &'static str)> {
    let programs = PROGRAMS.into_iter().filter(|(program, _)| !runs(Command::new(program).arg("--version")));
    programs.chain(Some(ONNX_TESTS).filter(|(folder, _)| !Path::new(folder).is_dir()))
}

/// The targets that are neither there nor to be had.
fn missing_targets() -> Result<Vec<&'static str>> {
    let there = installed()?;
    for target in all_targets().filter(|target| !there(target)) {
        if let Err(error) = succeed(Command::new("rustup").args(["target", "add", target])) {
            println!("{error:#}");
        }
    }
    Ok(all_targets().filter(|target| !there(target)).collect())
}

/// The programs that are neither there nor to be had.
fn missing_programs() -> Result<Vec<&'static str>> {
    let mut packages: Vec<_> = missing().map(|(_, package)| package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends"]).args(&packages);
    let root = output_of(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || !runs(Command::new("apt-get").arg("--version")) {
        bail!("{} missing; install: sudo {}", packages.join(" and "), text_of(&install));
    }
    for command in [Command::new("apt-get").arg("update"), &mut install] {
        if let Err(error) = succeed(command) {
            println!("{error:#}");
        }
    }
    Ok(missing().map(|(program, _)| program).collect())
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
