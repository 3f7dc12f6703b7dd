//! What a board brings: its facts, a byte transport, and what it can measure and show.
mod board;
mod clock;
mod flash;
mod machine;
mod stack;
mod status;

pub use board::Board;
pub use clock::{Clock, NoClock};
pub use flash::{Floats, FloatsMut, InFlash, Keep, NoFlash, NotKept};
pub(crate) use machine::{Gone, Machine};
pub use stack::{NoStack, Stack};
pub use status::{ERROR_BLINKS, NoDelay, NoPin, Status};

/// A byte transport: blocking reads and writes, and whether a read would return at once.
///
/// A read of 0 bytes is the end of the input: the firmware ends. `read_ready` may always say no (semihosting); then a
/// `Cancel` is only seen after the run.
pub trait Transport: embedded_io::Read + embedded_io::Write + embedded_io::ReadReady {}

impl<B: embedded_io::Read + embedded_io::Write + embedded_io::ReadReady> Transport for B {}

/// All that a board's `main` hands to [`serve`](crate::serve).
#[derive(Debug)]
pub struct Device<B, C, S, L, P, D, F> {
    /// What it is.
    pub board: Board,
    /// Where frames come from and go to.
    pub bytes: B,
    /// Measures runs.
    pub clock: C,
    /// Measures the stack.
    pub stack: S,
    /// Shows what goes on.
    pub status: Status<L, P, D>,
    /// Keeps a training state, or [`NoFlash`].
    pub flash: F,
}
