//! Input gradients of a minibatch: how alike they are, and in how many directions they point.
use super::check::PROBED;
use super::{Batch, Machine, Model, Probe, Scalar, load, machine};
use crate::Result;
use crate::data::{Dataset, Inputs, Loader};
use crate::rank::{gaussian_rank, stable_rank};
use rayon::prelude::*;
use shatterscope::exec::Isa;
use shatterscope_layers::Layer;

/// Looks at the gradients of the first examples of the training part as they are, of the sum of the outputs.
pub(super) struct Prober {
    machine: Box<dyn Machine>,
    batch: Batch,
    gaussian: Option<f64>,
}

impl Prober {
    pub(super) fn new(layers: &[Layer], data: &Dataset, inputs: &Inputs, isa: Isa, seed: u64) -> Result<Self> {
        let count = (PROBED as usize).min(data.train.len());
        let machine = machine(layers, &[], count as u32, isa, seed)?;
        let numbers: Vec<u32> = (0..count as u32).collect();
        let batch = load(&Loader::train(data, inputs)?, &numbers, machine.tile())?;
        let gaussian = gaussian_rank(count, data.image.units().unwrap_or(0) as usize);
        Ok(Self { machine, batch, gaussian })
    }

    pub(super) fn probe(&mut self, model: &Model) -> Result<Probe> {
        let gradient = self.machine.input_gradient(model, &self.batch, Scalar::Outputs)?;
        Ok(probed(&gradient, self.batch.count, self.gaussian, model.step))
    }
}

/// What gradients, `[example][unit]`, come to; beside the rank of Gaussian matrices of their shape.
pub fn probed(gradient: &[f32], examples: usize, gaussian: Option<f64>, step: u32) -> Probe {
    let units = gradient.len() / examples.max(1);
    // The same ratio for all: squares of deep networks' gradients stay within binary64 anyway.
    let rank = stable_rank(examples, units, |i, k| f64::from(gradient[i * units + k]));
    let relative = rank.zip(gaussian).map(|(rank, gaussian)| rank / gaussian);
    Probe {
        step,
        absolute_correlation: absolute_correlation(gradient, units),
        effective_rank: rank,
        relative_effective_rank: relative,
    }
}

/// Mean over pairs of |g_i . g_k| / (|g_i| |g_k|), in binary64; gradients of zero have no direction and are left out.
pub fn absolute_correlation(gradient: &[f32], units: usize) -> Option<f64> {
    let directions: Vec<Vec<f64>> = gradient.chunks_exact(units.max(1)).filter_map(direction).collect();
    let n = directions.len();
    if n < 2 {
        return None;
    }
    let row = |i: usize| directions[..i].iter().map(|b| dot(&directions[i], b).abs()).sum::<f64>();
    // In the order of the rows, so that threads change no bit.
    let rows: Vec<f64> = (0..n).into_par_iter().map(row).collect();
    Some(rows.iter().sum::<f64>() / (n * (n - 1) / 2) as f64)
}

/// The gradient at length 1; None for zeros.
pub(crate) fn direction(gradient: &[f32]) -> Option<Vec<f64>> {
    let gradient: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
    let length = dot(&gradient, &gradient).sqrt();
    (length > 0.0).then(|| gradient.iter().map(|g| g / length).collect())
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_of_known_vectors() {
        // Pairs: (1, 0), (0, 1) at 0; (1, 0), (-3, 3) and (0, 1), (-3, 3) at 1/sqrt 2 each; zeros are no vector.
        let gradient = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -3.0, 3.0];
        let mean = absolute_correlation(&gradient, 2).unwrap();
        assert!((mean - 2.0 * 0.5f64.sqrt() / 3.0).abs() < 1e-12, "{mean}");
        assert_eq!(absolute_correlation(&[1.0, 2.0, 0.0, 0.0], 2), None);
        let same = probed(&[1.0, 2.0, 2.0, 4.0], 2, Some(2.0), 7);
        assert_eq!(same.step, 7);
        assert!((same.absolute_correlation.unwrap() - 1.0).abs() < 1e-12);
        assert!((same.relative_effective_rank.unwrap() - 0.5).abs() < 1e-9);
        let none = probed(&[0.0; 4], 2, Some(2.0), 0);
        assert_eq!((none.effective_rank, none.absolute_correlation), (None, None));
    }
}
