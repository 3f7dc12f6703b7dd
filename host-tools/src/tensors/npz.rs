//! .npz: a ZIP archive of .npy arrays, believed only where its central directory, its local headers and its bytes agree.
use super::npy::{self, Array};
use super::{Bundle, DIGEST, SPEC};
use crate::{Failure, Result, limits};
use std::io::{Cursor, Read, Write};
use zip::read::{ArchiveOffset, Config};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The most bytes that the compressed entries of an archive may expand to together.
pub const EXPANDED: u64 = 1 << 30;

/// Length and signature of the record at the end.
const END: usize = 22;
const SIGNATURE: &[u8] = b"PK\x05\x06";
/// Fixed part of a local header.
const LOCAL: u64 = 30;

type Zip<'a> = ZipArchive<Cursor<&'a [u8]>>;

fn damaged(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the .npz archive is damaged: {what}"))
}

/// Reads an archive; the second is the digest that it states.
pub(super) fn parse(bytes: &[u8]) -> Result<(Bundle, Option<String>)> {
    let mut archive = open(bytes)?;
    let mut bundle = Bundle::default();
    let mut stated = None;
    expanded(&mut archive)?;
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(damaged)?;
        let file = String::from_utf8(entry.name_raw().to_vec())
            .map_err(|_| damaged(format!("the name of entry {i} is not UTF-8")))?;
        let shown = crate::text::visible(&file);
        let size = entry.size();
        let array = npy::read(&mut entry, size).map_err(|why| Failure::failed(format!("{shown}: {why}")))?;
        let name = file.strip_suffix(".npy").unwrap_or(&file).to_owned();
        if bundle.holds(&name) || (name == SPEC && bundle.spec.is_some()) || (name == DIGEST && stated.is_some()) {
            return Err(Failure::failed(format!("{shown}: an array of this name is there twice")));
        }
        match array {
            Array::Floats(tensor) => drop(bundle.tensors.insert(name, tensor)),
            Array::Bytes(text) if name == SPEC => {
                let text = String::from_utf8(text);
                bundle.spec = Some(text.map_err(|_| Failure::failed("the array spec holds bytes that are not UTF-8"))?);
            }
            Array::Bytes(text) if name == DIGEST && text.starts_with(super::digest::PREFIX.as_bytes()) => {
                stated = String::from_utf8(text).ok();
            }
            Array::Bytes(_) => drop(bundle.others.insert(name, "is |u1: give float32 or float64".to_owned())),
            Array::Other(why) => drop(bundle.others.insert(name, why)),
        }
    }
    if bundle.tensors.is_empty() {
        let first = bundle.others.iter().next().map(|(name, why)| format!(": {} {why}", crate::text::visible(name)));
        return Err(Failure::failed(format!(
            "the .npz archive holds no arrays of floats{}",
            first.unwrap_or_else(|| if bundle.spec.is_some() { ", only a spec" } else { "" }.to_owned())
        )));
    }
    Ok((bundle, stated))
}

/// The bytes of the .npy file of an array, or of the only one if none has the name.
///
/// # Errors
/// A damaged archive; several arrays, none of this name.
pub fn array(bytes: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut archive = open(bytes)?;
    expanded(&mut archive)?;
    let plain = |name: std::borrow::Cow<'_, str>| name.trim_end_matches(".npy").to_owned();
    let names = archive.file_names().map(|name| name.map(plain)).collect::<std::result::Result<Vec<String>, _>>();
    let names = names.map_err(damaged)?;
    let own: Vec<usize> = (0..names.len()).filter(|&i| names[i] != SPEC && names[i] != DIGEST).collect();
    let at = match (own.iter().find(|&&i| names[i] == name), own.as_slice()) {
        (Some(&at), _) | (None, &[at]) => at,
        _ => {
            let all = crate::text::line(&own.iter().map(|&i| names[i].as_str()).collect::<Vec<_>>().join(", "));
            return Err(Failure::failed(format!("it has no array {}; it has {all}", crate::text::visible(name))));
        }
    };
    let mut data = Vec::new();
    archive.by_index(at).map_err(damaged)?.read_to_end(&mut data).map_err(damaged)?;
    Ok(data)
}

/// Refuses compressed entries that together expand to more than [`EXPANDED`] bytes, or to more than there is memory for. The length of
/// the file says nothing of them; what is stored was asked for when the file was read.
fn expanded(archive: &mut Zip<'_>) -> Result<()> {
    let mut all = 0u64;
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(damaged)?;
        if entry.compression() != CompressionMethod::Deflated {
            continue;
        }
        all = all.saturating_add(entry.size());
        if all > EXPANDED {
            let shown = crate::text::visible(&String::from_utf8_lossy(entry.name_raw()));
            return Err(Failure::failed(format!(
                "{shown}: the compressed arrays expand to more than {EXPANDED} bytes: store them uncompressed, by np.savez"
            )));
        }
    }
    // The tensors, and the network that is made of them, or the tensor in the order of the file.
    limits::memory(all.saturating_mul(2), &format!("expanding the {all} bytes of the compressed arrays"), "their sizes")
}

/// The archive, where every byte of it belongs to one entry or to its directory.
fn open(bytes: &[u8]) -> Result<Zip<'_>> {
    if bytes.is_empty() {
        return Err(Failure::failed("the file is empty: it is no .npz archive"));
    }
    if !bytes.starts_with(b"PK") {
        return Err(Failure::failed("not an .npz archive, which is a ZIP file: it does not begin with PK"));
    }
    let at = bytes.len().saturating_sub(END);
    let end = bytes.get(at..).filter(|end| end.len() == END && end.starts_with(SIGNATURE));
    let end = end.ok_or_else(|| {
        damaged("its end is cut off, or something follows it: no end record of ZIP in its last 22 bytes")
    })?;
    let word = |at: usize| u16::from_le_bytes([end[at], end[at + 1]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 2)) << 16;
    let (entries, size, start) = (word(10), long(12), long(16));
    if entries == 0 && size == 0 {
        return Err(Failure::failed("the .npz archive is empty: it holds no arrays"));
    }
    if entries == u16::MAX || start == u64::from(u32::MAX) {
        return Err(Failure::failed(
            "the .npz archive is ZIP64, of more than 65,534 arrays or 4 GiB: give a smaller one",
        ));
    }
    if [word(4), word(6), word(20)] != [0; 3] || word(8) != entries || start + size != at as u64 {
        return Err(damaged("the record at its end does not fit its directory"));
    }
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(damaged)?;
    if archive.has_duplicate_names() || archive.len() != usize::from(entries) {
        return Err(damaged(format!("its directory lists {entries} entries, some under the same name")));
    }
    archive.validate_header_consistency().map_err(damaged)?;
    tiled(&mut archive, bytes, start)?;
    Ok(archive)
}

/// Entries follow each other from the first byte to the directory, and are stored or deflated.
fn tiled(archive: &mut Zip<'_>, bytes: &[u8], directory: u64) -> Result<()> {
    let mut places = Vec::with_capacity(archive.len());
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(damaged)?;
        let name = crate::text::visible(&String::from_utf8_lossy(entry.name_raw()));
        if entry.encrypted() {
            return Err(Failure::failed(format!("{name} is encrypted: give arrays as np.savez writes them")));
        }
        if ![CompressionMethod::Stored, CompressionMethod::Deflated].contains(&entry.compression()) {
            let method = entry.compression();
            return Err(Failure::failed(format!(
                "{name} is packed by {method}: give stored or deflated arrays, as np.savez writes them"
            )));
        }
        if entry.compression() == CompressionMethod::Stored && entry.size() != entry.compressed_size() {
            return Err(damaged(format!("{name} is stored, and is of two lengths")));
        }
        let start = entry.header_start();
        let lens =
            usize::try_from(start).ok().and_then(|start| bytes.get(start.checked_add(6)?..start.checked_add(30)?));
        let lens = lens.ok_or_else(|| damaged(format!("{name} begins past its end")))?;
        let word = |at: usize| u64::from(u16::from_le_bytes([lens[at], lens[at + 1]]));
        let end = start + LOCAL + word(20) + word(22) + entry.compressed_size();
        places.push((start, end, word(0) & 8 != 0, name));
    }
    places.sort();
    let mut at = 0;
    for (start, end, described, name) in places {
        if start != at {
            return Err(damaged(format!("{start} is where {name} begins, {at} is where the entry before it ends")));
        }
        at = end;
        // A data descriptor may follow, with or without its signature, of 32 or 64 bits.
        if described {
            let next = |len: u64| {
                let at = usize::try_from(end + len).ok()?;
                bytes.get(at..at + 4)
            };
            let after = [16, 24, 12, 20]
                .into_iter()
                .find(|&len| end + len == directory || next(len).is_some_and(|next| next == b"PK\x03\x04"));
            at += after.unwrap_or(0);
        }
    }
    match at == directory {
        true => Ok(()),
        false => Err(damaged(format!("its entries end at {at}, its directory begins at {directory}"))),
    }
}

/// The bytes of an archive: the same at every call.
pub(super) fn write(bundle: &Bundle) -> Result<Vec<u8>> {
    let floats = bundle.tensors.iter().map(|(name, tensor)| {
        let data: Vec<u8> = tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name.as_str(), npy::write("<f4", &tensor.shape, &data))
    });
    let text = |name: &'static str, text: &str| (name, npy::write("|u1", &[text.len()], text.as_bytes()));
    let spec = bundle.spec.as_ref().map(|spec| text(SPEC, spec));
    of_arrays(floats.chain(spec).chain([text(DIGEST, &super::digest::of(bundle))]))
}

/// An archive of arrays: names, and the bytes of .npy files.
///
/// # Errors
/// None in practice.
pub fn of_arrays<'n>(arrays: impl Iterator<Item = (&'n str, Vec<u8>)>) -> Result<Vec<u8>> {
    let refused = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot write npz: {error}"));
    // ZIP has no date before this one; the clock would make other bytes at every export.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|error| refused(&error))?;
        archive.write_all(&array).map_err(|error| refused(&error))?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| refused(&error))
}
