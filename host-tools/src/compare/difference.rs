//! Where two places part: two questions, the digests of all nodes and the values of one.
use crate::device::link::units_shown;
use crate::device::place::{OpenTarget, Outcome};
use crate::spec::Spec;
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::Pass;
use shatterscope::graph::Graph;

/// The first element that differs, in the order of the computation.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Target.
    pub target: String,
    /// Run.
    pub run: u32,
    /// `forward` or `backward`; `result` where only the results differ.
    pub direction: &'static str,
    /// Layer as in the paper, readout = depth + 1.
    pub layer: u32,
    /// What the layer's operation is: dense, relu, ...
    pub operation: &'static str,
    /// Unit, from 0.
    pub unit: u32,
    /// Point of the grid, from 0.
    pub point: u32,
    /// Bits on the first target, hexadecimal.
    pub host_bits: String,
    /// Bits on this target.
    pub device_bits: String,
    /// Floats between the two, null where one is NaN.
    pub ulp: Option<u32>,
    /// How the runs ended, where they did not both have a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<[String; 2]>,
}

/// Floats between two of them, +0 and -0 one apart; None for NaN.
pub fn ulp_distance(a: u32, b: u32) -> Option<u32> {
    let place = |bits: u32| match f32::from_bits(bits) {
        x if x.is_nan() => None,
        // -0 stands right below +0.
        x if x.is_sign_negative() => Some(!((bits & 0x7fff_ffff) as i64)),
        _ => Some(bits as i64),
    };
    Some((place(a)? - place(b)?).unsigned_abs() as u32)
}

/// Finds the first difference of a run that two places disagree on.
///
/// # Errors
/// A place that cannot answer.
pub(super) fn locate(
    target: &str,
    spec: &Spec,
    run: u32,
    reference: &mut dyn OpenTarget,
    place: &mut dyn OpenTarget,
) -> Result<Difference> {
    let network = spec.network();
    let graph = Graph::family(&network)?;
    let outcomes = [reference.gradient(spec, run)?.outcome, place.gradient(spec, run)?.outcome];
    let ends = match &outcomes {
        [Outcome::Results { .. }, Outcome::Results { .. }] => None,
        ends => Some(ends.each_ref().map(describe)),
    };
    let bare = Difference {
        target: target.to_owned(),
        run,
        direction: "result",
        layer: 0,
        operation: "none",
        unit: 0,
        point: 0,
        host_bits: String::new(),
        device_bits: String::new(),
        ulp: None,
        outcomes: ends,
    };
    if bare.outcomes.is_some() {
        let fault = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::NonFinite(fault) => Some(fault.layer),
            Outcome::Results { .. } => None,
        });
        return Ok(Difference { layer: fault.unwrap_or(0), ..bare });
    }
    let (here, there) = (reference.digests(spec, run)?, place.digests(spec, run)?);
    let ahead = (0..here.len()).find(|&i| here[i][0] != there[i][0]).map(|i| (Pass::Forward, i));
    let back = || (0..here.len()).rev().find(|&i| here[i][1] != there[i][1]).map(|i| (Pass::Backward, i));
    let Some((pass, number)) = ahead.or_else(back) else {
        // All nodes agree: the run does not repeat itself, or what was handed out is not what was computed.
        return Ok(bare);
    };
    let node = graph.node(number as u32).ok_or_else(|| Failure::failed("a node past the network"))?;
    let here = reference.values(spec, run, pass, number as u32)?;
    let there = place.values(spec, run, pass, number as u32)?;
    let units = units_shown(&graph, &node, pass, spec.derivative.core());
    let direction = if pass == Pass::Forward { "forward" } else { "backward" };
    let named = Difference { direction, layer: node.address, operation: node.op.name(), ..bare };
    Ok(found(named, &here, &there, units))
}

/// The first element, point by point.
fn found(bare: Difference, here: &[u32], there: &[u32], units: u32) -> Difference {
    let Some(i) = here.iter().zip(there).position(|(a, b)| a != b) else { return bare };
    Difference {
        unit: i as u32 % units,
        point: i as u32 / units,
        host_bits: format!("{:08x}", here[i]),
        device_bits: format!("{:08x}", there[i]),
        ulp: ulp_distance(here[i], there[i]),
        ..bare
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Results { .. } => "a result".to_owned(),
        Outcome::NonFinite(fault) => shatterscope::Error::NonFinite(*fault).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::place::{Measured, Settings, open};
    use crate::device::{Counting, Target};
    use crate::engine::{Engine, Isa};
    use crate::spec::{Derivative, Family, Norm, Overrides};
    use std::time::Duration;

    fn host() -> Box<dyn OpenTarget> {
        let settings = Settings {
            firmware: None,
            timeout: Duration::from_secs(1),
            schedule: None,
            ram: 0,
            count: Counting::Off,
            models: false,
        };
        open(&Target::Host, &settings, &Engine::new(Some(1), Isa::Auto, true).unwrap()).unwrap()
    }

    /// This machine with one bit turned in what a node shows, and in the result.
    struct Wrong(Box<dyn OpenTarget>, Pass, u32, usize);

    impl OpenTarget for Wrong {
        fn gradient(&mut self, spec: &Spec, run: u32) -> Result<Measured> {
            let mut measured = self.0.gradient(spec, run)?;
            if let Outcome::Results { gradient, .. } = &mut measured.outcome {
                gradient[0] ^= 1;
            }
            Ok(measured)
        }

        fn digests(&mut self, spec: &Spec, run: u32) -> Result<Vec<[u64; 2]>> {
            let mut digests = self.0.digests(spec, run)?;
            digests[self.2 as usize][usize::from(self.1 == Pass::Backward)] ^= 1;
            Ok(digests)
        }

        fn values(&mut self, spec: &Spec, run: u32, pass: Pass, node: u32) -> Result<Vec<u32>> {
            let mut values = self.0.values(spec, run, pass, node)?;
            values[self.3] ^= 1;
            Ok(values)
        }
    }

    /// Nodes: input, stem; norm, ReLU, dense, add of two blocks; ReLU, readout.
    #[test]
    fn a_difference_is_named_by_its_node() {
        let overrides = Overrides {
            family: Some(Family::Resnet),
            norm: Some(Norm::Batch),
            depth: Some(3),
            width: Some(5),
            points: Some(8),
            runs: Some(1),
            ..Overrides::default()
        };
        let reverse = overrides.clone().resolve().unwrap();
        let forward = Overrides { derivative: Some(Derivative::Forward), ..overrides }.resolve().unwrap();
        for (spec, pass, node, layer, operation, units) in [
            (&reverse, Pass::Forward, 1, 1, "dense", 5),
            (&reverse, Pass::Forward, 5, 2, "add", 5),
            (&reverse, Pass::Forward, 11, 4, "dense", 1),
            (&reverse, Pass::Backward, 11, 4, "dense", 5),
            (&reverse, Pass::Backward, 9, 3, "add", 5),
            (&reverse, Pass::Backward, 6, 2, "normalise", 5),
            (&reverse, Pass::Backward, 1, 1, "dense", 1),
            (&forward, Pass::Backward, 11, 4, "dense", 1),
            (&forward, Pass::Backward, 1, 1, "dense", 5),
        ] {
            let at = 3 * units + units - 1;
            let found = locate("x", spec, 0, &mut *host(), &mut Wrong(host(), pass, node, at)).unwrap();
            let direction = if pass == Pass::Forward { "forward" } else { "backward" };
            assert_eq!((found.direction, found.layer, found.operation), (direction, layer, operation), "node {node}");
            assert_eq!((found.point, found.unit as usize, found.ulp), (3, units - 1, Some(1)), "node {node}");
        }
    }
}
