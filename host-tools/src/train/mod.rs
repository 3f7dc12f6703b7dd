//! Training on this machine: a spec gives layers, a [`Machine`] runs batches, a [`Run`] goes through epochs, and a checkpoint holds all
//! that the next step depends on.
mod checkpoint;
mod machine;
mod metrics;
mod model;
mod net;
mod probe;
mod run;
mod spec;

pub use checkpoint::Checkpoint;
pub use machine::{Batch, Machine, Outcome, Scalar, machine};
pub use metrics::{Epoch, Metrics, Probe};
pub use model::Model;
pub use net::{Activation, Init, Kind, Net, Skips};
pub(crate) use probe::dot;
pub use probe::{absolute_correlation, probed};
pub use run::Run;
pub(crate) use run::load;
pub use spec::{Optimiser, Schedule, Spec};
