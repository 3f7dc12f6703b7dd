//! Networks: spec -> layers -> plan of buffers -> weights -> executor.
//!
//! A network is a sequence of [`Layer`]s with residual joins, either the family a [`Spec`] describes or the caller's
//! own list; one executor runs both. Weights come from a [`Weights`] source a panel at a time: [`Seeded`] draws them,
//! [`Stored`] copies them, and both give the same bits.
mod executor;
mod family;
mod layers;
mod observer;
mod orthogonal;
mod plan;
mod seeded;
mod spec;
mod stored;
mod wanted;
mod weights;
mod workers;

pub use executor::{Buffers, Executor, Input, Step};
pub use layers::{Dense, Layer, Network, Role};
pub use observer::{Observer, Seen};
pub(crate) use orthogonal::Orthogonal;
pub(crate) use plan::cut;
pub use plan::{Derivative, Options, Plan, Schedule, Statistics};
pub use seeded::Seeded;
pub use spec::{Family, Init, Norm, Readout, Spec};
pub use stored::{Parameters, Stored};
pub use wanted::Wanted;
pub use weights::{Block, Weights};
pub use workers::{Serial, Workers};
