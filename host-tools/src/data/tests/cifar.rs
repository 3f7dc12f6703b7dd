use super::{byte, open, refused, write};
use crate::data::cifar::NAMES;
use std::path::Path;
use tempfile::TempDir;

/// `count` records with the labels 0, 1, ..
fn records(count: usize, from: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|i| [(i % 10) as u8].into_iter().chain((0..3_072).map(move |k| byte(from + 3_072 * i + k))))
        .collect()
}

/// Files of 1 to 6 records.
pub(super) fn write_set(dir: &Path) {
    for (i, name) in NAMES.into_iter().enumerate() {
        write(dir, &[(name, records(i + 1, 7_000 * i))]);
    }
}

#[test]
fn records_are_read_in_order() {
    let dir = TempDir::new().unwrap();
    write_set(dir.path());
    let set = open(Some(dir.path())).unwrap();
    assert_eq!((set.name.as_str(), set.classes, set.largest), ("cifar-10", 10, 255));
    assert_eq!((set.image.channels, set.image.height, set.image.width), (3, 32, 32));
    assert_eq!(set.train.labels, [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]);
    assert_eq!(set.test.labels, [0, 1, 2, 3, 4, 5]);
    // The first record of the third file is the fourth of all.
    assert!(set.train.pixels[3 * 3_072..4 * 3_072].iter().enumerate().all(|(k, &pixel)| pixel == byte(14_000 + k)));

    let above = TempDir::new().unwrap();
    let below = above.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&below).unwrap();
    write_set(&below);
    assert_eq!(open(Some(above.path())).unwrap(), set);
}

#[test]
fn damage_is_named_with_its_place() {
    let damaged = |file: usize, change: fn(&mut Vec<u8>), parts: &[&str]| {
        let dir = TempDir::new().unwrap();
        write_set(dir.path());
        let mut bytes = records(3, 0);
        change(&mut bytes);
        write(dir.path(), &[(NAMES[file], bytes)]);
        refused(dir.path(), &[parts, &[NAMES[file]]].concat());
    };
    damaged(0, |bytes| bytes.truncate(3_073 * 3 - 1), &["byte 6146:", "3072 bytes are no record", "3,073"]);
    damaged(4, |bytes| bytes.push(0), &["byte 9219:", "1 bytes are no record"]);
    damaged(5, |bytes| bytes.clear(), &["byte 0:", "0 bytes are no record"]);
    damaged(2, |bytes| bytes[3_073] = 10, &["byte 3073:", "label 10"]);
}

#[test]
fn a_missing_batch_is_named() {
    for missing in NAMES {
        let dir = TempDir::new().unwrap();
        write_set(dir.path());
        std::fs::remove_file(dir.path().join(missing)).unwrap();
        refused(dir.path(), &[missing, "is missing"]);
    }
}
