//! The digits that are built in: 1,500 to train on, 297 to test with, 8 x 8, values 0 to 16.
use super::{Dataset, Examples};
use shatterscope::graph::Image;
use shatterscope_digits::{CLASSES, COUNT, LARGEST, SIDE, TRAIN, digit};

/// All of them.
pub(super) fn dataset() -> Dataset {
    let part = |range: std::ops::Range<usize>| {
        let mut examples = Examples::default();
        for digit in range.filter_map(digit) {
            examples.pixels.extend(digit.pixels);
            examples.labels.push(digit.label);
        }
        examples
    };
    Dataset {
        name: "digits".to_owned(),
        image: Image { channels: 1, height: SIDE as u32, width: SIDE as u32 },
        classes: CLASSES as u32,
        largest: LARGEST,
        train: part(0..TRAIN),
        test: part(TRAIN..COUNT),
    }
}
