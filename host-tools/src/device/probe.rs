//! Debug probes: frames over RTT channels 1 (up) and 0 (down).
use super::board::Board;
use super::channel::Channel;
use crate::{Failure, Result};

/// Attaches to a board.
///
/// # Errors
/// No probe, or a program built without probe-rs.
#[cfg(not(feature = "probe"))]
pub fn open(board: &Board) -> Result<Box<dyn Channel>> {
    Err(without(&format!("probe:{}", board.name)))
}

/// The probes that are attached.
///
/// # Errors
/// A program built without probe-rs.
#[cfg(not(feature = "probe"))]
pub fn list() -> Result<Vec<String>> {
    Err(without("debug probes"))
}

#[cfg(not(feature = "probe"))]
fn without(what: &str) -> Failure {
    Failure::failed(format!(
        "{what}: this program was built without probe-rs; build it with `cargo build --release --features probe` (ten minutes)"
    ))
}
