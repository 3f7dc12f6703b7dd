use super::byte;
use crate::data::{Augment, Dataset, Examples, Inputs, Loader, Scaling, open};
use shatterscope::graph::Image;

/// 40 images of two channels of 3 x 5.
fn set() -> Dataset {
    let image = Image { channels: 2, height: 3, width: 5 };
    let part = |from: usize| Examples {
        pixels: (0..40 * 30).map(|i| byte(i + from)).collect(),
        labels: (0..40).map(|i| byte(i + from) % 10).collect(),
    };
    Dataset { name: "set".to_owned(), image, classes: 10, largest: 255, train: part(0), test: part(5_000) }
}

fn batch(loader: &Loader, numbers: &[u32], tile: usize) -> (Vec<f32>, Vec<u32>) {
    let mut inputs = vec![f32::NAN; loader.inputs_len(numbers.len(), tile)];
    let mut labels = vec![u32::MAX; loader.labels_len(numbers.len(), tile)];
    loader.fill(numbers, tile, &mut inputs, &mut labels).unwrap();
    (inputs, labels)
}

/// By the definition of the layout, from the bytes; and lanes past the last example repeat it.
#[test]
fn batches_hold_the_examples_at_every_width() {
    let set = set();
    for scaling in [Scaling::Standard, Scaling::Unit] {
        let inputs = Inputs::of(&set, scaling);
        for (part, loader) in [(&set.train, Loader::train(&set, &inputs)), (&set.test, Loader::test(&set, &inputs))] {
            let loader = loader.unwrap();
            for (count, tile) in (0..=9).flat_map(|count| (1..=8).chain([16]).map(move |tile| (count, tile))) {
                let numbers: Vec<u32> = (0..count).map(|i| (i * 17 + 39) % 40).collect();
                let (values, labels) = batch(&loader, &numbers, tile);
                let lanes = (count as usize).div_ceil(tile) * tile;
                assert_eq!((values.len(), labels.len()), (lanes * 30, lanes));
                for lane in 0..lanes {
                    let number = numbers[lane.min(numbers.len() - 1)] as usize;
                    assert_eq!(labels[lane], u32::from(part.labels[number]));
                    for unit in 0..30 {
                        let pixel = f32::from(part.pixels[number * 30 + unit]);
                        let expected = (pixel - inputs.mean[unit / 15]) * inputs.inv[unit / 15];
                        let value = values[((lane / tile) * 30 + unit) * tile + lane % tile];
                        assert_eq!(value.to_bits(), expected.to_bits(), "{count} {tile} {lane} {unit}");
                    }
                }
            }
        }
    }
}

/// The same image in the same epoch, wherever it stands in the batch, in whatever tile.
#[test]
fn images_move_by_their_numbers_alone() {
    let set = set();
    let inputs = Inputs::of(&set, Scaling::Standard);
    let augment = Augment { shift: 1, flip: true };
    let loader = |epoch| Loader::train(&set, &inputs).unwrap().augmented(augment, 11, 2, epoch).unwrap();
    let alone = |number: u32, epoch| batch(&loader(epoch), &[number], 1).0;
    let numbers: Vec<u32> = (0..40).rev().collect();
    for tile in [1, 3, 8] {
        let (values, _) = batch(&loader(5), &numbers, tile);
        for (lane, &number) in numbers.iter().enumerate() {
            let at = |unit: usize| values[((lane / tile) * 30 + unit) * tile + lane % tile];
            assert_eq!((0..30).map(at).collect::<Vec<_>>(), alone(number, 5));
        }
    }
    assert!((0..40).any(|number| alone(number, 5) != alone(number, 6)));
    // Each pixel by the move, channel by channel; zero from beyond the edge.
    for number in 0..40 {
        let moved = augment.of(11, 2, 5, number);
        for (unit, value) in (0u32..).zip(alone(number, 5)) {
            let (channel, y, x) = (unit / 15, unit % 15 / 5, unit % 5);
            let from = moved.source(set.image, y, x).map(|(y, x)| number * 30 + channel * 15 + y * 5 + x);
            let pixel = from.map(|from| set.train.pixels[from as usize]);
            let expected = pixel.map_or(0.0, |pixel| inputs.values(channel as usize)[usize::from(pixel)]);
            assert_eq!(value.to_bits(), expected.to_bits());
        }
    }
}

/// Large batches are filled on threads.
#[test]
fn threads_change_nothing() {
    let digits = open(None).unwrap();
    let inputs = Inputs::of(&digits, Scaling::Standard);
    let loader = Loader::train(&digits, &inputs).unwrap();
    let off = loader.augmented(Augment::default(), 1, 0, 0).unwrap();
    let loud = loader.augmented(Augment { shift: 1, flip: false }, 1, 0, 0).unwrap();
    let all: Vec<u32> = (0..1_500).collect();
    for loader in [&loader, &loud] {
        let (values, labels) = batch(loader, &all, 8);
        let parts: Vec<_> = all.chunks(40).map(|some| batch(loader, some, 8)).collect();
        assert_eq!(values.len(), 1_504 * 64);
        assert_eq!(values, parts.iter().flat_map(|part| part.0.clone()).collect::<Vec<_>>());
        assert_eq!(labels, parts.iter().flat_map(|part| part.1.clone()).collect::<Vec<_>>());
    }
    assert_eq!(batch(&off, &all, 8), batch(&loader, &all, 8));
    assert_ne!(batch(&loud, &all, 8), batch(&loader, &all, 8));
}

#[test]
fn wrong_use_is_named() {
    let set = set();
    let inputs = Inputs::of(&set, Scaling::Standard);
    let loader = Loader::train(&set, &inputs).unwrap();
    let fill = |numbers: &[u32], tile, inputs, labels| {
        loader.fill(numbers, tile, &mut vec![0.0; inputs], &mut vec![0; labels]).map_err(|failure| failure.message)
    };
    assert_eq!(fill(&[39, 0], 4, 120, 4), Ok(()));
    assert!(fill(&[40], 4, 120, 4).unwrap_err().contains("no example 40"));
    for (tile, inputs, labels) in [(4, 119, 4), (4, 121, 4), (4, 120, 1), (0, 30, 1)] {
        assert!(fill(&[0], tile, inputs, labels).unwrap_err().contains("wants"));
    }
    let digits = open(None).unwrap();
    assert!(Loader::train(&digits, &inputs).unwrap_err().message.contains("channels"));
    assert!(loader.augmented(Augment { shift: 3, flip: false }, 0, 0, 0).is_err());
    let mut short = set.clone();
    short.train.pixels.pop();
    assert!(Loader::train(&short, &inputs).is_err() && Loader::test(&short, &inputs).is_ok());
}
