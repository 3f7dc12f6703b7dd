use super::super::backward::Backward;
use super::super::forward::Passed;
use super::super::gather::gather;
use super::super::memory::Span;
use super::{Channels, Rows, through_units, value};
use crate::contract::Red16;
use crate::graph::{BatchStatistics, Node};
use crate::kernel::{all_finite, chain_rows, shift_and_scale, term};
use crate::op::through_batch;
use crate::plan::Sums;
use crate::shape::COLUMNS;
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Backward<'_, '_, '_, K, R, T> {
    pub(in super::super) fn norm(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let Some(norm) = node.op.norm() else { return false };
        let channels = node.shape.channels as usize;
        let (parameters, running) = if norm.affine.is_some() { (channels.wrapping_mul(2), channels) } else { (0, 0) };
        let at = self.take(parameters);
        self.at.channels = self.at.channels.wrapping_sub(running);
        let rows = self.room.sums.kept(&norm, self.memory.plan.want()) as usize;
        self.at.kept = self.at.kept.wrapping_sub(channels.wrapping_mul(rows));
        let constant =
            self.memory.plan.want().detached() || (norm.affine.is_some() && self.passed == Passed::Inference);
        let finite = match (self.wants(node.x), constant) {
            (false, _) => self.is_finite(),
            (true, true) if norm.eps.is_none() => self.pass_on(node),
            (true, true) => self.through_constants(node, norm, at),
            (true, false) => self.find_means(node, norm, at) && self.through_statistics(node, norm, at),
        };
        if finite && self.sink.wanted() && norm.affine.is_some() {
            self.norm_parameters(node, at);
        }
        finite
    }

    /// `(g * gamma) * inv`: with the statistics as constants.
    #[inline(never)]
    fn through_constants(&mut self, node: &Node, norm: BatchStatistics, at: usize) -> bool {
        let isa = self.room.isa;
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let from = self.memory.gradient(self.at_hand(node).0);
        let to = self.norm_target(node, norm, from);
        let layout = (self.room.sums, self.room.shared);
        let Rows { inverse, .. } = Rows::of(self.room.statistics, layout, norm, channels, self.at.kept);
        let inverse = &*inverse;
        let gamma = invariant!(self.sink.parameters().get(at..));
        self.memory.copy(from, to);
        let finite = self.memory.over(to, |_, g| {
            if plane == 1 && norm.affine.is_none() {
                let of = inverse.iter().map(|inv| (0.0, *inv));
                shift_and_scale::<false, true, T>(isa, g.as_chunks_mut::<T>().0, of);
            } else {
                for (c, g) in g.chunks_exact_mut(plane.wrapping_mul(T).max(1)).enumerate() {
                    let gamma = norm.affine.map(|_| value(gamma, c));
                    isa.compiled(scale, g, (gamma, value(inverse, c)));
                }
            }
            all_finite(isa, g)
        });
        finite && self.norm_settle(node, norm, to)
    }

    /// Whether the plan stores the gradient of the operand over that of the value. Gradients of parameters still need the latter.
    fn is_in_place(&self, norm: BatchStatistics) -> bool {
        norm.affine.is_none() || self.memory.plan.want().detached()
    }

    /// The span that the gradient of the operand is written to.
    fn norm_target(&self, node: &Node, norm: BatchStatistics, from: Span) -> Span {
        if self.is_in_place(norm) { from } else { self.target(node) }
    }

    /// Adds it to what later nodes have written. Returns whether the sum is finite.
    fn norm_settle(&mut self, node: &Node, norm: BatchStatistics, to: Span) -> bool {
        if self.is_in_place(norm) { self.pass_on_from(to, node) } else { self.settle(node) }
    }

    /// Computes the means of the gradient and of its products with the normalised operand, unless a sweep has.
    #[inline(never)]
    fn find_means(&mut self, node: &Node, norm: BatchStatistics, at: usize) -> bool {
        if matches!(self.room.sums, Sums::Sweeps { .. }) {
            return true;
        }
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let i = self.at_hand(node).0;
        let (from, saved) = (self.memory.gradient(i), self.memory.saved(i, node.x));
        let layout = (self.room.sums, self.room.shared);
        let Rows { means: c1, variances: c2, .. } =
            Rows::of(self.room.statistics, layout, norm, channels, self.at.kept);
        let of = |data, tile_len| Channels::<T> { data, tile_len, plane, first: 0, count };
        let gs = of(self.memory.get(from), from.tile_len);
        let batch = norm.eps.is_some();
        let xhats = of(if batch { self.memory.get(saved) } else { &[] }, saved.tile_len);
        let gamma = invariant!(self.sink.parameters().get(at..));
        let n = (count * plane) as f32;
        workers.any2(c1, 1, c2, 1, |c, c1, c2| {
            let (Some(c1), Some(c2)) = (c1.first_mut(), c2.first_mut()) else { return false };
            let gamma = norm.affine.map(|_| value(gamma, c));
            *c1 = match gamma {
                Some(gamma) => gs.sum::<{ term::SCALED }>(isa, c, gamma),
                None => gs.sum::<{ term::VALUE }>(isa, c, 0.0),
            } / n;
            if batch {
                let mut products = Red16::new();
                // A norm without parameters scales by one.
                let scale = gamma.map_or(1.0, |gamma| gamma);
                gs.add_products(isa, xhats, c, scale, &mut products);
                *c2 = products.fold() / n;
            }
            false
        });
        true
    }

    /// `((q - c1) - (xhat * c2)) * inv`; for centring `q - c1`.
    #[inline(never)]
    fn through_statistics(&mut self, node: &Node, norm: BatchStatistics, at: usize) -> bool {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let i = self.at_hand(node).0;
        let (from, saved) = (self.memory.gradient(i), self.memory.saved(i, node.x));
        let to = self.norm_target(node, norm, from);
        let layout = (self.room.sums, self.room.shared);
        let rows = Rows::of(self.room.statistics, layout, norm, channels, self.at.kept);
        let (c1, c2, inverse) = match self.room.sums {
            Sums::Batch => (&*rows.means, &*rows.variances, &*rows.inverse),
            Sums::Sweeps { .. } => {
                let [c1, c2] = rows.derivative;
                (&*c1, &*c2, &*rows.inverse)
            }
        };
        let gamma = invariant!(self.sink.parameters().get(at..));
        let in_place = from.start == to.start;
        let (rest, to_gradient) = self.memory.writing(to);
        let (g, xhat) = (if in_place { &[][..] } else { rest.get(from) }, rest.get(saved));
        let any = workers.any(to_gradient, to.tile_len, |tile, to| {
            if norm.eps.is_none() {
                if !in_place {
                    copy(from.of_tile(g, tile), to);
                }
                if plane == 1 {
                    let of = c1.iter().map(|c1| (*c1, 1.0));
                    shift_and_scale::<true, false, T>(isa, to.as_chunks_mut::<T>().0, of);
                } else {
                    for (c, to) in to.chunks_exact_mut(plane.wrapping_mul(T).max(1)).enumerate() {
                        isa.compiled(minus, to, value(c1, c));
                    }
                }
            } else if plane == 1 && norm.affine.is_none() && in_place {
                let of = c1.iter().zip(c2).zip(inverse).map(|((c1, c2), inv)| (*c1, *c2, *inv));
                through_units::<T>(isa, (saved.of_tile(xhat, tile), of), to);
            } else {
                for c in 0..channels {
                    let range = c * plane * T..(c + 1) * plane * T;
                    let xhat = saved.of_tile(xhat, tile).get(range.clone());
                    let (Some(xhat), Some(to)) = (xhat, to.get_mut(range.clone())) else { return true };
                    let by = (value(c1, c), value(c2, c), value(inverse, c));
                    match (norm.affine, in_place) {
                        (Some(_), false) => {
                            let Some(g) = from.of_tile(g, tile).get(range) else { return true };
                            isa.compiled(through, (g, xhat, to), (value(gamma, c), by));
                        }
                        (Some(_), true) => {
                            let gamma = value(gamma, c);
                            to.iter_mut().for_each(|g| *g *= gamma);
                            isa.compiled(through_in_place, (xhat, to), by);
                        }
                        (None, _) => {
                            if !in_place {
                                let Some(g) = from.of_tile(g, tile).get(range) else { return true };
                                copy(g, to);
                            }
                            isa.compiled(through_in_place, (xhat, to), by);
                        }
                    }
                }
            }
            // Points that are none have no gradient, whatever the means.
            let valid = T.min(count - tile * T);
            if valid < T {
                for lanes in to.as_chunks_mut::<T>().0 {
                    invariant!(lanes.get_mut(valid..)).fill(0.0);
                }
            }
            !all_finite(isa, to)
        });
        !any && self.norm_settle(node, norm, to)
    }

    #[inline(never)]
    fn norm_parameters(&mut self, node: &Node, at: usize) {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let i = self.at_hand(node).0;
        let (of, saved) = (self.memory.gradient(i), self.memory.saved(i, node.x));
        let operands = [(self.memory.get(of), of.tile_len), (self.memory.get(saved), saved.tile_len)];
        let gathered = &mut *self.room.gathered;
        self.sink.with(at..at + 2 * channels, self.room.scratch, |gradient| {
            let (gammas, betas) = invariant!(gradient.split_at_mut_checked(channels));
            gather::<K, 2, T>((isa, workers), (channels, plane, count), operands, gathered, |gathered| {
                // Chains of some channels at a time, through points and their places.
                let chains = |part: usize, gammas: &mut [f32], betas: &mut [f32]| {
                    for (rows, operands) in gathered.tiles() {
                        let g = invariant!(operands.get(part * COLUMNS..));
                        let xhat = invariant!(g.get(channels * plane * T..));
                        chain_rows::<true>(isa, (rows, channels), (g, xhat), betas, gammas);
                    }
                };
                let whole = channels / COLUMNS * COLUMNS;
                let (whole_gammas, gammas) = invariant!(gammas.split_at_mut_checked(whole));
                let (whole_betas, betas) = invariant!(betas.split_at_mut_checked(whole));
                workers.any2(whole_gammas, COLUMNS, whole_betas, COLUMNS, |part, gammas, betas| {
                    chains(part, gammas, betas);
                    false
                });
                if !gammas.is_empty() {
                    chains(whole / COLUMNS, gammas, betas);
                }
            });
        });
    }
}

/// Copies as many elements as both have.
fn copy(from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

#[inline(always)]
fn scale(g: &mut [f32], (gamma, inv): (Option<f32>, f32)) {
    match gamma {
        Some(gamma) => g.iter_mut().for_each(|g| *g = (*g * gamma) * inv),
        None => g.iter_mut().for_each(|g| *g *= inv),
    }
}

#[inline(always)]
fn minus(g: &mut [f32], c1: f32) {
    g.iter_mut().for_each(|g| *g -= c1);
}

/// The statistics depend on the batch.
#[inline(always)]
fn through((g, xhat, to): (&[f32], &[f32], &mut [f32]), (gamma, (c1, c2, inv)): (f32, (f32, f32, f32))) {
    for ((to, g), xhat) in to.iter_mut().zip(g).zip(xhat) {
        *to = through_batch(g * gamma, *xhat, c1, c2, inv);
    }
}

#[inline(always)]
fn through_in_place((xhat, g): (&[f32], &mut [f32]), (c1, c2, inv): (f32, f32, f32)) {
    g.iter_mut().zip(xhat).for_each(|(g, xhat)| *g = through_batch(*g, *xhat, c1, c2, inv));
}
