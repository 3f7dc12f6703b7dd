//! One file a command.
pub mod compare;
pub mod compare_model;
pub mod device;
pub mod export;
pub mod figures;
pub mod import;
pub mod pack;
pub mod plan;
pub mod plan_inference;
pub mod plan_training;
pub mod predict;
pub mod preset;
pub mod probe;
pub mod probe_model;
pub mod profile;
pub mod run;
pub mod spec;
pub mod theory;
pub mod train;

pub use crate::output::{print, print_json, print_part};
