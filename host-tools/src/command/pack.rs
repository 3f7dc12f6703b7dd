//! `pack`: a user's own network as a const Rust module.
use super::{print, print_json};
use crate::cli::{Common, Pack};
use crate::files::{Destination, refuse_input};
use crate::output::say;
use crate::pack::{Packed, listed};
use crate::{Failure, Result};
use serde_json::json;
use std::path::Path;

/// Writes the module to a file, or to standard output; under `--json` a document about it, which holds the module if no file does.
///
/// # Errors
/// What is wrong with the model or the list of layers; tensors that no layer takes, under `--strict`; a file that cannot be written.
pub fn run(pack: &Pack, common: &Common) -> Result<()> {
    let Pack { model, net, out, strict } = pack;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(out) = out {
        refuse_input(out, &[model, net])?;
    }
    let place = out.as_deref().map(Destination::open).transpose()?;
    let packed = Packed::read(model, net)?;
    if !packed.unused.is_empty() {
        let said = format!("{}: no layer of {} takes {}", model.display(), net.display(), listed(&packed.unused));
        if *strict {
            return Err(Failure::failed(format!("{said}: take them out of the model, or leave out --strict")));
        }
        say(&format!("warning: {said}"));
    }
    let module = packed.module(&name(model), &name(net));
    let (operations, bytes) = (packed.layers.len(), packed.bytes());
    if let (Some(out), Some(place)) = (out, place) {
        place.write(module.as_bytes())?;
        if !common.quiet {
            say(&format!("{}: {operations} operations, {bytes} B of parameters in flash", out.display()));
        }
    }
    match (common.json, out) {
        (true, _) => print_json(&json!({
            "model": model.display().to_string(),
            "net": net.display().to_string(),
            "operations": operations,
            "parameters_bytes": bytes,
            "dense": packed.tensors.iter().map(|(name, _, _)| name).collect::<Vec<_>>(),
            "unused": packed.unused,
            "file": out.as_ref().map(|out| out.display().to_string()),
            "module": out.is_none().then_some(module),
        })),
        (false, None) => print(&module),
        (false, Some(_)) => Ok(()),
    }
}
