//! The command line program.
use shatterscope_host::cli::Cli;
use shatterscope_host::text;
use std::process::ExitCode;

fn main() -> ExitCode {
    let failed = shatterscope::contract::self_test();
    if !failed.is_empty() {
        eprintln!("error: this machine does not compute as the contract asks ({failed:?}): no result can be trusted");
        return ExitCode::from(1);
    }
    match Cli::of_words(std::env::args_os()).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // One line, whatever a device or a file had to do with it.
            eprintln!("error: {}", text::line(&failure.to_string()));
            ExitCode::from(failure.code)
        }
    }
}
