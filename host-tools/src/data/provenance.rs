//! Which data, to the bit.
use super::{Dataset, Examples, Inputs, Scaling};
use serde::{Deserialize, Serialize};
use shatterscope::contract::Digest;

/// What a record says of the data behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Of the set.
    pub name: String,
    /// [`Dataset::digest`] in print.
    pub digest: String,
    /// Channels, rows, columns.
    pub image: [u32; 3],
    /// Classes.
    pub classes: u32,
    /// Examples to train on.
    pub train: usize,
    /// Examples to test with.
    pub test: usize,
    /// How bytes became inputs: x = (byte - mean) * inv.
    pub scaling: Scaling,
    /// `[channel]`
    #[serde(with = "crate::decimal")]
    pub mean: Vec<f32>,
    /// `[channel]`
    #[serde(with = "crate::decimal")]
    pub inv: Vec<f32>,
}

impl Dataset {
    /// FNV-1a-64 over channels, rows, columns, classes and the largest value (u32, little-endian), then of the part to train on
    /// and of the part to test with the number of examples (u32), the pixels and the labels. So it is the same for the same
    /// examples, however their files are packed or named.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::new();
        let image = self.image;
        for word in [image.channels, image.height, image.width, self.classes, u32::from(self.largest)] {
            digest.push_bytes(&word.to_le_bytes());
        }
        for Examples { pixels, labels } in [&self.train, &self.test] {
            digest.push_bytes(&(labels.len() as u32).to_le_bytes());
            digest.push_bytes(pixels);
            digest.push_bytes(labels);
        }
        digest
    }

    /// What a record should say of this set and its inputs.
    pub fn provenance(&self, inputs: &Inputs) -> Provenance {
        let Self { image, .. } = self;
        Provenance {
            name: self.name.clone(),
            digest: self.digest().to_string(),
            image: [image.channels, image.height, image.width],
            classes: self.classes,
            train: self.train.len(),
            test: self.test.len(),
            scaling: inputs.scaling,
            mean: inputs.mean.clone(),
            inv: inputs.inv.clone(),
        }
    }
}
