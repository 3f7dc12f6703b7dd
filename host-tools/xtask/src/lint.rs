//! Lints firmware while it is built. Cargo calls this program in the place of the compiler for every crate of `boards/`
//! (`RUSTC_WORKSPACE_WRAPPER`): clippy looks at the crate, and the compiler builds it as it would have without. So what firmware depends on
//! is compiled once, not once for lints and once for the program.
use anyhow::{Context, Result};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

const WRAPPER: &str = "RUSTC_WORKSPACE_WRAPPER";

/// Tells this program that cargo has called it: `BUILD`, or `ONLY` where nothing is to be built.
const CALLED: &str = "SHATTERSCOPE_LINTS";
const BUILD: &str = "build";
const ONLY: &str = "only";

/// What cargo builds of `boards/` under this command is linted. A program has another hash then: all builds of a folder want the same.
pub fn with_lints(command: &mut Command) -> &mut Command {
    called(command, BUILD)
}

/// The crates named are linted and not built: for programs whose dependencies have been.
pub fn only_lints(command: &mut Command) -> &mut Command {
    called(command, ONLY)
}

/// Nothing that cargo builds under this command is linted.
pub fn without_lints(command: &mut Command) -> &mut Command {
    command.env_remove(WRAPPER).env_remove(CALLED)
}

fn called<'a>(command: &'a mut Command, how: &str) -> &'a mut Command {
    command.env(WRAPPER, itself()).env(CALLED, how)
}

/// A copy of this program: the other lane's tests build `xtask` anew, and then the program is gone for a moment. Where it cannot be made,
/// cargo says that it is not there, and builds nothing.
fn itself() -> &'static Path {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let program = env::current_exe().unwrap_or_default();
        let (copy, new) = (program.with_file_name("xtask-lints"), program.with_file_name("xtask-lints.new"));
        // One that is running can be replaced, and not written to.
        if let Err(error) = fs::copy(&program, &new).and_then(|_| fs::rename(&new, &copy)) {
            eprintln!("xtask: cannot copy itself to {}: {error}", copy.display());
        }
        copy
    })
}

/// What cargo asked for, if it was cargo that called.
pub fn answer() -> Option<ExitCode> {
    let how = env::var(CALLED).ok()?;
    let mut words = env::args_os().skip(1);
    let compiler = words.next()?;
    let words: Vec<_> = words.collect();
    // Cargo runs build scripts, whatever is asked for.
    let only = how == ONLY && !words.iter().any(|word| word == "build_script_build");
    let done = linted(&compiler, &words, only);
    Some(done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    }))
}

fn linted(compiler: &OsStr, words: &[OsString], only: bool) -> Result<ExitCode> {
    // Cargo's questions about the compiler build nothing.
    if words.iter().any(|word| begins(word, "--emit=")) {
        let mut clippy = Command::new(Path::new(compiler).with_file_name("clippy-driver"));
        clippy.arg(compiler).args(check_arguments(words, only)).arg("-Dwarnings");
        let status = clippy.status().context("clippy-driver does not start: rustup component add clippy")?;
        if only || !status.success() {
            return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    let status = Command::new(compiler).args(words).status().context("the compiler does not start")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The compiler's arguments, changed so that clippy checks the crate without generating code. The metadata is written to a folder beside
/// the compiler's own output, and cargo is not notified of it.
fn check_arguments(words: &[OsString], only: bool) -> Vec<OsString> {
    let mut after_folder = false;
    let changed = |word: &OsString| {
        let folder = std::mem::replace(&mut after_folder, word == "--out-dir");
        match word.to_str() {
            Some(word) if word.starts_with("--emit=") && only => "--emit=dep-info,metadata".into(),
            Some(word) if word.starts_with("--emit=") => "--emit=metadata".into(),
            Some(word) if word.starts_with("--json=") => word.replace(",artifacts", "").into(),
            _ if folder && !only => Path::new(word).with_file_name("lints").into(),
            _ => word.clone(),
        }
    };
    words.iter().map(changed).collect()
}

fn begins(word: &OsStr, with: &str) -> bool {
    word.to_str().is_some_and(|word| word.starts_with(with))
}
