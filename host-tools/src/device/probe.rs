//! Debug probes: frames over RTT channels 1 (up) and 0 (down), and flashing.
#[cfg(feature = "probe")]
pub use with::{flash, list, open};
#[cfg(not(feature = "probe"))]
pub use without::{flash, list, open};

#[cfg(feature = "probe")]
#[path = "probe_rs.rs"]
mod with;

/// A program built without probe-rs: flashing is left to the program of that name.
#[cfg(not(feature = "probe"))]
mod without {
    use crate::device::board::{Board, Kind};
    use crate::device::channel::Channel;
    use crate::{Failure, Result};
    use std::path::Path;
    use std::process::Command;

    /// Attaches to a board.
    ///
    /// # Errors
    /// Always: how to get probe-rs.
    pub fn open(board: &Board) -> Result<Box<dyn Channel>> {
        Err(missing(&format!("probe:{}", board.name)))
    }

    /// The probes that are attached.
    ///
    /// # Errors
    /// Always: how to get probe-rs.
    pub fn list() -> Result<Vec<String>> {
        Err(missing("debug probes"))
    }

    fn missing(what: &str) -> Failure {
        Failure::failed(format!(
            "{what}: this program was built without probe-rs; build it with `cargo build --release -p shatterscope-host --features probe` (ten minutes)"
        ))
    }

    /// Writes a program to a board's flash with the program probe-rs.
    ///
    /// # Errors
    /// No probe-rs, no probe.
    pub fn flash(board: &Board, chip: &str, image: &Path) -> Result<()> {
        debug_assert!(matches!(board.kind, Kind::Chip { .. }));
        // Its own warnings about the system's USB would bury the one line that matters.
        let mut command = Command::new("probe-rs");
        command.args(["download", "--chip", chip]).arg(image).env("RUST_LOG", "error").env("RUST_BACKTRACE", "0");
        match command.output() {
            Err(_) => Err(Failure::failed(
                "probe-rs is not installed: cargo install probe-rs-tools --locked (ten minutes), or build this program with --features probe",
            )),
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let line = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
                Err(Failure::failed(format!("cannot flash {}: {line}; is the board plugged in?", board.name)))
            }
        }
    }
}
