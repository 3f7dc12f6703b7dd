//! The desktop program that devices are compared with, and the tests beside it that need devices: in the profile and with the features of
//! all other tests, so that neither is built for itself.
use crate::lint;
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Command;

/// All tests but those of `bounds`, which run under AddressSanitizer, a step of their own.
pub const TESTS: &str = "test --workspace --exclude shatterscope-bounds --features shatterscope/flash";

/// Builds the program, if it is older than its source, and the tests of `host-tools/tests/boards.rs`.
pub fn build(tree: &Tree) -> Result<()> {
    succeed(&mut tree.cargo(&format!("{TESTS} --quiet --test boards --no-run")))
}

/// The program with these words. Firmware that it builds is linted.
pub fn program(tree: &Tree, words: &str) -> Command {
    let mut command = Command::new(tree.target.join("debug/shatterscope"));
    command.args(words.split_whitespace()).current_dir(&tree.root).env("CARGO_TARGET_DIR", &tree.target);
    lint::with_lints(&mut command);
    command
}

/// Runs ignored tests of `host-tools/tests/boards.rs`. Not by way of cargo: what is set for firmware would be set for the program as well.
pub fn test_boards(tree: &Tree, words: &str) -> Result<()> {
    let told = output_of(&mut tree.cargo(&format!("{TESTS} --quiet --test boards --no-run --message-format=json")))?;
    let told = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = told
        .filter(|told| told["target"]["name"] == "boards")
        .find_map(|told| told["executable"].as_str().map(str::to_owned));
    let mut command = Command::new(program.context("cargo names no program of tests")?);
    command.args(["--ignored", "--nocapture"]).args(words.split_whitespace());
    command.current_dir(tree.root.join("host-tools")).env("CARGO_TARGET_DIR", &tree.target);
    succeed(lint::with_lints(&mut command))
}
