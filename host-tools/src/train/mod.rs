//! Training on this machine: a spec gives layers, a [`Machine`] runs batches, a [`Run`] goes through epochs, and a checkpoint holds all
//! that the next step depends on.
mod checkpoint;
mod device;
mod machine;
mod metrics;
mod model;
mod net;
mod run;
mod spec;

pub use checkpoint::Checkpoint;
pub use device::{Pupil, Report, request};
pub use machine::{Batch, Machine, Outcome, machine};
pub use metrics::{Epoch, Metrics};
pub use model::Model;
pub use net::{Activation, Init, Kind, Net, Skips};
pub use run::{Lesson, Run};
pub use spec::{Optimiser, Schedule, Spec};
