//! Weights that are drawn from a seed where they are needed, a panel at a time: a weight is a function of its address, so any panel, in any
//! order, has the same bits.
mod block;
mod dense;
mod orthogonal;
mod seeded;
mod wanted;

pub use block::Block;
pub use dense::{Dense, Role};
pub(crate) use orthogonal::Orthogonal;
pub use seeded::Seeded;
pub use wanted::Wanted;
