//! Which share of the factors of dense products is zero: software multiplies by zero at once, so that what a run takes on a
//! core without FPU depends on its data. The bits are the same everywhere, and so this machine can count the device's zeros.
use crate::Result;
use crate::engine::Engine;
use crate::spec::Spec;
use shatterscope::Pass;
use shatterscope::network::{Layer, Network, Observer, Seen, Statistics};
use shatterscope::wire::Run;

/// The share of zeros in what leaves each operation, forward and backward (or in the tangents).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zeros(Vec<[f64; 2]>);

impl Zeros {
    /// For cores that do not care.
    pub fn none() -> Self {
        Self::default()
    }

    /// Without looking: half of what leaves a rectifier.
    pub fn assumed(run: &Run) -> Self {
        let network = Network::Family(run.spec);
        let mut shares = vec![[0.0; 2]; network.len() as usize];
        let rectifies = |i: usize| matches!(network.layer(i as u32), Some(Layer::Relu { .. } | Layer::Crelu { .. }));
        for i in 0..shares.len() {
            let before = if i > 0 { shares[i - 1][0] } else { 0.0 };
            let forks = matches!(network.layer(i as u32), Some(Layer::Fork { .. }));
            shares[i][0] = if rectifies(i) {
                0.5
            } else if forks {
                before
            } else {
                0.0
            };
        }
        for i in (0..shares.len()).rev() {
            let above = shares.get(i + 1).map_or(0.0, |share| share[1]);
            let norm = network.layer(i as u32).is_some_and(|layer| layer.is_norm());
            shares[i][1] = match network.layer(i as u32) {
                Some(Layer::Relu { .. }) => 0.5,
                _ if norm && run.statistics == Statistics::Detached => above,
                _ => 0.0,
            };
        }
        Self(shares)
    }

    /// Counted in a run on this machine; assumed where that ends in NaN or infinity.
    ///
    /// # Errors
    /// A spec that cannot be run.
    pub fn counted(spec: &Spec, run: &Run, engine: &Engine) -> Result<Self> {
        let len = Network::Family(run.spec).len() as usize;
        let mut counter = Counter(vec![[(0, 0); 2]; len]);
        if engine.observed(spec, run.run, &mut counter)?.is_err() {
            return Ok(Self::assumed(run));
        }
        let share = |(zeros, all): (u64, u64)| zeros as f64 / all.max(1) as f64;
        Ok(Self(counter.0.into_iter().map(|both| both.map(share)).collect()))
    }

    /// Of what leaves an operation; of what comes from outside, nothing.
    pub(super) fn share(&self, operation: Option<u32>, pass: Pass) -> f64 {
        let both = operation.and_then(|i| self.0.get(i as usize)).copied().unwrap_or_default();
        both[usize::from(pass == Pass::Backward)]
    }
}

/// (Zeros, values) of each operation, each way.
struct Counter(Vec<[(u64, u64); 2]>);

impl Observer for Counter {
    fn see(&mut self, seen: &Seen<'_>) {
        let Some(both) = self.0.get_mut(seen.operation as usize) else { return };
        let (zeros, all) = &mut both[usize::from(seen.pass == Pass::Backward)];
        for x in (0..seen.count).flat_map(|point| seen.point(point)) {
            *zeros += u64::from(x == 0.0);
            *all += 1;
        }
    }
}
