//! CIFAR-10, binary version: records of a label byte and 3,072 pixels, red, green, blue, each 32 x 32.
use super::source::Source;
use super::{Dataset, Examples};
use crate::files::is_there;
use crate::{Failure, Result};
use shatterscope::graph::Image;
use std::path::{Path, PathBuf};

/// Five files to train on, one to test with; each any whole number of records.
pub(super) const NAMES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// The folder in the archive.
pub(super) const BELOW: &str = "cifar-10-batches-bin";
pub(super) const IMAGE: Image = Image { channels: 3, height: 32, width: 32 };
const CLASSES: u8 = 10;
const RECORD: usize = 1 + 3 * 32 * 32;
/// Bytes of a file, at most: ten times the real ones.
const MOST: u64 = 100_000 * RECORD as u64;

/// The six files of the folder, or of the one below; None where neither has any of them.
pub(super) fn find(dir: &Path) -> Result<Option<[PathBuf; 6]>> {
    for dir in [dir.to_owned(), dir.join(BELOW)] {
        let files = NAMES.map(|name| dir.join(name));
        let there = files.iter().map(|path| is_there(path)).collect::<Result<Vec<_>>>()?;
        if !there.contains(&true) {
            continue;
        }
        return match files.iter().zip(there).find(|(_, there)| !there) {
            None => Ok(Some(files)),
            Some((path, _)) => Err(Failure::failed(format!(
                "{} is missing beside other files of CIFAR-10: put all six there",
                path.display()
            ))),
        };
    }
    Ok(None)
}

/// Reads them.
pub(super) fn dataset(files: &[PathBuf; 6]) -> Result<Dataset> {
    read(files.each_ref().map(|path| Source::open(path)))
}

/// Reads a set: files to train on, and one to test with.
pub(super) fn read<const N: usize>(files: [Result<Source>; N]) -> Result<Dataset> {
    let mut examples = [Examples::default(), Examples::default()];
    for (i, source) in files.into_iter().enumerate() {
        records(source?, &mut examples[usize::from(i + 1 == N)])?;
    }
    let [train, test] = examples;
    let classes = u32::from(CLASSES);
    Ok(Dataset { name: "cifar-10".to_owned(), image: IMAGE, classes, largest: u8::MAX, train, test })
}

/// Adds the records of a file.
pub(super) fn records(mut source: Source, to: &mut Examples) -> Result<()> {
    let bytes = source.up_to(MOST)?;
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if records.is_empty() || !rest.is_empty() {
        let start = records.len() * RECORD;
        let whole = "the file must be one or more records of 3,073 bytes: get it again";
        return Err(source.failure(start as u64, format!("{} bytes are no record; {whole}", rest.len())));
    }
    for (i, [label, pixels @ ..]) in records.iter().enumerate() {
        if *label >= CLASSES {
            let what = format!("label {label}, CIFAR-10 has 0 to 9: give its binary version (CIFAR-100 is another)");
            return Err(source.failure((i * RECORD) as u64, what));
        }
        to.labels.push(*label);
        to.pixels.extend_from_slice(pixels);
    }
    source.end()
}
