//! Memory of a graph: which values exist at the same time, and where they are stored.
//!
//! [`place`] proposes a slot for each value, and a [`Plan`] verifies slots, wherever they come from; both are `const`.
mod lifetimes;
mod place;
mod verify;

pub use place::{Memory, place};
pub use verify::Plan;
