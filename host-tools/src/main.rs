//! The command line program.
use shatterscope_host::cli::Cli;
use shatterscope_host::error::CLOSED_PIPE;
use shatterscope_host::{ending, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let failed = shatterscope::self_test::self_test();
    if !failed.is_empty() {
        output::say(&format!(
            "error: this machine does not compute as the contract asks ({failed:?}): no result can be trusted"
        ));
        return ExitCode::from(1);
    }
    ending::watch();
    let cli = Cli::of_words(std::env::args_os());
    if cli.prints() {
        output::watch();
    }
    let outcome = cli.run();
    ending::wait();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.code == CLOSED_PIPE => ExitCode::from(CLOSED_PIPE),
        Err(failure) => {
            output::say(&format!("error: {failure}"));
            ExitCode::from(failure.code)
        }
    }
}
