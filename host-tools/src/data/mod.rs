//! Labelled images to train on: the digits that are built in, or the standard files of a folder of the user's.
//!
//! [`open`] finds and reads a set; [`Inputs`] says what the network sees of a byte; [`Augment`] moves images, drawn by
//! position; a [`Loader`] puts examples into the tiles that the core computes on. Nothing here keeps a state: a batch is a
//! pure function of the set, the scaling, the seed, the epoch and the numbers of its examples.
mod augment;
mod batch;
mod cifar;
mod digits;
mod idx;
mod inputs;
mod provenance;
mod source;
#[cfg(test)]
mod tests;

pub use augment::{Augment, Move};
pub use batch::Loader;
pub use inputs::{Inputs, Scaling};
pub use provenance::Provenance;

use crate::{Failure, Result};
use shatterscope::graph::Image;
use std::path::{Path, PathBuf};

/// Labelled images, a part to train on and a part to test with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// `digits`, `cifar-10`, or the folder's.
    pub name: String,
    /// Shape of every image.
    pub image: Image,
    /// Labels are below it.
    pub classes: u32,
    /// The largest value that a pixel may have.
    pub largest: u8,
    /// To train on, in the order of the files.
    pub train: Examples,
    /// To test with.
    pub test: Examples,
}

/// Images and their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// `[example][channel][y][x]`: the units of an [`Image`] in their order.
    pub pixels: Vec<u8>,
    /// `[example]`
    pub labels: Vec<u8>,
}

impl Examples {
    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A set from what its files hold, as [`open`] reads it from a folder: images and labels to train on, images and labels to test with,
/// in IDX, plain or packed.
///
/// # Errors
/// The file, by its usual name, the byte, and what to do.
pub fn read_idx(files: [&[u8]; 4]) -> Result<Dataset> {
    let mut names = idx::NAMES.iter().map(Path::new);
    let [a, b, c, d] = files.map(|bytes| source::Source::new(names.next().unwrap_or(Path::new("")), bytes));
    idx::read("idx".to_owned(), [a?, b?, c?, d?])
}

/// The same of a file of CIFAR-10 to train on and one to test with.
///
/// # Errors
/// As [`read_idx`].
pub fn read_cifar(train: &[u8], test: &[u8]) -> Result<Dataset> {
    let [first, .., last] = cifar::NAMES.map(Path::new);
    cifar::read([source::Source::new(first, train), source::Source::new(last, test)])
}

/// Reads the set in a folder; without one, the digits that are built in.
///
/// A folder holds IDX files under the names of MNIST (`train-images-idx3-ubyte` and its three companions, also
/// `train-images.idx3-ubyte`, also packed as .gz), or the binary version of CIFAR-10 (`data_batch_1.bin` to 5,
/// `test_batch.bin`, also in `cifar-10-batches-bin` below it).
///
/// # Errors
/// A folder that is not there, holds neither or both or a part; a file that is damaged, with the place in it.
pub fn open(dir: Option<&Path>) -> Result<Dataset> {
    let Some(dir) = dir else {
        return Ok(digits::dataset());
    };
    match find(dir)? {
        Found::Idx(files) => idx::dataset(dir, &files),
        Found::Cifar(files) => cifar::dataset(&files),
    }
}

/// The files that [`open`] reads from a folder; none where the digits that are built in are read.
///
/// # Errors
/// A folder that is not there, holds neither set or both or a part.
pub fn files(dir: Option<&Path>) -> Result<Vec<PathBuf>> {
    Ok(match dir.map(find).transpose()? {
        None => Vec::new(),
        Some(Found::Idx(files)) => files.into(),
        Some(Found::Cifar(files)) => files.into(),
    })
}

/// The images of one file: IDX, plain or packed, which has no labels; or with the extension .bin CIFAR-10's binary version, which has them.
///
/// # Errors
/// A file that cannot be read or is damaged, with the place in it.
pub fn images(path: &Path) -> Result<(Image, Examples)> {
    let source = source::Source::open(path)?;
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("bin")) {
        let mut examples = Examples::default();
        cifar::records(source, &mut examples)?;
        return Ok((cifar::IMAGE, examples));
    }
    let (image, _, pixels) = idx::images(source)?;
    Ok((image, Examples { pixels, labels: Vec::new() }))
}

enum Found {
    Idx([PathBuf; 4]),
    Cifar([PathBuf; 6]),
}

fn find(dir: &Path) -> Result<Found> {
    if let Err(error) = std::fs::read_dir(dir) {
        let what = "cannot read the data in the folder";
        return Err(Failure::file(dir, what, format!("{error}; give a folder, or none for the built-in digits")));
    }
    match (idx::find(dir)?, cifar::find(dir)?) {
        (Some(files), None) => Ok(Found::Idx(files)),
        (None, Some(files)) => Ok(Found::Cifar(files)),
        (Some(_), Some(_)) => Err(Failure::failed(format!(
            "{} holds IDX files and CIFAR-10 files: give a folder that holds one set",
            dir.display()
        ))),
        (None, None) => Err(Failure::failed(format!(
            "no data in {}: looked for {} (and its companions; also .idx for -idx, and .gz), and for {} (and its companions; also \
             in {}); give a folder that holds either, or none for the built-in digits",
            dir.display(),
            idx::NAMES[0],
            cifar::NAMES[0],
            cifar::BELOW,
        ))),
    }
}
