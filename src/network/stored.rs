use super::weights::{Block, Weights};
use super::{Dense, Layer, Network};
use crate::error::{Buffer, Error};
use crate::kernel::{Isa, all_finite};
use crate::math::is_finite;

/// The parameters of one dense layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parameters<'a> {
    /// `[out][in]`.
    pub weight: &'a [f32],
    /// `[out]`, or empty.
    pub bias: &'a [f32],
}

/// Weights that stand in memory or flash: `layers[layer - 1]`, checked once.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stored<'a> {
    layers: &'a [Parameters<'a>],
}

impl<'a> Stored<'a> {
    /// Takes the parameters of every dense layer of a network.
    ///
    /// # Errors
    /// [`Error::TooShort`] for a tensor that is not there or too short, [`Error::NotFinite`] for a NaN or infinity in one.
    pub fn new(network: &Network, layers: &'a [Parameters<'a>]) -> Result<Self, Error> {
        for i in 0..network.len() {
            let Some(Layer::Dense(dense)) = network.layer(i) else { continue };
            let stored = Self { layers }.parameters(&dense);
            let need = dense.fan_in as u64 * dense.fan_out as u64;
            check(Buffer::Weight, stored.weight, dense.layer, need)?;
            check(Buffer::Bias, stored.bias, dense.layer, if dense.bias { dense.fan_out as u64 } else { 0 })?;
        }
        Ok(Self { layers })
    }

    fn parameters(&self, dense: &Dense) -> Parameters<'a> {
        let index = dense.layer.checked_sub(1).map(|index| index as usize);
        index.and_then(|index| self.layers.get(index)).copied().unwrap_or_default()
    }
}

fn check(buffer: Buffer, tensor: &[f32], layer: u32, need: u64) -> Result<(), Error> {
    if (tensor.len() as u64) < need {
        return Err(Error::TooShort { buffer, need, have: tensor.len() as u64 });
    }
    // All of them in one go first: to search for the one takes many times as long.
    if all_finite(Isa::detect(), tensor) {
        return Ok(());
    }
    match tensor.iter().position(|&x| !is_finite(x)) {
        Some(index) => Err(Error::NotFinite { buffer, layer, index: index as u64 }),
        None => Ok(()),
    }
}

impl Weights for Stored<'_> {
    fn fill<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32]) {
        let weight = self.parameters(dense).weight;
        let fan_in = dense.fan_in as usize;
        block.fill::<R>(panel, |row, column| {
            weight.get(row as usize * fan_in + column as usize).copied().unwrap_or(0.0)
        });
    }

    fn matrix(&self, dense: &Dense) -> Option<&[f32]> {
        Some(self.parameters(dense).weight)
    }

    fn bias(&self, dense: &Dense, row: u32) -> f32 {
        self.parameters(dense).bias.get(row as usize).map_or(0.0, |bias| bias + 0.0)
    }
}
