//! What the network sees of a byte.
use super::Dataset;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How bytes become inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Mean 0 and deviation 1 in each channel of the training part.
    #[default]
    Standard,
    /// 0 to 1: divided by the largest value that a pixel may have.
    Unit,
}

/// The inputs for the values of each channel.
///
/// x = (byte - mean) * inv
///
/// # Numerics
/// One f32 subtraction, which rounds, and one multiplication. Of the n values b of a channel in the training part, sums are
/// exact integers: mean = sum b / n and inv = n / sqrt(n * sum b^2 - (sum b)^2), in binary64 (division and square root are
/// correctly rounded, so they are the same everywhere), then rounded to f32; inv = 1 where all values are the same. For
/// [`Scaling::Unit`] mean = 0 and inv = 1 / largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// How they are made.
    pub scaling: Scaling,
    /// `[channel]`
    pub mean: Vec<f32>,
    /// One over the deviation, `[channel]`
    pub inv: Vec<f32>,
    table: Vec<[f32; 256]>,
}

impl Inputs {
    /// From the training part of a set.
    pub fn of(dataset: &Dataset, scaling: Scaling) -> Self {
        let channels = dataset.image.channels as usize;
        let (mean, inv) = match scaling {
            Scaling::Unit => (vec![0.0; channels], vec![(1.0 / f64::from(dataset.largest.max(1))) as f32; channels]),
            Scaling::Standard => (0..channels).map(|channel| moments(&counts(dataset, channel))).unzip(),
        };
        Self::new(scaling, mean, inv)
    }

    /// From what a record says: inputs for a network that was trained elsewhere.
    pub fn new(scaling: Scaling, mean: Vec<f32>, inv: Vec<f32>) -> Self {
        let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let table =
            mean.iter().zip(&inv).map(|(&mean, &inv)| bytes.map(|byte| (f32::from(byte) - mean) * inv)).collect();
        Self { scaling, mean, inv, table }
    }

    /// The inputs of a channel's 256 values.
    ///
    /// # Panics
    /// Where there is no such channel.
    pub fn values(&self, channel: usize) -> &[f32; 256] {
        &self.table[channel]
    }

    /// How many channels.
    pub fn channels(&self) -> usize {
        self.table.len()
    }
}

/// How often each value occurs in a channel of the training part.
fn counts(dataset: &Dataset, channel: usize) -> [u64; 256] {
    let plane = dataset.image.plane() as usize;
    let mut counts = [0; 256];
    for plane in dataset.train.pixels.chunks_exact(plane.max(1)).skip(channel).step_by(dataset.image.channels as usize)
    {
        for &byte in plane {
            counts[usize::from(byte)] += 1;
        }
    }
    counts
}

/// Mean, and one over the deviation.
fn moments(counts: &[u64; 256]) -> (f32, f32) {
    let sum =
        |power| counts.iter().zip(0u128..).map(|(&count, byte)| u128::from(count) * byte.pow(power)).sum::<u128>();
    let (n, first, second) = (sum(0), sum(1), sum(2));
    let spread = n * second - first * first;
    let inv = if spread == 0 { 1.0 } else { n as f64 / (spread as f64).sqrt() };
    ((first as f64 / n.max(1) as f64) as f32, inv as f32)
}
