//! One file a command.
pub mod compare;
pub mod device;
pub mod export;
pub mod figures;
pub mod pack;
pub mod plan;
pub mod plan_inference;
pub mod plan_training;
pub mod predict;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod spec;
pub mod theory;
pub mod train;

pub use crate::output::{print, print_json, print_part};
