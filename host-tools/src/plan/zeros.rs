//! Which of the factors of dense products are zero: software multiplies by zero at once, and weights that only zeros would meet
//! are not drawn, so that what a run takes depends on its data. The bits are the same everywhere, and so this machine can find
//! the device's zeros.
use crate::Result;
use crate::device::board::Board;
use crate::engine::Engine;
use crate::spec::Spec;
use shatterscope::Pass;
use shatterscope::exec::{Observer, Seen};
use shatterscope::graph::{Graph, Node, Op};
use shatterscope::plan::{Derivative, Statistics};
use shatterscope::wire::Run;

/// Inputs of a product whose weights may be left out; those past them are always drawn.
const LEFT_OUT: f64 = 512.0;

/// The zeros of each value and of its gradient (or tangent).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zeros {
    values: Vec<[Found; 2]>,
    /// Whether a product with zero costs less.
    products: bool,
    /// Whether weights are left out.
    draws: bool,
}

/// Of one value, or of its gradient.
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
    /// Without looking: half of what leaves a ReLU.
    pub fn assumed(run: &Run, board: &Board) -> Self {
        let nodes = nodes_of(run);
        let mut shares: Vec<_> =
            nodes.iter().map(|node| [if matches!(node.op, Op::Relu | Op::Crelu) { 0.5 } else { 0.0 }, 0.0]).collect();
        for (i, node) in nodes.iter().enumerate().rev() {
            // A sum of gradients is rarely zero.
            let alone = nodes[node.x as usize].last_use as usize == i;
            shares[node.x as usize][1] = match node.op {
                Op::Relu if alone => 0.5,
                op if alone && op.norm().is_some() && run.statistics == Statistics::Detached => shares[i][1],
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
        let nodes = nodes_of(run);
        let values = vec![Default::default(); nodes.len()];
        let reverse = run.derivative == Derivative::Reverse;
        let mut finder = Finder { points: run.points as usize, nodes, reverse, values };
        if engine.observed(spec, run.run, &mut finder)?.is_err() {
            return Ok(Self::assumed(run, board));
        }
        Ok(Self::of(finder.finish(), board))
    }

    fn of(values: Vec<[Found; 2]>, board: &Board) -> Self {
        // Where weights are drawn in registers, none is left out.
        let draws = !board.core.starts_with("Cortex-A");
        Self { values, products: !board.fpu(), draws }
    }

    /// Of a value or its gradient, the zeros that a product saves.
    pub(super) fn share(&self, value: u32, pass: Pass) -> f64 {
        if self.products { self.both(value).map_or(0.0, |both| both[index(pass)].share()) } else { 0.0 }
    }

    /// The share of weights that are left out by a product with a value or its gradient, so many points at a time.
    pub(super) fn left_out(&self, value: u32, pass: Pass, inputs: u32, resident: u64) -> f64 {
        if !self.draws {
            return 0.0;
        }
        let share = self.both(value).map_or(0.0, |both| both[index(pass)].share_of_units(resident as usize));
        share * (LEFT_OUT / inputs as f64).min(1.0)
    }

    fn both(&self, value: u32) -> Option<&[Found; 2]> {
        self.values.get(value as usize)
    }
}

fn nodes_of(run: &Run) -> Vec<Node> {
    let graph = Graph::family(&run.spec).ok();
    graph.iter().flat_map(|graph| (0..graph.len() as u32).filter_map(|i| graph.node(i))).collect()
}

fn index(pass: Pass) -> usize {
    usize::from(pass == Pass::Backward)
}

struct Finder {
    points: usize,
    nodes: Vec<Node>,
    reverse: bool,
    values: Vec<[Found; 2]>,
}

impl Finder {
    /// The branch of a join gets a multiple of the gradient of its value, which is not shown.
    fn finish(mut self) -> Vec<[Found; 2]> {
        for (i, node) in self.nodes.iter().enumerate().filter(|(_, node)| self.reverse && node.op.is_binary()) {
            self.values[node.y as usize][1] = self.values[i][1].clone();
        }
        self.values
    }
}

impl Observer for Finder {
    fn see(&mut self, seen: &Seen<'_>) {
        // A backward pass shows the gradient of the first operand; the last one that is shown is the sum of all.
        let value = match self.nodes.get(seen.node as usize) {
            Some(node) if self.reverse && seen.pass == Pass::Backward => node.x,
            _ => seen.node,
        };
        let Some(both) = self.values.get_mut(value as usize) else { return };
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
                    *word = *word & !(1 << (at % 64)) | u64::from(x == 0.0) << (at % 64);
                }
            }
        }
    }
}
