//! IDX files: a big-endian header (two zero bytes, the type of the elements, the number of dimensions, each dimension),
//! then the elements, the last dimension fastest. MNIST, Fashion-MNIST and their kin.
use super::source::Source;
use super::{Dataset, Examples};
use crate::files::is_there;
use crate::{Failure, Result};
use shatterscope::graph::Image;
use std::path::{Path, PathBuf};

/// The files of a set: images and labels to train on, images and labels to test with.
pub(super) const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
/// More examples are not put in an order, see `shatterscope::train::shuffle`.
const MAX_EXAMPLES: u32 = 1 << 24;
/// Unsigned bytes in three dimensions: `[example][y][x]`.
const IMAGES: u32 = 0x0000_0803;
/// Unsigned bytes in one dimension.
const LABELS: u32 = 0x0000_0801;
/// The sets that go by these names have ten classes; more are believed where none is without an example.
const CLASSES: u32 = 10;

/// How a file may be named, the first that is there counts.
fn spellings(name: &str) -> [String; 4] {
    let dotted = name.replacen("-idx", ".idx", 1);
    [name.to_owned(), dotted.clone(), format!("{name}.gz"), format!("{dotted}.gz")]
}

/// The four files of a folder; None where it has none of them.
pub(super) fn find(dir: &Path) -> Result<Option<[PathBuf; 4]>> {
    let mut found = [const { None }; 4];
    for (found, name) in found.iter_mut().zip(NAMES) {
        for path in spellings(name).map(|name| dir.join(name)) {
            if found.is_none() && is_there(&path)? {
                *found = Some(path);
            }
        }
    }
    if let [Some(a), Some(b), Some(c), Some(d)] = found {
        return Ok(Some([a, b, c, d]));
    }
    let missing =
        NAMES.iter().zip(&found).find(|(_, found)| found.is_none()).map(|(name, _)| spellings(name).join(", "));
    match (found.iter().flatten().next(), missing) {
        (Some(there), Some(missing)) => Err(Failure::failed(format!(
            "{} has no companion: looked for {missing} in {}; put it there",
            there.display(),
            dir.display()
        ))),
        _ => Ok(None),
    }
}

/// Reads them.
pub(super) fn dataset(dir: &Path, files: &[PathBuf; 4]) -> Result<Dataset> {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = whole.file_name().map_or_else(|| "idx".to_owned(), |name| name.to_string_lossy().into_owned());
    let [a, b, c, d] = files.each_ref().map(|path| Source::open(path));
    read(name, [a?, b?, c?, d?])
}

/// Reads a set.
pub(super) fn read(name: String, [a, b, c, d]: [Source; 4]) -> Result<Dataset> {
    let named = b.path();
    let (image, train) = part(a, b, None)?;
    let classes = classes(named, &train.labels)?;
    let (_, test) = part(c, d, Some((image, classes)))?;
    Ok(Dataset { name, image, classes, largest: u8::MAX, train, test })
}

/// The images of a file: their shape, how many there are, and their pixels.
pub(super) fn images(mut source: Source) -> Result<(Image, u32, Vec<u8>)> {
    let [count, height, width] = header(&mut source, IMAGES, "images")?;
    let image = Image { channels: 1, height, width };
    if count > MAX_EXAMPLES {
        return Err(source.failure(4, format!("{count} images: at most {MAX_EXAMPLES} are put in an order")));
    }
    let units = image.units().filter(|&units| units > 0 && count > 0).ok_or_else(|| {
        source.failure(4, format!("{count} images of {height} x {width}: there must be some, and not of 2^32 pixels"))
    })?;
    let pixels = source.exactly(u64::from(count) * u64::from(units), "the last image")?;
    source.end()?;
    Ok((image, count, pixels))
}

/// Images and labels, as many of one as of the other; of the shape and the classes of the training part.
fn part(source: Source, labels: Source, like: Option<(Image, u32)>) -> Result<(Image, Examples)> {
    let there = source.path();
    let (image, count, pixels) = images(source)?;
    if let Some((other, _)) = like.filter(|&(other, _)| other != image) {
        let (Image { height, width, .. }, h, w) = (image, other.height, other.width);
        return Err(Failure::failed(format!(
            "{}, byte 8: images of {height} x {width}, those to train on are {h} x {w}: mix no sets",
            there.display()
        )));
    }

    let mut source = labels;
    let [named] = header(&mut source, LABELS, "labels")?;
    if named != count {
        let there = there.display();
        return Err(source.failure(4, format!("{named} labels for the {count} images of {there}: mix no sets")));
    }
    let labels = source.exactly(u64::from(count), "the last label")?;
    if let Some((_, classes)) = like
        && let Some(at) = labels.iter().position(|&label| u32::from(label) >= classes)
    {
        let (label, last) = (labels[at], classes - 1);
        return Err(
            source.failure(8 + at as u64, format!("label {label}, those to train on end at {last}: mix no sets"))
        );
    }
    source.end()?;
    Ok((image, Examples { pixels, labels }))
}

/// The dimensions, behind the right magic number.
fn header<const D: usize>(source: &mut Source, magic: u32, what: &str) -> Result<[u32; D]> {
    let bytes = source.exactly(4 + 4 * D as u64, "the header")?;
    let mut words = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_be_bytes(word));
    let found = words.next().unwrap_or(0);
    if found != magic {
        return Err(source
            .failure(0, format!("{found:#010x} where IDX files of {what} have {magic:#010x}: give one of {what}")));
    }
    Ok([(); D].map(|()| words.next().unwrap_or(0)))
}

/// How many classes the labels name.
fn classes(path: &Path, labels: &[u8]) -> Result<u32> {
    let mut first = [None; 256];
    for (i, &label) in labels.iter().enumerate() {
        first[usize::from(label)].get_or_insert(i);
    }
    let largest = first.iter().rposition(Option::is_some).unwrap_or(0);
    match first[..largest].iter().position(Option::is_none) {
        Some(empty) if largest as u32 >= CLASSES => Err(Failure::failed(format!(
            "{}, byte {}: label {largest}, though none is {empty}: count classes from 0 without a gap",
            path.display(),
            8 + first[largest].unwrap_or(0)
        ))),
        _ => Ok(CLASSES.max(largest as u32 + 1)),
    }
}
