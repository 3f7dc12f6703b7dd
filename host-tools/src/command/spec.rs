//! `spec`: the resolved spec.
use super::{print, print_json};
use crate::Result;
use crate::cli::Common;
use crate::spec::Spec;

/// Prints the resolved spec as TOML, or as JSON.
///
/// # Errors
/// None in practice.
pub fn run(spec: &Spec, common: &Common) -> Result<()> {
    if common.json { print_json(spec) } else { print(&spec.to_toml()?) }
}
