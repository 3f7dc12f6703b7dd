//! Gradients at examples: how alike they are.
use super::Gradients;
use serde::Serialize;
use shatterscope_engine::rank::{EffectiveRank, gaussian_rank, stable_rank};

/// What the gradients at examples have in common.
#[derive(Clone, Debug, Serialize)]
pub struct Points {
    /// Examples.
    pub examples: usize,
    /// The examples in the order of the matrix: by class where there are classes.
    pub order: Vec<usize>,
    /// The class of each, in that order.
    pub classes: Option<Vec<u32>>,
    /// Cosines between the gradients, `[example][example]` in that order; null where a gradient is zero.
    pub cosines: Vec<Vec<Option<f64>>>,
    /// Mean cosine between gradients at different examples.
    pub mean_cosine: Option<f64>,
    /// The same of examples of one class, and of different classes.
    pub by_class: Option<[Option<f64>; 2]>,
    /// The stable rank of the matrix of gradients, and relative to a Gaussian matrix; null for zeros and for more than 1,024 examples.
    pub effective_rank: Option<Rank>,
    /// Mean and standard deviation over examples of the Euclidean norm of the gradient.
    pub gradient_norm: [f64; 2],
}

/// An effective rank.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rank {
    /// tr(A^T A) / ||A||_2^2
    pub value: f64,
    /// Divided by that of a Gaussian matrix of the same shape: 1 for gradients that have nothing in common.
    pub relative: f64,
}

/// The most examples whose cosines are listed.
const MOST: usize = 1024;

impl Points {
    /// Of gradients at examples, whose classes may be known.
    pub fn new(gradients: &Gradients, labels: Option<&[u32]>) -> Self {
        let rows: Vec<&[f32]> = gradients.gradient.chunks_exact(gradients.inputs.max(1)).collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if let Some(labels) = labels {
            order.sort_by_key(|&i| (labels.get(i).copied(), i));
        }
        let norm = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let norms: Vec<f64> = rows.iter().map(|row| norm(row)).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = |i: usize, k: usize| {
            (norms[i] > 0.0 && norms[k] > 0.0).then(|| dot(rows[i], rows[k]) / norms[i] / norms[k])
        };
        let listed: Vec<usize> = order.iter().copied().take(MOST).collect();
        let cosines: Vec<Vec<Option<f64>>> =
            listed.iter().map(|&i| listed.iter().map(|&k| cosine(i, k)).collect()).collect();
        let mean = |wanted: &dyn Fn(usize, usize) -> bool| {
            let mut all = (0.0, 0u64);
            for (i, row) in listed.iter().zip(&cosines) {
                for (k, cosine) in listed.iter().zip(row) {
                    if let Some(cosine) = cosine.filter(|_| i != k && wanted(*i, *k)) {
                        all = (all.0 + cosine, all.1 + 1);
                    }
                }
            }
            (all.1 > 0).then(|| all.0 / all.1 as f64)
        };
        let by_class = labels.map(|labels| {
            let same = |i: usize, k: usize| labels.get(i) == labels.get(k);
            [mean(&same), mean(&|i, k| !same(i, k))]
        });
        let rank = stable_rank(rows.len(), gradients.inputs, |i, k| f64::from(rows[i][k]));
        let rank = rank.zip(gaussian_rank(rows.len(), gradients.inputs));
        let rank = rank.map(|(rank, gaussian)| EffectiveRank { rank, gaussian });
        let n = rows.len().max(1) as f64;
        let average = norms.iter().sum::<f64>() / n;
        let deviation = (norms.iter().map(|norm| (norm - average).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        Self {
            examples: rows.len(),
            classes: labels.map(|labels| listed.iter().filter_map(|&i| labels.get(i).copied()).collect()),
            mean_cosine: mean(&|_, _| true),
            by_class,
            effective_rank: rank.map(|rank| Rank { value: rank.rank, relative: rank.relative() }),
            gradient_norm: [average, deviation],
            order: listed,
            cosines,
        }
    }
}
