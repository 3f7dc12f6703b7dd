use super::{Measured, OpenTarget, Outcome};
use crate::Result;
use crate::engine::Engine;
use crate::spec::Spec;
use shatterscope::Pass;
use shatterscope::contract::{Digest, canonical_bits};
use shatterscope::exec::{Observer, Seen};
use shatterscope::graph::Graph;
use std::time::Instant;

/// This machine, with its own kernels.
pub struct Host(pub Engine);

impl OpenTarget for Host {
    fn gradient(&mut self, spec: &Spec, run: u32) -> Result<Measured> {
        let start = Instant::now();
        let outcome = match self.0.observed(spec, run, &mut ())? {
            Ok(run) => {
                let bits = |series: Vec<f32>| series.into_iter().map(canonical_bits).collect();
                Outcome::Results { gradient: bits(run.gradient), outputs: bits(run.outputs) }
            }
            Err(fault) => Outcome::NonFinite(fault),
        };
        let seconds = start.elapsed().as_secs_f64();
        Ok(Measured { outcome, instructions: None, ticks: None, stack: None, arena: None, seconds })
    }

    fn digests(&mut self, spec: &Spec, run: u32) -> Result<Vec<[u64; 2]>> {
        let len = Graph::family(&spec.network())?.len();
        let mut digests = Digests(vec![[Digest::new(); 2]; len]);
        // A run that ends in NaN or infinity has digests up to there.
        let _ = self.0.observed(spec, run, &mut digests)?;
        Ok(digests.0.iter().map(|[forward, backward]| [forward.hash, backward.hash]).collect())
    }

    fn values(&mut self, spec: &Spec, run: u32, pass: Pass, node: u32) -> Result<Vec<u32>> {
        let mut values = Values { pass, node, bits: Vec::new() };
        let _ = self.0.observed(spec, run, &mut values)?;
        Ok(values.bits)
    }
}

struct Digests(Vec<[Digest; 2]>);

impl Observer for Digests {
    fn see(&mut self, seen: &Seen<'_>) {
        let direction = usize::from(seen.pass == Pass::Backward);
        if let Some(digests) = self.0.get_mut(seen.node as usize) {
            (0..seen.count).flat_map(|point| seen.point(point)).for_each(|x| digests[direction].push(x));
        }
    }
}

struct Values {
    pass: Pass,
    node: u32,
    bits: Vec<u32>,
}

impl Observer for Values {
    fn see(&mut self, seen: &Seen<'_>) {
        if (seen.pass, seen.node) == (self.pass, self.node) {
            self.bits.extend((0..seen.count).flat_map(|point| seen.point(point)).map(canonical_bits));
        }
    }
}
