//! Memory of a graph: which values and gradients exist at the same time, and where they are stored.
//!
//! [`place`] proposes the slots, and a [`Plan`] verifies them, whoever proposed them; both are `const`.
mod lifetimes;
mod place;
mod verify;
mod want;

pub(crate) use lifetimes::{EXTRA, GRADIENT, VALUE};
pub use place::{Memory, Storage, place};
pub use verify::{Plan, Verified};
pub use want::Want;
