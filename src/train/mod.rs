//! Networks that learn.
mod init;
mod layer;
mod plan;
mod trainer;

pub use init::{Init, Start};
pub use layer::Layer;
pub use plan::{Options, Place, Plan, plan};
pub use trainer::{Buffers, Mode, Trainer};
