//! Every node's value and gradient, over all points.
use crate::model::Network;
use serde::Serialize;
use shatterscope::Pass;
use shatterscope::graph::Op;

/// A node over all points.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Its name.
    pub node: String,
    /// Its operation.
    pub operation: &'static str,
    /// Root of the mean square of its values.
    pub activation_rms: f64,
    /// Mean over points of the Euclidean norm of the gradient of its value. Null where the backward pass needs none.
    pub gradient_norm: Option<f64>,
    /// Share of the units that are 0 at every point; of ReLUs alone.
    pub dead: Option<f64>,
    /// Root of the mean square of the derivatives of the chosen function with respect to a unit: the mean partial Jacobian norm at this depth.
    pub jacobian_rms: Option<f64>,
}

/// What is summed while the passes go on.
pub(super) struct Looks {
    layers: Vec<(String, &'static str, bool)>,
    sums: Vec<Sums>,
}

#[derive(Clone, Default)]
struct Sums {
    values: f64,
    elements: u64,
    norms: f64,
    points: u64,
    squares: f64,
    derivatives: u64,
    /// Units that were not 0 at some point.
    alive: Vec<bool>,
}

impl Looks {
    pub(super) fn new(network: &Network) -> Self {
        let names = network.placed.names();
        let of = |(i, node): (u32, &shatterscope::graph::Node)| {
            (names.shown(i), node.op.name(), matches!(node.op, Op::Relu | Op::Crelu))
        };
        let layers: Vec<_> = (0..).zip(&network.placed.nodes).map(of).collect();
        Self { sums: vec![Sums::default(); layers.len()], layers }
    }

    /// Adds the values or gradients of a batch, `[point][unit]`.
    pub(super) fn see(&mut self, pass: Pass, node: u32, elements: &[f32], count: usize) {
        let Some((sums, layer)) = self.sums.get_mut(node as usize).zip(self.layers.get(node as usize)) else { return };
        let square = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let units = elements.len() / count.max(1);
        match pass {
            Pass::Forward => {
                sums.values += square(elements);
                sums.elements += elements.len() as u64;
                if layer.2 {
                    sums.alive.resize(units, false);
                    for row in elements.chunks_exact(units.max(1)) {
                        sums.alive.iter_mut().zip(row).for_each(|(alive, x)| *alive |= *x != 0.0);
                    }
                }
            }
            Pass::Backward => {
                for row in elements.chunks_exact(units.max(1)) {
                    sums.norms += square(row).sqrt();
                    sums.points += 1;
                }
                sums.squares += square(elements);
                sums.derivatives += elements.len() as u64;
            }
        }
    }

    pub(super) fn layers(self) -> Vec<Layer> {
        let mean = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        let of = |((node, operation, _), sums): ((String, &'static str, bool), Sums)| Layer {
            node,
            operation,
            activation_rms: mean(sums.values, sums.elements).unwrap_or(0.0).sqrt(),
            gradient_norm: mean(sums.norms, sums.points),
            dead: mean(sums.alive.iter().filter(|alive| !**alive).count() as f64, sums.alive.len() as u64),
            jacobian_rms: mean(sums.squares, sums.derivatives).map(f64::sqrt),
        };
        let all = self.layers.into_iter().zip(self.sums);
        all.map(of).filter(|layer| !["reshape", "constant"].contains(&layer.operation)).collect()
    }
}
