//! WebAssembly with SIMD128 and without, which are two builds: nothing is detected at run time.
use crate::programs::{self, program};
use crate::qemu::{LIMIT, compared};
use crate::step::Report;
use crate::tools::Tools;
use crate::tools::WASM;
use crate::tree::{Tree, succeed};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Programs with a standard library, run under node by `host-tools/goldens/wasi.mjs`.
pub const WASI: &str = "wasm32-wasip1";

/// Name of each build's instruction set, and the flags of the compiler.
pub const BUILDS: [(&str, &str); 2] = [("portable", ""), ("simd128", "-Ctarget-feature=+simd128")];

/// Goldens, vectors and kernels of the core, and the suite of the firmware, in both builds.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    if let Some(reason) = [WASI, WASM].iter().find_map(|target| tools.target(target).err()).or(tools.node().err()) {
        report.skip("WebAssembly", &reason);
        return;
    }
    report.step("WebAssembly: goldens and kernels, portable and SIMD128", || {
        BUILDS.iter().try_for_each(|(isa, flags)| {
            let words = "test --quiet -p shatterscope-goldens --test goldens --test kernels --target wasm32-wasip1";
            let mut command = tree.cargo(words);
            succeed(with(&mut command, tree, flags).env("SHATTERSCOPE_ISA", isa))
        })
    });
    report.step("WebAssembly: the suite with SIMD128", || suite(tree));
}

/// The flags of a build, and what runs its programs.
pub fn with<'c>(command: &'c mut Command, tree: &Tree, flags: &str) -> &'c mut Command {
    let runner = format!("node --no-warnings {}", tree.root.join("host-tools/goldens/wasi.mjs").display());
    command
        .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner)
        .env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", flags)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags)
}

/// The firmware under node; without SIMD128 the suite runs with all other devices.
fn suite(tree: &Tree) -> Result<()> {
    let (name, flags) = BUILDS[1];
    let mut build = tree.firmware("wasm", &format!("build --quiet --profile {name} --target {WASM}"));
    succeed(with(&mut build, tree, flags))?;
    programs::build(tree)?;
    let (script, module) = (tree.root.join("boards/wasm/run.mjs"), tree.boards_target.join(WASM).join(name));
    let module = module.join("shatterscope_wasm.wasm");
    let pipe = format!("host,pipe:node {} {}", script.display(), module.display());
    let (told, equal) = compared(program(tree, "compare --json --quiet --suite --targets").arg(pipe), LIMIT)?;
    let specs = told["comparisons"].as_array().context("the suite has comparisons")?;
    if !equal || specs.len() < 12 {
        bail!("{} specs, equal: {equal}: {}", specs.len(), serde_json::to_string_pretty(&told)?);
    }
    println!("{} specs have this machine's digests", specs.len());
    Ok(())
}
