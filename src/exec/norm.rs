use super::backward::Backward;
use super::forward::{Forward, Mode, Passed};
use super::gather::gather;
use crate::graph::{Node, Op};
use crate::kernel::{COLUMNS, Isa, Red16, add_channel, all_finite, chain_rows, term};
use crate::layer::{Affine, Moments, Running, through_batch};
use crate::math::Math;
use crate::network::Workers;

/// The tiles of a buffer: channel c is one run of `plane` units in each.
#[derive(Clone, Copy)]
struct Channels<'x, const T: usize> {
    data: &'x [f32],
    tile_len: usize,
    plane: usize,
    /// Points.
    count: usize,
}

impl<'x, const T: usize> Channels<'x, T> {
    /// (first point, valid lanes, places) of channel c, tile by tile.
    fn of(self, c: usize) -> impl Iterator<Item = (usize, usize, &'x [[f32; T]])> {
        let Self { data, tile_len, plane, count } = self;
        data.chunks_exact(tile_len.max(1)).take(count.div_ceil(T)).enumerate().map(move |(i, tile)| {
            let places = tile.as_chunks::<T>().0.get(c * plane..(c + 1) * plane).unwrap_or_default();
            (i * T, T.min(count - i * T), places)
        })
    }

    /// RED16 of a term over points and places.
    fn sum<const TERM: u8>(self, isa: Isa, c: usize, by: f32) -> f32 {
        let mut sums = Red16::new();
        for (first, valid, x) in self.of(c) {
            add_channel::<TERM, T>(isa, (x, &[]), by, (first, valid), &mut sums);
        }
        sums.fold()
    }
}

fn value(values: &[f32], c: usize) -> f32 {
    values.get(c).copied().unwrap_or(0.0)
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    pub(super) fn batch_norm(&mut self, node: &Node, eps: f32) -> bool {
        if self.memory.is_trained(self.node()) {
            self.batch_norm_saving(node, eps)
        } else {
            self.batch_norm_values(node, eps)
        }
    }

    /// With its running statistics: `y = (((x - mean) * inv) * gamma) + beta`.
    #[inline(never)]
    fn batch_norm_values(&mut self, node: &Node, eps: f32) -> bool {
        let (i, isa) = (self.node(), self.room.isa);
        let channels = node.shape.channels as usize;
        let plane = (node.shape.plane() as usize).wrapping_mul(T);
        let (gammas, betas) = (self.take(channels), self.take(channels));
        let at = self.take_channels(channels).wrapping_mul(2);
        let Mode::Inference { running } = &self.mode else { return false };
        let own = running.get(at..).unwrap_or_default();
        let (means, rest) = own.split_at_checked(channels).unwrap_or_default();
        let variances = rest.get(..channels).unwrap_or_default();
        let inverse = self.room.scratch.get_mut(..channels).unwrap_or_default();
        for (inverse, variance) in inverse.iter_mut().zip(variances) {
            *inverse = Running { mean: 0.0, variance: *variance }.moments(eps, Math::Libm).inv;
        }
        // An infinite variance would hide behind an inverse of zero.
        if !(all_finite(isa, means) && all_finite(isa, variances) && all_finite(isa, inverse)) {
            return false;
        }
        let inverse = &*inverse;
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.copy(from, to);
        self.memory.over(to, |_, y| {
            let moments = means.iter().zip(inverse);
            let affine = gammas.iter().zip(betas);
            for ((y, (mean, inv)), (gamma, beta)) in y.chunks_exact_mut(plane.max(1)).zip(moments).zip(affine) {
                isa.compiled(normalise, y, (*mean, *inv, Affine { gamma: *gamma, beta: *beta }));
            }
            all_finite(isa, y)
        })
    }

    /// With the batch's statistics, or the running ones, for a backward pass: the normalised operand is saved.
    #[inline(never)]
    fn batch_norm_saving(&mut self, node: &Node, eps: f32) -> bool {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let (gamma, beta) = (self.take(channels), self.take(channels));
        let at = self.take_channels(channels);
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.node()));
        let saved = self.memory.saved(self.node(), node.x);
        self.memory.copy(from, saved);
        let own = self.room.statistics.get_mut(at.wrapping_mul(3)..).unwrap_or_default();
        let (inverse, rest) = own.split_at_mut_checked(channels).unwrap_or_default();
        let (means, variances) = rest.split_at_mut_checked(channels).unwrap_or_default();
        let variances = variances.get_mut(..channels).unwrap_or_default();
        let n = (count * plane) as f32;
        if let Mode::Inference { running } = &self.mode {
            let own = running.get(at.wrapping_mul(2)..).unwrap_or_default();
            let (running_means, running_variances) = own.split_at_checked(channels).unwrap_or_default();
            means.iter_mut().zip(running_means).for_each(|(mean, running)| *mean = *running);
            variances.iter_mut().zip(running_variances).for_each(|(variance, running)| *variance = *running);
        } else {
            let all = Channels::<T> { data: self.memory.get(saved), tile_len: saved.tile_len, plane, count };
            workers.any2(means, 1, variances, 1, |c, mean, variance| {
                if let (Some(mean), Some(variance)) = (mean.first_mut(), variance.first_mut()) {
                    *mean = all.sum::<{ term::VALUE }>(isa, c, 0.0) / n;
                    *variance = all.sum::<{ term::SQUARE }>(isa, c, *mean) / n;
                }
                false
            });
        }
        for (inverse, variance) in inverse.iter_mut().zip(&*variances) {
            *inverse = Running { mean: 0.0, variance: *variance }.moments(eps, Math::Libm).inv;
        }
        // An infinite variance would hide behind an inverse of zero.
        if !(all_finite(isa, means) && all_finite(isa, variances) && all_finite(isa, inverse)) {
            return false;
        }
        let (means, inverse) = (&*means, &*inverse);
        let (x, y) = self.memory.two(saved, to);
        !workers.any2(x, saved.tile_len, y, to.tile_len, |_, x, y| {
            for c in 0..channels {
                let range = c * plane * T..(c + 1) * plane * T;
                let (Some(x), Some(y)) = (x.get_mut(range.clone()), y.get_mut(range)) else { return true };
                let affine = Affine { gamma: value(gamma, c), beta: value(beta, c) };
                isa.compiled(normalise_and_save, (x, y), (value(means, c), value(inverse, c), affine));
            }
            !all_finite(isa, y)
        })
    }
}

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Updates the running statistics of all batch norms at the end of a training pass.
    #[inline(never)]
    pub(super) fn update_running(&mut self) {
        let Mode::Training { running, .. } = &mut self.mode else { return };
        if self.memory.plan.running_len == 0 {
            return;
        }
        let (mut statistics, mut running) = (&*self.room.statistics, &mut **running);
        for node in (0..self.memory.plan.graph().len() as u32).filter_map(|i| self.memory.node(i)) {
            let Op::BatchNorm { momentum, .. } = node.op else { continue };
            let channels = node.shape.channels as usize;
            let count = self.memory.count.wrapping_mul(node.shape.plane() as usize);
            let (own, rest) = statistics.split_at_checked(channels.wrapping_mul(3)).unwrap_or_default();
            statistics = rest;
            let (own_running, rest) =
                core::mem::take(&mut running).split_at_mut_checked(channels.wrapping_mul(2)).unwrap_or_default();
            running = rest;
            let (inverse, own) = own.split_at_checked(channels).unwrap_or_default();
            let (means, variances) = own.split_at_checked(channels).unwrap_or_default();
            let (running_means, running_variances) = own_running.split_at_mut_checked(channels).unwrap_or_default();
            let moments = means.iter().zip(variances).zip(inverse);
            for (((&mean, &variance), &inv), (running_mean, running_variance)) in
                moments.zip(running_means.iter_mut().zip(running_variances))
            {
                let mut running = Running { mean: *running_mean, variance: *running_variance };
                running.update(Moments { mean, variance, inv }, count, momentum);
                (*running_mean, *running_variance) = (running.mean, running.variance);
            }
        }
    }
}

impl<K: Workers, F: FnMut(usize, &mut [f32], &[f32]), const R: usize, const T: usize> Backward<'_, '_, '_, K, F, R, T> {
    pub(super) fn batch_norm(&mut self, node: &Node) -> bool {
        let channels = node.shape.channels as usize;
        let (at, of) = (self.take(channels.wrapping_mul(2)), self.take_channels(channels).wrapping_mul(3));
        let finite = if self.wants(node.x) { self.batch_norm_operand(node, (at, of)) } else { self.is_finite() };
        if finite && self.sink.wanted() {
            self.batch_norm_parameters(node, at);
        }
        finite
    }

    #[inline(never)]
    fn batch_norm_operand(&mut self, node: &Node, (at, statistics): (usize, usize)) -> bool {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let constant = self.passed == Passed::Inference;
        let i = self.at_hand(node).0;
        let (from, saved, to) = (self.memory.gradient(i), self.memory.saved(i, node.x), self.target(node));
        let own = self.room.statistics.get_mut(statistics..).unwrap_or_default();
        let (inverse, rest) = own.split_at_mut_checked(channels).unwrap_or_default();
        let (c1, rest) = rest.split_at_mut_checked(channels).unwrap_or_default();
        let c2 = rest.get_mut(..channels).unwrap_or_default();
        let (rest, to_gradient) = self.memory.writing(to);
        let (g, xhat) = (rest.get(from), rest.get(saved));
        let gs = Channels::<T> { data: g, tile_len: from.tile_len, plane, count };
        let xhats = Channels::<T> { data: xhat, tile_len: saved.tile_len, plane, count };
        let gamma = self.sink.parameters().get(at..).unwrap_or_default();
        let n = (count * plane) as f32;
        workers.any2(c1, 1, c2, 1, |c, c1, c2| {
            let gamma = value(gamma, c);
            let mut products = Red16::new();
            for ((first, valid, g), (_, _, xhat)) in gs.of(c).zip(xhats.of(c)) {
                add_channel::<{ term::PRODUCT }, T>(isa, (g, xhat), gamma, (first, valid), &mut products);
            }
            if let (Some(c1), Some(c2)) = (c1.first_mut(), c2.first_mut()) {
                (*c1, *c2) = (gs.sum::<{ term::SCALED }>(isa, c, gamma) / n, products.fold() / n);
            }
            false
        });
        let (c1, c2, inverse) = (&*c1, &*c2, &*inverse);
        let any = workers.any(to_gradient, to.tile_len, |tile, to| {
            for c in 0..channels {
                let range = c * plane * T..(c + 1) * plane * T;
                let g = from.of_tile(g, tile).get(range.clone());
                let xhat = saved.of_tile(xhat, tile).get(range.clone());
                let (Some(g), Some(xhat), Some(to)) = (g, xhat, to.get_mut(range)) else { return true };
                let (gamma, inv) = (value(gamma, c), value(inverse, c));
                if constant {
                    isa.compiled(through_constants, (g, to), (gamma, inv));
                } else {
                    isa.compiled(through, (g, xhat, to), (gamma, value(c1, c), value(c2, c), inv));
                }
            }
            // Points that are none have no gradient, whatever the means.
            let valid = T.min(count - tile * T);
            if valid < T {
                for lanes in to.as_chunks_mut::<T>().0 {
                    lanes.get_mut(valid..).unwrap_or_default().fill(0.0);
                }
            }
            !all_finite(isa, to)
        });
        !any && self.settle(node)
    }

    #[inline(never)]
    fn batch_norm_parameters(&mut self, node: &Node, at: usize) {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let i = self.at_hand(node).0;
        let (of, saved) = (self.memory.gradient(i), self.memory.saved(i, node.x));
        let operands = [(self.memory.get(of), of.tile_len), (self.memory.get(saved), saved.tile_len)];
        let gathered = &mut *self.room.gathered;
        self.sink.with(at..at + 2 * channels, self.room.scratch, |gradient| {
            let (gammas, betas) = gradient.split_at_mut_checked(channels).unwrap_or_default();
            gather::<K, 2, T>((isa, workers), (channels, plane, count), operands, gathered, |gathered| {
                // Chains of some channels at a time, through points and their places.
                let chains = |part: usize, gammas: &mut [f32], betas: &mut [f32]| {
                    for (rows, operands) in gathered.tiles() {
                        let g = operands.get(part * COLUMNS..).unwrap_or_default();
                        let xhat = g.get(channels * plane * T..).unwrap_or_default();
                        chain_rows::<true>(isa, (rows, channels), (g, xhat), betas, gammas);
                    }
                };
                let whole = channels / COLUMNS * COLUMNS;
                let (whole_gammas, gammas) = gammas.split_at_mut_checked(whole).unwrap_or_default();
                let (whole_betas, betas) = betas.split_at_mut_checked(whole).unwrap_or_default();
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

/// The statistics move with the batch.
#[inline(always)]
fn through((g, xhat, to): (&[f32], &[f32], &mut [f32]), (gamma, c1, c2, inv): (f32, f32, f32, f32)) {
    for ((to, g), xhat) in to.iter_mut().zip(g).zip(xhat) {
        *to = through_batch(g * gamma, *xhat, c1, c2, inv);
    }
}

/// The statistics are constants.
#[inline(always)]
fn through_constants((g, to): (&[f32], &mut [f32]), (gamma, inv): (f32, f32)) {
    for (to, g) in to.iter_mut().zip(g) {
        *to = (g * gamma) * inv;
    }
}

#[inline(always)]
fn normalise(x: &mut [f32], (mean, inv, affine): (f32, f32, Affine)) {
    for x in x {
        *x = (((*x - mean) * inv) * affine.gamma) + affine.beta;
    }
}

/// x becomes xhat, y the output.
#[inline(always)]
fn normalise_and_save((x, y): (&mut [f32], &mut [f32]), (mean, inv, affine): (f32, f32, Affine)) {
    for (x, y) in x.iter_mut().zip(y) {
        *x = (*x - mean) * inv;
        *y = (*x * affine.gamma) + affine.beta;
    }
}
