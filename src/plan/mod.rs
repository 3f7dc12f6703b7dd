//! Memory of a graph: which values and gradients exist at the same time, and where they are stored.
//!
//! [`place`] proposes the slots, and a [`Plan`] verifies them, whoever proposed them; both are `const`.
mod cursor;
mod lifetimes;
mod options;
mod place;
mod run;
mod sums;
mod verify;
mod want;

pub use cursor::{Cursor, Due, Sweep};
pub(crate) use lifetimes::{EXTRA, GRADIENT, VALUE};
pub use options::{Derivative, RunOptions, Schedule, Statistics};
pub use place::{Memory, Storage, place};
pub use run::RunLengths;
pub(crate) use sums::Sums;
pub use verify::{Plan, Verified};
pub use want::Want;
