//! The desktop side of shatterscope: runs the paper's experiments with the kernel, at full scale and in parallel.
//!
//! The modules in the order in which data flows: [`spec`] resolves what is asked, [`weights`] draws or reads
//! parameters, [`engine`] runs the kernel on threads, [`statistics`] and [`record`] make a result of the runs,
//! [`figure`] the paper's figures, [`plot`] draws them. Beside that path: [`device`] talks to boards, [`compare`] holds them
//! to this machine, [`plan`] says beforehand what a run takes there, [`pack`] puts a user's own network into flash;
//! [`data`] reads labelled images, and [`train`] trains networks on them; [`model`] reads and runs models of the user's.
pub mod cli;
pub mod command;
pub mod compare;
pub mod data;
pub mod decimal;
pub mod device;
pub mod ending;
pub mod engine;
pub mod figure;
pub mod files;
pub mod model;
pub mod net;
pub mod output;
pub mod pack;
pub mod plan;
pub mod plot;
pub mod predict;
pub mod preset;
pub mod read;
pub mod record;
pub mod spec;
pub mod statistics;
pub mod tensors;
pub mod theorem;
pub mod theory;
pub mod train;
pub mod usage;

pub use shatterscope_engine::{Failure, Result, Session, error, limits, progress, rank, text, weights};
