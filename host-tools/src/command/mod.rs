//! One file a command.
pub mod compare;
pub mod device;
pub mod export;
pub mod figures;
pub mod pack;
pub mod plan;
pub mod plan_training;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod spec;
pub mod theory;
pub mod train;

use crate::text;

/// Prints to standard output, control characters but line feeds as escapes; a closed pipe ends the program quietly, as users of
/// `head` expect.
pub fn print(text: &str) -> crate::Result<()> {
    print_safe(&text::lines(text))
}

fn print_safe(text: &str) -> crate::Result<()> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| crate::Failure::failed(format!("cannot write to standard output: {error}"))),
    }
}

/// Prints one JSON document.
pub fn print_json(value: &impl serde::Serialize) -> crate::Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| crate::Failure::failed(format!("cannot print JSON: {error}")))?;
    print_safe(&(text::json(&text) + "\n"))
}
