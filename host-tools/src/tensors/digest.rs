//! The digest of a bundle, which files that this program writes carry: whatever was changed in them is found when they are read.
use super::Bundle;
use crate::{Failure, Result};
use sha2::{Digest, Sha256};

/// What the text of a digest begins with.
pub const PREFIX: &str = "shatterscope-sha256:";

/// SHA-256 over a canonical form: all lengths are u64, little-endian.
///
/// `tensors`, their count; of each in the order of its name: length and bytes of the name, `f32`, the number of extents, the
/// extents, the elements (little-endian); then 0, or 1 with length and bytes of the document.
pub fn of(bundle: &Bundle) -> String {
    let mut hash = Sha256::new();
    let word = |hash: &mut Sha256, x: usize| hash.update((x as u64).to_le_bytes());
    hash.update(b"tensors");
    word(&mut hash, bundle.tensors.len());
    for (name, tensor) in &bundle.tensors {
        word(&mut hash, name.len());
        hash.update(name);
        hash.update(b"f32");
        word(&mut hash, tensor.shape.len());
        tensor.shape.iter().for_each(|&extent| word(&mut hash, extent));
        for values in tensor.data.chunks(1 << 12) {
            let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            hash.update(bytes);
        }
    }
    match &bundle.spec {
        None => hash.update([0]),
        Some(spec) => {
            hash.update([1]);
            word(&mut hash, spec.len());
            hash.update(spec);
        }
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{hex}")
}

/// Compares a digest with that of what was read; `needed` says that a file without one is refused.
///
/// # Errors
/// Another one: both, and the first value that is not finite, where there is one.
pub(super) fn verify(bundle: &Bundle, stated: &str, needed: bool) -> Result<()> {
    let found = of(bundle);
    if found == stated {
        return Ok(());
    }
    let not_finite = bundle.not_finite().map(|place| format!("; {place}")).unwrap_or_default();
    let changed = if needed { "" } else { ", or, for a model that you changed on purpose, leave the digest out" };
    Err(Failure::failed(format!(
        "the file is damaged: its digest is {found}, the file says {}{not_finite}; restore it from a copy{changed}",
        crate::text::visible(stated)
    )))
}
