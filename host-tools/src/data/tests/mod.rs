//! Sets written by the tests, damaged in every way, and batches of them.
mod augment;
mod batch;
mod cifar;
mod contract;
mod idx;
mod inputs;

use super::{Dataset, open};
use std::io::Write as _;
use std::path::Path;
use tempfile::TempDir;

/// Some byte that depends on where it stands.
fn byte(i: usize) -> u8 {
    (i.wrapping_mul(2_654_435_761) >> 16) as u8
}

fn write(dir: &Path, files: &[(&str, Vec<u8>)]) {
    for (name, bytes) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What is wrong with the folder: one line that has all of `parts`.
fn refused(dir: &Path, parts: &[&str]) {
    let message = open(Some(dir)).unwrap_err().message;
    assert!(!message.contains('\n') && parts.iter().all(|part| message.contains(part)), "{parts:?} not in: {message}");
}

#[test]
fn without_a_folder_there_are_digits() {
    let digits = open(None).unwrap();
    assert_eq!((digits.name.as_str(), digits.classes, digits.largest), ("digits", 10, 16));
    assert_eq!((digits.train.len(), digits.test.len(), digits.train.pixels.len()), (1_500, 297, 96_000));
    let mut classes = [0; 10];
    for &label in digits.train.labels.iter().chain(&digits.test.labels) {
        classes[usize::from(label)] += 1;
    }
    assert_eq!(classes, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(digits.digest().to_string(), DIGITS);
}

/// Whoever trained on these digits trained on the same ones.
const DIGITS: &str = "fnv1a64:217f775f6a1aa957:116833";

#[test]
fn what_is_not_found_was_looked_for() {
    let dir = TempDir::new().unwrap();
    refused(dir.path(), &["no data in", "train-images-idx3-ubyte", "data_batch_1.bin", "cifar-10-batches-bin", ".gz"]);
    refused(&dir.path().join("nowhere"), &["nowhere", "give a folder"]);
    write(dir.path(), &[("file", vec![])]);
    refused(&dir.path().join("file"), &["file", "give a folder"]);
    idx::set().write(dir.path(), |name| name.to_owned(), <[u8]>::to_vec);
    cifar::write_set(dir.path());
    refused(dir.path(), &["IDX files and CIFAR-10 files"]);
}

#[test]
fn every_part_of_a_set_is_in_its_digest() {
    let digits = open(None).unwrap();
    let digest = digits.digest();
    assert_eq!(digest.bytes, 5 * 4 + 2 * 4 + 1_797 * 65);
    let change = |change: fn(&mut Dataset)| {
        let mut other = digits.clone();
        change(&mut other);
        assert_ne!(other.digest().hash, digest.hash);
    };
    change(|set| set.train.pixels[95_999] ^= 1);
    change(|set| set.train.labels[0] ^= 1);
    change(|set| set.test.pixels[0] ^= 1);
    change(|set| set.test.labels[296] ^= 1);
    change(|set| (set.image.height, set.image.width) = (4, 16));
    change(|set| set.classes = 11);
    let mut renamed = digits.clone();
    renamed.name.clear();
    assert_eq!(renamed.digest(), digest);
}
