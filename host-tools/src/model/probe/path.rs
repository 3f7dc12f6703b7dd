//! Gradients along the straight line between two examples.
use super::{Gradients, Of, gradients};
use crate::model::{Examples, Network};
use crate::spec::Acf;
use crate::statistics::autocorrelation_of;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::exec::Isa;

/// The gradient along a path, projected on its direction.
#[derive(Clone, Debug, Serialize)]
pub struct Path {
    /// The examples at its ends, counted from 0.
    pub ends: [usize; 2],
    /// Points, both ends among them.
    pub points: usize,
    /// The derivative along the path at each point: the gradient times its direction, of length 1.
    pub derivative: Vec<f64>,
    /// Its autocorrelation at lags 0, 1, ..; null for a constant.
    pub autocorrelation: Option<Vec<f64>>,
    /// Mean over points of the cosine of neighbouring gradients; null where one is zero.
    pub neighbours: Option<f64>,
}

impl Path {
    /// Computes the gradients at `points` points from example `a` to example `b`.
    ///
    /// # Errors
    /// Wrong use: an example that does not exist, two that are equal; NaN or infinity, with the node.
    pub fn new(
        network: &Network,
        examples: &Examples,
        ends: [usize; 2],
        (points, lags): (usize, usize),
        of: Of,
        isa: Isa,
    ) -> Result<(Self, Gradients)> {
        let inputs = examples.inputs.len() / examples.count.max(1);
        if let Some(end) = ends.iter().find(|&&end| end >= examples.count) {
            let last = examples.count.saturating_sub(1);
            return Err(Failure::usage(format!("--path: example {end} does not exist: they count from 0 to {last}")));
        }
        let [a, b] = ends.map(|end| &examples.inputs[end * inputs..(end + 1) * inputs]);
        let length = a.iter().zip(b).map(|(a, b)| f64::from(b - a).powi(2)).sum::<f64>().sqrt();
        if length == 0.0 {
            return Err(Failure::usage("--path: both examples are equal: there is no line between them"));
        }
        let at = |i: usize| i as f32 / (points - 1) as f32;
        let line: Vec<f32> = (0..points)
            .flat_map(|i| a.iter().zip(b).map(move |(a, b)| if i + 1 == points { *b } else { a + at(i) * (b - a) }))
            .collect();
        let labels = examples.labels.as_ref().map(|labels| vec![labels[ends[0]]; points]);
        let along = Examples { inputs: line, count: points, labels };
        let found = gradients(network, &along, of, isa)?;
        let rows: Vec<&[f32]> = found.gradient.chunks_exact(inputs.max(1)).collect();
        let project = |row: &[f32]| {
            row.iter().zip(a.iter().zip(b)).map(|(g, (a, b))| f64::from(*g) * f64::from(b - a)).sum::<f64>() / length
        };
        let derivative: Vec<f64> = rows.iter().map(|row| project(row)).collect();
        let series: Vec<f32> = derivative.iter().map(|x| *x as f32).collect();
        let lags = lags.min(points - 1) as u32;
        let autocorrelation = autocorrelation_of(&series, Acf::MeanRemoved, lags)?;
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosines: Option<Vec<f64>> = rows
            .windows(2)
            .map(|pair| {
                let norms = dot(pair[0], pair[0]).sqrt() * dot(pair[1], pair[1]).sqrt();
                (norms > 0.0).then(|| dot(pair[0], pair[1]) / norms)
            })
            .collect();
        let neighbours = cosines.map(|all| all.iter().sum::<f64>() / all.len().max(1) as f64);
        Ok((Self { ends, points, derivative, autocorrelation, neighbours }, found))
    }
}
