//! Helpers that several tests of the tool call.
#![allow(dead_code, reason = "tests/boards.rs calls only some of them")]
use assert_cmd::Command;
use clap::Parser;
use shatterscope::wire::{Part, Run};
use shatterscope_host::cli;
use shatterscope_host::device::fit::request;
use shatterscope_host::spec::Overrides;
use shatterscope_host::train::Spec;

/// Exit code, standard output and standard error of the tool with these arguments.
pub fn shatterscope(line: &str) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("shatterscope").unwrap();
    let output = command.args(line.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The spec that `train` makes of these options.
pub fn train_spec(options: &str) -> Spec {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        train: cli::Train,
    }
    Options::parse_from(["train"].into_iter().chain(options.split_whitespace())).train.spec().unwrap()
}

/// A request for this part of a small network.
pub fn run(part: Part) -> Run {
    let spec = Overrides { depth: Some(3), width: Some(5), points: Some(130), ..Overrides::default() };
    Run { part, ..request(&spec.resolve().unwrap(), 0, 0).unwrap() }
}
