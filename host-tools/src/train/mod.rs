//! Training on this machine: a spec gives layers, a [`Machine`] runs batches, a [`Run`] goes through epochs, a checkpoint holds all that
//! the next step depends on, and a record what another program needs to check the steps.
mod checkpoint;
mod machine;
mod metrics;
mod model;
mod net;
mod record;
mod run;
mod spec;

pub use checkpoint::Checkpoint;
pub use machine::{Batch, Limits, Machine, Outcome, machine};
pub use metrics::{Epoch, Metrics};
pub use model::Model;
pub use net::{Activation, Init, Kind, Net, Skips};
pub use record::Recorder;
pub use run::Run;
pub use spec::{Optimiser, Schedule, Spec};
