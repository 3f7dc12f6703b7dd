//! Which of the factors of dense products are zero: software multiplies by zero at once, and weights that only zeros would meet
//! are not drawn, so that what a run takes depends on its data. The bits are the same everywhere, and so this machine can find
//! the device's zeros.
use crate::Result;
use crate::device::board::Board;
use crate::engine::Engine;
use crate::spec::Spec;
use shatterscope::Pass;
use shatterscope::network::{Layer, Network, Observer, Seen, Statistics};
use shatterscope::wire::Run;

/// Inputs of a product whose weights may be left out; those past them are always drawn.
const LEFT_OUT: f64 = 512.0;

/// What leaves each operation that is zero, forward and backward (or in the tangents).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zeros {
    operations: Vec<[Found; 2]>,
    /// Whether a product with zero costs less.
    products: bool,
    /// Whether weights are left out.
    draws: bool,
}

/// Of one operation and direction.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// So large a share of the values.
    Share(f64),
    /// `[unit][point]`, a bit for each.
    Bits { units: usize, points: usize, bits: Vec<u64> },
}

impl Default for Found {
    fn default() -> Self {
        Self::Share(0.0)
    }
}

impl Found {
    fn words(points: usize) -> usize {
        points.div_ceil(64)
    }

    fn share(&self) -> f64 {
        match self {
            Found::Share(share) => *share,
            Found::Bits { units, points, bits } => {
                let zeros: u32 = bits.iter().map(|word| word.count_ones()).sum();
                zeros as f64 / (units * points).max(1) as f64
            }
        }
    }

    /// The share of units, by block of so many points, that are zero at all of them.
    fn share_of_units(&self, resident: usize) -> f64 {
        match self {
            // Points beside each other are rarely zero alone.
            Found::Share(share) => {
                if resident > 1 {
                    share / 2.0
                } else {
                    *share
                }
            }
            Found::Bits { units, points, bits } => {
                let zero = |unit: &[u64], point: usize| unit[point / 64] >> (point % 64) & 1 == 1;
                let blocks = points.div_ceil(resident.max(1));
                let all = bits.chunks(Self::words(*points).max(1)).map(|unit| {
                    let of = |block: usize| block * resident..((block + 1) * resident).min(*points);
                    (0..blocks).filter(|&block| of(block).all(|point| zero(unit, point))).count()
                });
                all.sum::<usize>() as f64 / (units * blocks).max(1) as f64
            }
        }
    }
}

impl Zeros {
    /// Without looking: half of what leaves a rectifier.
    pub fn assumed(run: &Run, board: &Board) -> Self {
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
        Self::of(shares.into_iter().map(|both| both.map(Found::Share)).collect(), board)
    }

    /// Found in a run on this machine; assumed where that ends in NaN or infinity.
    ///
    /// # Errors
    /// A spec that cannot be run.
    pub fn found(spec: &Spec, run: &Run, engine: &Engine, board: &Board) -> Result<Self> {
        let len = Network::Family(run.spec).len() as usize;
        let mut finder = Finder { points: run.points as usize, operations: vec![Default::default(); len] };
        if engine.observed(spec, run.run, &mut finder)?.is_err() {
            return Ok(Self::assumed(run, board));
        }
        Ok(Self::of(finder.operations, board))
    }

    fn of(operations: Vec<[Found; 2]>, board: &Board) -> Self {
        // Where weights are drawn in registers, none is left out.
        let draws = !board.core.starts_with("Cortex-A");
        Self { operations, products: !board.fpu(), draws }
    }

    /// Of what leaves an operation, the zeros that a product saves; of what comes from outside, none.
    pub(super) fn share(&self, operation: Option<u32>, pass: Pass) -> f64 {
        if self.products { self.both(operation).map_or(0.0, |both| both[index(pass)].share()) } else { 0.0 }
    }

    /// The share of weights that are left out by a product with what leaves an operation, so many points at a time.
    pub(super) fn left_out(&self, operation: Option<u32>, pass: Pass, inputs: u32, resident: u64) -> f64 {
        if !self.draws {
            return 0.0;
        }
        let share = self.both(operation).map_or(0.0, |both| both[index(pass)].share_of_units(resident as usize));
        share * (LEFT_OUT / inputs as f64).min(1.0)
    }

    fn both(&self, operation: Option<u32>) -> Option<&[Found; 2]> {
        self.operations.get(operation? as usize)
    }
}

fn index(pass: Pass) -> usize {
    usize::from(pass == Pass::Backward)
}

struct Finder {
    points: usize,
    operations: Vec<[Found; 2]>,
}

impl Observer for Finder {
    fn see(&mut self, seen: &Seen<'_>) {
        let Some(both) = self.operations.get_mut(seen.operation as usize) else { return };
        let found = &mut both[index(seen.pass)];
        let (units, points, words) = (seen.units as usize, self.points, Found::words(self.points));
        if matches!(found, Found::Share(_)) {
            *found = Found::Bits { units, points, bits: vec![0; units * words] };
        }
        let Found::Bits { bits, .. } = found else { return };
        for point in 0..seen.count {
            let at = (seen.first + point) as usize;
            for (unit, x) in seen.point(point).enumerate() {
                if let Some(word) = bits.get_mut(unit * words + at / 64) {
                    *word |= u64::from(x == 0.0) << (at % 64);
                }
            }
        }
    }
}
