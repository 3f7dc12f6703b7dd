//! Batches forward and backward: the bits of the plain loops whatever the tile, the instructions, the buffers, the workers and the cut
//! of the batch; f64 networks; faults; lengths; how networks begin.
mod accuracy;
mod bits;
mod dags;
mod descend;
mod examples;
mod faults;
mod frozen;
mod inference;
mod init;
mod lengths;
mod looks_linear;
pub mod machine;
mod naive;
mod networks;
mod operations;
mod oracle;
mod runs;
mod steps;
pub mod tangents;
pub mod walk;
mod workers;

pub use oracle::plane;
