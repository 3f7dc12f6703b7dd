//! Devices: what there is, how to talk to it, and how a run is cut to its memory.
pub mod board;
pub mod channel;
pub mod counter;
pub mod firmware;
pub mod fit;
pub mod link;
pub mod map;
pub mod place;
pub mod probe;
pub mod process;
pub mod profile;
mod pump;
pub mod serial;
pub mod target;

pub use board::{BOARDS, Board};
pub use place::{Counting, Measured, OpenTarget, Outcome, Settings, no_counter, open};
pub use target::Target;
