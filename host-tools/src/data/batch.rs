//! Examples in the tiles that the core computes on.
use super::{Augment, Dataset, Examples, Inputs, Move};
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::graph::Image;

/// Fills batches from one part of a set.
#[derive(Clone, Copy, Debug)]
pub struct Loader<'a> {
    image: Image,
    units: usize,
    examples: &'a Examples,
    inputs: &'a Inputs,
    moved: Option<(Augment, u64, u32, u32)>,
}

impl<'a> Loader<'a> {
    /// Of the part to train on.
    ///
    /// # Errors
    /// Inputs for another number of channels; parts whose lengths do not fit their images.
    pub fn train(dataset: &'a Dataset, inputs: &'a Inputs) -> Result<Self> {
        Self::new(dataset, &dataset.train, inputs)
    }

    /// Of the part to test with.
    ///
    /// # Errors
    /// As [`Loader::train`].
    pub fn test(dataset: &'a Dataset, inputs: &'a Inputs) -> Result<Self> {
        Self::new(dataset, &dataset.test, inputs)
    }

    fn new(dataset: &'a Dataset, examples: &'a Examples, inputs: &'a Inputs) -> Result<Self> {
        let (image, name) = (dataset.image, &dataset.name);
        let units = image.units().filter(|&units| units > 0).map(|units| units as usize);
        let whole = units.filter(|units| units.checked_mul(examples.len()) == Some(examples.pixels.len()));
        let channels = inputs.channels();
        match whole {
            None => Err(Failure::failed(format!("{name}: the pixels are no whole number of images, one a label"))),
            Some(_) if channels != image.channels as usize => {
                let has = image.channels;
                Err(Failure::failed(format!(
                    "{name} has {has} channels, the inputs are made for {channels}: use those of the set"
                )))
            }
            Some(units) => Ok(Self { image, units, examples, inputs, moved: None }),
        }
    }

    /// The same with images moved, in one epoch of one run.
    ///
    /// # Errors
    /// A shift that could leave nothing of the image.
    pub fn augmented(self, augment: Augment, seed: u64, run: u32, epoch: u32) -> Result<Self> {
        augment.check(self.image)?;
        Ok(Self { moved: Some((augment, seed, run, epoch)), ..self })
    }

    /// f32 elements of so many examples in tiles of `tile` lanes.
    pub fn inputs_len(&self, examples: usize, tile: usize) -> usize {
        self.labels_len(examples, tile) * self.units
    }

    /// Labels of so many examples in tiles of `tile` lanes.
    pub fn labels_len(&self, examples: usize, tile: usize) -> usize {
        examples.next_multiple_of(tile.max(1))
    }

    /// Fills a batch with the examples of these numbers, in their order; lanes past the last one repeat it.
    ///
    /// What a shift brings in from beyond the edge is +0.0, as around a convolution: the channel's mean, or black with
    /// [`Scaling::Unit`](super::Scaling::Unit).
    ///
    /// # Shapes
    /// inputs `[tile][unit][T]`, labels `[tile][T]`, with T = `tile`.
    ///
    /// # Errors
    /// A number past the last example, a buffer of another length.
    pub fn fill(&self, numbers: &[u32], tile: usize, inputs: &mut [f32], labels: &mut [u32]) -> Result<()> {
        /// Fewer elements are filled sooner than threads are woken.
        const PARALLEL: usize = 1 << 16;
        let lens = (self.inputs_len(numbers.len(), tile), self.labels_len(numbers.len(), tile));
        if tile == 0 || (inputs.len(), labels.len()) != lens {
            let count = numbers.len();
            return Err(Failure::failed(format!(
                "a batch of {count} in tiles of {tile} wants {lens:?} inputs and labels"
            )));
        }
        let there = self.examples.len();
        if let Some(number) = numbers.iter().find(|&&number| number as usize >= there) {
            return Err(Failure::failed(format!("no example {number}: there are {there}, counted from 0")));
        }
        let one = |(i, (inputs, labels)): (usize, (&mut [f32], &mut [u32]))| {
            for (lane, label) in labels.iter_mut().enumerate() {
                let number = numbers[(i * tile + lane).min(numbers.len() - 1)];
                *label = u32::from(self.examples.labels[number as usize]);
                self.lane(number, tile, &mut inputs[lane..]);
            }
        };
        let elements = tile * self.units;
        if inputs.len() >= PARALLEL {
            inputs.par_chunks_exact_mut(elements).zip(labels.par_chunks_exact_mut(tile)).enumerate().for_each(one);
        } else {
            inputs.chunks_exact_mut(elements).zip(labels.chunks_exact_mut(tile)).enumerate().for_each(one);
        }
        Ok(())
    }

    /// One example into every `tile`-th element.
    fn lane(&self, number: u32, tile: usize, inputs: &mut [f32]) {
        let moved =
            self.moved.map(|(augment, seed, run, epoch)| augment.of(seed, run, epoch, number)).unwrap_or_default();
        let first = number as usize * self.units;
        let pixels = &self.examples.pixels[first..first + self.units];
        let (plane, width) = (self.image.plane() as usize, self.image.width);
        let places = inputs.chunks_mut(tile.max(1)).map(|place| &mut place[0]);
        for (unit, place) in places.enumerate().take(self.units) {
            let (channel, pixel) = (unit / plane, unit % plane);
            let values = self.inputs.values(channel);
            let from = if moved == Move::default() {
                Some(unit)
            } else {
                let (y, x) = (pixel as u32 / width, pixel as u32 % width);
                moved.source(self.image, y, x).map(|(y, x)| channel * plane + (y * width + x) as usize)
            };
            *place = from.map_or(0.0, |from| values[usize::from(pixels[from])]);
        }
    }
}
