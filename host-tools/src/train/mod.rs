//! Training on this machine: a spec gives layers, a [`Machine`] runs batches, a [`Run`] goes through epochs, a checkpoint holds all that
//! the next step depends on, and a record what another program needs to check the steps.
mod check;
mod checkpoint;
mod device;
mod difference;
mod freeze;
mod metrics;
mod net;
mod network;
mod probe;
mod proof;
mod record;
mod run;
mod spec;

pub use checkpoint::{Checkpoint, FILES};
pub use device::{Pupil, Report, request};
pub use metrics::{Epoch, Metrics, Probe};
pub use net::{Activation, Init, Kind, Net, Skips};
pub(crate) use probe::dot;
pub use probe::{absolute_correlation, probed};
pub use record::{Recorder, START};
pub(crate) use run::load;
pub use run::{Lesson, Run};
pub use shatterscope_engine::{Batch, Limits, Machine, Model, Outcome, Scalar, machine};
pub use spec::{Optimiser, Schedule, Spec};
