//! `preset list`: the presets, a line each.
use super::{print, print_json};
use crate::Result;
use crate::cli::Common;
use crate::preset::presets;
use serde_json::json;

/// Prints the presets.
///
/// # Errors
/// None in practice.
pub fn list(common: &Common) -> Result<()> {
    let presets = presets();
    if common.json {
        let list: Vec<_> = presets.iter().map(|preset| json!({ "name": preset.name, "about": preset.about })).collect();
        return print_json(&list);
    }
    let width = presets.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    print(&presets.iter().map(|preset| format!("{:width$}  {}\n", preset.name, preset.about)).collect::<String>())
}
