use crate::refused::refused;
use shatterscope_host::data::{Dataset, read_cifar, read_idx};

/// As the files of a data set, four in IDX or two of CIFAR-10, plain or packed: refused in one line, or examples that are whole, their
/// labels among the classes.
pub fn data(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let read = if kind % 2 == 0 {
        let (train, test) = cut(rest);
        read_cifar(train, test)
    } else {
        let (a, rest) = cut(rest);
        let (b, rest) = cut(rest);
        let (c, d) = cut(rest);
        read_idx([a, b, c, d])
    };
    match read {
        Err(error) => refused(&error),
        Ok(Dataset { image, classes, train, test, .. }) => {
            let units = image.units().expect("images have units") as usize;
            for part in [&train, &test] {
                assert_eq!(part.pixels.len(), units * part.labels.len());
                assert!(!part.is_empty() && part.labels.iter().all(|&label| u32::from(label) < classes));
            }
        }
    }
}

/// A file behind its length in two bytes, as much of it as there is; and what follows.
fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.split_first_chunk() {
        Some((&len, rest)) => rest.split_at(rest.len().min(u16::from_le_bytes(len).into())),
        None => (bytes, &[]),
    }
}
