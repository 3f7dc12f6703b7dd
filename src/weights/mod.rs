//! Weights that are drawn from a seed where they are needed, a panel at a time: a weight is a function of its address, so any panel, in any
//! order, has the same bits.
pub(crate) mod block;
pub(crate) mod dense;
mod orthogonal;
mod seeded;
pub(crate) mod wanted;

pub(crate) use block::Block;
pub(crate) use dense::{Dense, Role};
pub(crate) use orthogonal::Orthogonal;
pub use seeded::Seeded;
pub(crate) use wanted::Wanted;
