//! The kernels at the edge of their memory (`host-tools/bounds`): under AddressSanitizer, which runs every instruction set that
//! this machine has, and under Miri, which knows the rules of the language besides.
use crate::step::Report;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Context, Result, bail};
use std::process::Command;

const PACKAGE: &str = "-p shatterscope-bounds";

/// Each load and store is looked at by a call, which is compiled sooner than the same instructions in its place.
const SANITIZER: &str = "-Zsanitizer=address -Cllvm-args=-asan-instrumentation-with-call-threshold=0";

/// Who watches.
#[derive(Clone, Copy)]
enum Watch {
    Sanitizer,
    /// Compiled for these target features: Miri asks no processor.
    Miri(&'static str),
}

impl Watch {
    /// Cargo's test of the package, with arguments.
    fn test(self, tree: &Tree, arguments: &str) -> Result<Command> {
        let host = host(tree)?;
        Ok(match self {
            Watch::Sanitizer => {
                let mut command = tree.cargo(&format!("test --quiet {PACKAGE} --target {host} {arguments}"));
                // The pinned compiler brings the sanitizer's library, and wants to be told that the flag may change.
                command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", SANITIZER);
                command.env("CARGO_TARGET_DIR", tree.target.join("sanitizer"));
                command
            }
            Watch::Miri(features) => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo", "miri", "test", "--quiet", "--features=soft-roots"]);
                command.args(PACKAGE.split(' ')).args(arguments.split_whitespace()).current_dir(&tree.root);
                // Not the pinned compiler's own paths, which cargo hands on.
                command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTDOC").env_remove("RUSTUP_TOOLCHAIN");
                command.env("RUSTFLAGS", features).env("CARGO_TARGET_DIR", tree.target.join("miri"));
                command
            }
        })
    }

    /// What it says when it stops at the planted load.
    fn alarm(self) -> &'static str {
        match self {
            Watch::Sanitizer => "AddressSanitizer: heap-buffer-overflow",
            Watch::Miri(_) => "Undefined Behavior: memory access failed",
        }
    }
}

/// Under the sanitizer.
pub fn steps(tree: &Tree, report: &mut Report) {
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        watch(tree, report, "memory under AddressSanitizer", Watch::Sanitizer);
    } else {
        report.skip("memory under AddressSanitizer", "run on x86-64 Linux alone");
    }
}

/// Under Miri, which a nightly compiler brings.
pub fn long_steps(tree: &Tree, report: &mut Report) {
    if let Err(error) = miri() {
        report.skip("memory under Miri", &format!("{error:#}").replace('\n', "; "));
        return;
    }
    for (what, features) in [("SSE2", ""), ("AVX2", "-Ctarget-feature=+avx2"), ("AVX-512", "-Ctarget-feature=+avx512f")]
    {
        watch(tree, report, &format!("memory under Miri, {what}"), Watch::Miri(features));
    }
}

/// The kernels pass, and the planted load does not.
fn watch(tree: &Tree, report: &mut Report, name: &str, watch: Watch) {
    report.step(name, || {
        succeed(&mut watch.test(tree, "")?)?;
        let planted = watch.test(tree, "--test all -- --ignored planted::")?.output()?;
        let said = [planted.stdout, planted.stderr].concat();
        if planted.status.success() || !String::from_utf8_lossy(&said).contains(watch.alarm()) {
            bail!("the planted load past the end was not found:\n{}", String::from_utf8_lossy(&said));
        }
        Ok(())
    });
}

fn host(tree: &Tree) -> Result<String> {
    let version = output_of(Command::new("rustc").arg("-vV").current_dir(&tree.root))?;
    Ok(version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?.to_owned())
}

/// Installs Miri for a nightly compiler that is there.
fn miri() -> Result<()> {
    let there = || output_of(Command::new("rustup").args(["run", "nightly", "cargo", "miri", "--version"]));
    if there().is_err() {
        output_of(Command::new("rustup").args(["component", "add", "--toolchain", "nightly", "miri", "rust-src"]))?;
        there()?;
    }
    Ok(())
}
