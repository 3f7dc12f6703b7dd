use super::Moments;
use super::sampled::{Draws, Sample};
use crate::Result;
use crate::progress::Progress;
use shatterscope::graph::{Graph, Op};
use shatterscope::internals::weights::{Dense, Role};
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
use shatterscope::weights::Seeded;

/// The moments of a network's output over the grid, for batch norm as one group of draws has them; `coactivations` gets, for
/// each ReLU, the share of pairs of points that a unit is active for.
///
/// A norm stands before a ReLU and a join behind weights, as in every family of a [`Spec`].
///
/// # Errors
/// As [`Spec::check`].
pub fn moments_behind(
    spec: &Spec,
    stem: Moments,
    draws: Draws,
    group: u32,
    progress: &Progress,
    coactivations: &mut Vec<f64>,
) -> Result<Moments> {
    let (graph, seeded) = (Graph::family(spec)?, Seeded::new(spec, 0, 0));
    let (mut moments, mut skip, mut normed) = (stem.clone(), stem, None);
    for i in 0..graph.len() as u32 {
        progress.add(1);
        let Some(node) = graph.node(i) else { continue };
        match node.op {
            Op::Dense { .. } => match seeded.dense_of(&graph, i) {
                Some(dense) if dense.role != Role::Stem => moments.dense(weight(spec, &dense), bias(spec, &dense)),
                _ => {}
            },
            // `[W', -W']` of (relu(z), relu(-z)) is W' z.
            Op::Crelu if spec.init == Init::LooksLinear => coactivations.push(moments.coactivation()),
            Op::Relu | Op::Crelu => {
                moments = match normed.take() {
                    None => {
                        coactivations.push(moments.coactivation());
                        moments.rectify()
                    }
                    Some(eps) => {
                        let layer = node.address;
                        let units = moments.draw(f64::from(eps), Sample { draws, group, layer });
                        coactivations.push(units.coactivation());
                        units.moments(&moments)
                    }
                };
            }
            Op::Centre => moments.centre(),
            Op::Normalise { eps } => normed = Some(eps),
            Op::Add { a, b } => moments.join(skip.clone(), f64::from(a), f64::from(b)),
            // Families have no other operations.
            _ => {}
        }
        // A join needs it later.
        if node.last_use > i + 1 {
            skip = moments.clone();
        }
    }
    Ok(moments)
}

/// Behind the stem.
pub fn stem(spec: &Spec, grid: &[f64]) -> Moments {
    Moments::stem(grid, square(spec.first_weight_std), square(spec.first_bias_std))
}

/// Whether the walk draws units.
pub fn is_sampled(spec: &Spec) -> bool {
    let used = spec.depth > 1 || spec.readout == Readout::NormRelu;
    spec.norm == Norm::Batch && used
}

/// fan_in times the variance of a weight; under looks-linear initialisation two features count as one.
fn weight(spec: &Spec, dense: &Dense) -> f64 {
    let doubled = spec.family == Family::Crelu && (dense.role == Role::Hidden || spec.readout != Readout::Linear);
    let mirrored = doubled && spec.init == Init::LooksLinear;
    let fan_in = f64::from(if mirrored { dense.fan_in / 2 } else { dense.fan_in });
    let gain = square(spec.gain);
    match (dense.role, spec.init) {
        (Role::Stem, _) => square(spec.first_weight_std),
        (Role::Readout, _) => fan_in * square(spec.resolved_readout_std()),
        (Role::Hidden, Init::He) => 2.0 * gain,
        // Both have entries of variance 2 / (fan_in + fan_out); an orthogonal matrix of infinite order is a Gaussian one.
        (Role::Hidden, Init::Glorot | Init::Orthogonal | Init::LooksLinear) => {
            gain * 2.0 * fan_in / (fan_in + f64::from(dense.fan_out))
        }
    }
}

fn bias(spec: &Spec, dense: &Dense) -> f64 {
    if dense.role == Role::Hidden { square(spec.bias_std) } else { 0.0 }
}

fn square(x: f32) -> f64 {
    f64::from(x).powi(2)
}
