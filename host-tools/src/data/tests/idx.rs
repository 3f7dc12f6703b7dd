use super::{byte, gzip, open, refused, write};
use crate::data::Dataset;
use crate::data::idx::NAMES;
use std::path::Path;
use tempfile::TempDir;

/// Four files in the order of their names.
#[derive(Clone)]
pub(super) struct Set(pub(super) [Vec<u8>; 4]);

const TRAIN: usize = 30;
const TEST: usize = 7;
const UNITS: usize = 5 * 4;

/// Images of 5 x 4: 30 to train on, 7 to test with.
pub(super) fn set() -> Set {
    let images = |count: usize, from: usize| {
        let header = [0x803u32, count as u32, 5, 4].map(u32::to_be_bytes).concat();
        [header, (0..count * UNITS).map(|i| byte(i + from)).collect()].concat()
    };
    let labels = |count: usize| {
        let header = [0x801u32, count as u32].map(u32::to_be_bytes).concat();
        [header, (0..count).map(|i| (i % 10) as u8).collect()].concat()
    };
    Set([images(TRAIN, 0), labels(TRAIN), images(TEST, 10_000), labels(TEST)])
}

impl Set {
    pub(super) fn write(&self, dir: &Path, name: impl Fn(&str) -> String, pack: impl Fn(&[u8]) -> Vec<u8>) {
        for (file, bytes) in NAMES.iter().zip(&self.0) {
            write(dir, &[(&name(file), pack(bytes))]);
        }
    }
}

fn read(name: impl Fn(&str) -> String, pack: impl Fn(&[u8]) -> Vec<u8>) -> Dataset {
    let dir = TempDir::new().unwrap();
    let dir = dir.path().join("kin");
    std::fs::create_dir(&dir).unwrap();
    set().write(&dir, name, pack);
    open(Some(&dir)).unwrap()
}

#[test]
fn all_spellings_hold_the_same() {
    let plain = read(str::to_owned, <[u8]>::to_vec);
    assert_eq!((plain.name.as_str(), plain.classes, plain.largest), ("kin", 10, 255));
    assert_eq!((plain.image.channels, plain.image.height, plain.image.width), (1, 5, 4));
    assert_eq!(plain.train.pixels, (0..TRAIN * UNITS).map(byte).collect::<Vec<_>>());
    assert_eq!(plain.test.pixels, (0..TEST * UNITS).map(|i| byte(i + 10_000)).collect::<Vec<_>>());
    assert_eq!((plain.train.labels[29], plain.test.labels.as_slice()), (9, [0, 1, 2, 3, 4, 5, 6].as_slice()));

    let dotted = |name: &str| name.replace("-idx", ".idx");
    assert_eq!(read(dotted, <[u8]>::to_vec), plain);
    assert_eq!(read(|name| format!("{name}.gz"), gzip), plain);
    assert_eq!(read(|name| format!("{}.gz", dotted(name)), gzip), plain);
    // The bytes say what is packed, and a file may be packed in pieces.
    assert_eq!(read(|name| format!("{name}.gz"), <[u8]>::to_vec), plain);
    assert_eq!(read(str::to_owned, |bytes| [gzip(&bytes[..9]), gzip(&bytes[9..])].concat()), plain);
}

/// Writes the set with one file changed, and wants these parts in the error.
fn damaged(file: usize, change: impl Fn(&mut Vec<u8>), parts: &[&str]) {
    let mut set = set();
    change(&mut set.0[file]);
    for packed in [false, true] {
        let dir = TempDir::new().unwrap();
        set.write(dir.path(), str::to_owned, |bytes| if packed { gzip(bytes) } else { bytes.to_vec() });
        refused(dir.path(), &[parts, &[NAMES[file]]].concat());
    }
}

#[test]
fn damage_is_named_with_its_place() {
    damaged(0, |bytes| bytes[3] = 1, &["byte 0:", "0x00000801", "0x00000803"]);
    damaged(1, |bytes| bytes[2] = 9, &["byte 0:", "0x00000901", "labels"]);
    damaged(0, |bytes| bytes.truncate(10), &["byte 10:", "header", "16"]);
    damaged(0, |bytes| bytes.clear(), &["byte 0:", "header"]);
    damaged(2, |bytes| bytes.truncate(155), &["byte 155:", "156", "get the file again"]);
    damaged(1, |bytes| bytes.truncate(37), &["byte 37:", "38"]);
    damaged(0, |bytes| bytes.push(0), &["byte 616:", "should end"]);
    damaged(3, |bytes| bytes.push(0), &["byte 15:", "should end"]);
    damaged(1, |bytes| bytes[7] = 31, &["byte 4:", "31 labels for the 30 images"]);
    damaged(0, |bytes| bytes[7] = 0, &["byte 4:", "0 images"]);
    damaged(0, |bytes| bytes[11] = 0, &["byte 4:", "0 x 4"]);
    damaged(0, |bytes| bytes[8..16].fill(255), &["byte 4:", "4294967295 x 4294967295"]);
    damaged(2, |bytes| bytes.swap(11, 15), &["byte 8:", "4 x 5", "5 x 4"]);
    damaged(1, |bytes| bytes[9] = 12, &["byte 9:", "label 12", "none is 10"]);
    damaged(3, |bytes| bytes[9] = 10, &["byte 9:", "label 10", "end at 9"]);
}

#[test]
fn more_than_ten_classes_are_counted() {
    let dir = TempDir::new().unwrap();
    let mut set = set();
    for (i, label) in set.0[1][8..].iter_mut().enumerate() {
        *label = (i % 12) as u8;
    }
    set.0[3][8] = 11;
    set.write(dir.path(), str::to_owned, <[u8]>::to_vec);
    assert_eq!(open(Some(dir.path())).unwrap().classes, 12);
    set.0[3][8] = 12;
    set.write(dir.path(), str::to_owned, <[u8]>::to_vec);
    refused(dir.path(), &["byte 8:", "label 12", "end at 11"]);
}

#[test]
fn a_damaged_archive_is_refused() {
    for cut in [1, 40] {
        let dir = TempDir::new().unwrap();
        set().write(
            dir.path(),
            |name| format!("{name}.gz"),
            |bytes| {
                let packed = gzip(bytes);
                packed[..packed.len() - cut.min(packed.len() / 2)].to_vec()
            },
        );
        refused(dir.path(), &["train-images-idx3-ubyte.gz, byte", "get the file again"]);
    }
    let dir = TempDir::new().unwrap();
    set().write(dir.path(), str::to_owned, |bytes| {
        let mut packed = gzip(bytes);
        let at = packed.len() - 6;
        packed[at] ^= 1;
        packed
    });
    refused(dir.path(), &["train-images-idx3-ubyte, byte", "get the file again"]);
}

#[test]
fn a_missing_companion_is_named() {
    for missing in NAMES {
        let dir = TempDir::new().unwrap();
        set().write(dir.path(), str::to_owned, <[u8]>::to_vec);
        std::fs::remove_file(dir.path().join(missing)).unwrap();
        refused(dir.path(), &["no companion", missing, &format!("{missing}.gz")]);
    }
}

#[test]
fn what_is_no_file_of_the_set_is_named() {
    let whole = |change: &dyn Fn(&Path)| {
        let dir = TempDir::new().unwrap();
        set().write(dir.path(), str::to_owned, <[u8]>::to_vec);
        std::fs::remove_file(dir.path().join(NAMES[0])).unwrap();
        change(&dir.path().join(NAMES[0]));
        dir
    };
    let pointer = |path: &Path| std::fs::write(path, "version https://git-lfs.github.com/spec/v1\n").unwrap();
    refused(whole(&pointer).path(), &[NAMES[0], "git lfs pull"]);
    let page = |path: &Path| std::fs::write(path, "<!doctype html>").unwrap();
    refused(whole(&page).path(), &[NAMES[0], "HTML page"]);
    // Lengths are believed neither of a plain nor of a packed file.
    let huge = [0x803u32, 1 << 24, 4096, 4096].map(u32::to_be_bytes).concat();
    refused(whole(&|path| std::fs::write(path, &huge).unwrap()).path(), &["byte 16:", "at most"]);
    refused(whole(&|path| std::fs::write(path, gzip(&huge)).unwrap()).path(), &["byte 16:", "at most"]);
    let many = [0x803u32, 1 << 25, 1, 1].map(u32::to_be_bytes).concat();
    refused(whole(&|path| std::fs::write(path, &many).unwrap()).path(), &["byte 4:", "33554432 images"]);
    #[cfg(unix)]
    {
        let pipe = |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        refused(whole(&pipe).path(), &[NAMES[0], "it is a pipe"]);
        let endless = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        refused(whole(&endless).path(), &[NAMES[0], "it is a device"]);
    }
}
