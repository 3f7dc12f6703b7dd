//! `pack`: a user's own network as a const Rust module.
use super::print;
use crate::files::write_all;
use crate::pack::Packed;
use crate::{Failure, Result};
use std::path::Path;

/// Writes the module to a file, or to standard output.
///
/// # Errors
/// What is wrong with the model or the list of layers; a file that cannot be written.
pub fn run(model: &Path, net: &Path, out: Option<&Path>, quiet: bool) -> Result<()> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let packed = Packed::read(model, net)?;
    let module = packed.module(&name(model), &name(net));
    let Some(out) = out else { return print(&module) };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    write_all(folder, &[(name(out), module.into_bytes())]).map_err(|error| Failure::failed(error.to_string()))?;
    if !quiet {
        let (layers, bytes) = (packed.layers.len(), packed.bytes());
        eprintln!(
            "{}: {layers} operations, {bytes} B of parameters in flash",
            crate::text::visible(&out.display().to_string())
        );
    }
    Ok(())
}
