use super::super::at::At;
use super::super::forward::{Forward, Mode};
use super::super::memory::Span;
use super::{Channels, Rows, affine_of, value};
use crate::graph::{BatchStatistics, Node, Saved};
use crate::kernel::{ABREAST, all_finite, red16_abreast, shift_and_scale, term};
use crate::op::{Affine, inverse_deviation};
use crate::plan::{Sums, Want};
use crate::workers::Workers;

/// Scales and shifts of all channels.
type Parameters<'p> = Option<(&'p [f32], &'p [f32])>;

impl<'p, K: Workers, const R: usize, const T: usize> Forward<'_, '_, 'p, K, R, T> {
    pub(in super::super) fn norm(&mut self, node: &Node) -> bool {
        // The plan has refused the graph: the code is left out.
        if !cfg!(feature = "norm") {
            return false;
        }
        let Some(norm) = node.op.norm() else { return false };
        let (at, parameters) = self.take_norm(node, norm);
        if norm.affine.is_some() && self.memory.plan.want() == Want::Output {
            return self.norm_of_running(node, norm, (parameters, at.channels));
        }
        if !self.find_statistics(node, norm, (at.channels, at.kept)) {
            return false;
        }
        if self.saves_normalised() {
            self.normalise_and_save(node, norm, parameters, at.kept)
        } else {
            self.normalise(node, norm, parameters, at.kept)
        }
    }

    /// Whether the plan has a slot for the normalised operand.
    fn saves_normalised(&self) -> bool {
        matches!(self.memory.plan.lifetimes.saves(self.node() as usize), Saved::Normalised)
    }

    /// The offsets of a norm, and its scales and shifts.
    fn take_norm(&mut self, node: &Node, norm: BatchStatistics) -> (At, Parameters<'p>) {
        let channels = node.shape.channels as usize;
        let (at, mut parameters) = (self.at, None);
        if norm.affine.is_some() {
            parameters = Some((self.take(channels), self.take(channels)));
            self.at.channels = at.channels.wrapping_add(channels);
        }
        let rows = self.room.sums.kept(&norm, self.memory.plan.want()) as usize;
        self.at.kept = at.kept.wrapping_add(channels.wrapping_mul(rows));
        (at, parameters)
    }

    /// Normalises without applying scale and shift, which it returns: for tangents.
    pub(in super::super) fn normalise_alone(&mut self, node: &Node, norm: BatchStatistics) -> (bool, Parameters<'p>) {
        let (at, parameters) = self.take_norm(node, norm);
        let finite = self.find_statistics(node, norm, (at.channels, at.kept));
        (finite && self.normalise(node, norm, None, at.kept), parameters)
    }

    /// `y = (((x - mean) * inv) * gamma) + beta` with the running statistics.
    #[inline(never)]
    fn norm_of_running(&mut self, node: &Node, norm: BatchStatistics, (parameters, at): (Parameters, usize)) -> bool {
        let (i, isa, math) = (self.node(), self.room.isa, self.room.math);
        let channels = node.shape.channels as usize;
        let plane = (node.shape.plane() as usize).wrapping_mul(T);
        let Mode::Inference { running } = &self.mode else { return false };
        let own = invariant!(running.get(at.wrapping_mul(2)..));
        let (means, rest) = invariant!(own.split_at_checked(channels));
        let variances = invariant!(rest.get(..channels));
        let inverse = invariant!(self.room.scratch.get_mut(..channels));
        for (inverse, variance) in inverse.iter_mut().zip(variances) {
            *inverse = inverse_deviation(*variance, invariant!(norm.eps), math);
        }
        // An infinite variance would hide behind an inverse of zero.
        if !(all_finite(isa, means) && all_finite(isa, variances) && all_finite(isa, inverse)) {
            return false;
        }
        let inverse = &*inverse;
        let (from, to) = (self.memory.span(node.x), self.memory.span(i));
        self.memory.copy(from, to);
        self.memory.over(to, |_, y| {
            for (c, y) in y.chunks_exact_mut(plane.max(1)).enumerate() {
                let affine = affine_of(parameters, c);
                isa.compiled(shift, y, (value(means, c), value(inverse, c), affine));
            }
            all_finite(isa, y)
        })
    }

    /// Computes means, variances and inverse deviations of the batch, or copies the running ones, unless a sweep has computed them. Returns
    /// whether they are finite.
    #[inline(never)]
    fn find_statistics(&mut self, node: &Node, norm: BatchStatistics, (channel, kept): (usize, usize)) -> bool {
        let (isa, math, workers) = (self.room.isa, self.room.math, self.memory.workers);
        let (channels, plane, count) = (node.shape.channels as usize, node.shape.plane() as usize, self.memory.count);
        let layout = (self.room.sums, self.room.shared);
        if matches!(self.room.sums, Sums::Sweeps { .. }) {
            return true;
        }
        let Rows { means, variances, inverse, .. } = Rows::of(self.room.statistics, layout, norm, channels, kept);
        if let (Mode::Inference { running }, Some(_)) = (&self.mode, norm.affine) {
            let own = invariant!(running.get(channel.wrapping_mul(2)..));
            let (running_means, running_variances) = invariant!(own.split_at_checked(channels));
            means.iter_mut().zip(running_means).for_each(|(mean, running)| *mean = *running);
            variances.iter_mut().zip(running_variances).for_each(|(variance, running)| *variance = *running);
        } else {
            let from = self.memory.span(node.x);
            let all = Channels::<T> { data: self.memory.get(from), tile_len: from.tile_len, plane, first: 0, count };
            let batch = norm.eps.is_some();
            let n = (count * plane) as f32;
            // Vectors in whole tiles: adjacent units are contiguous.
            let abreast = plane == 1 && T.is_multiple_of(16) && count.is_multiple_of(T);
            let whole = if abreast { channels / ABREAST * ABREAST } else { 0 };
            let (groups, rest_means) = invariant!(means.split_at_mut_checked(whole));
            let (group_variances, rest) = invariant!(variances.split_at_mut_checked(whole));
            workers.any2(groups, ABREAST, group_variances, ABREAST, |group, means, variances| {
                let shape = (channels, count / T);
                let data = invariant!(all.data.as_chunks::<T>().0.get(group * ABREAST..));
                let mut found = [0.0; ABREAST];
                let sums = red16_abreast::<false, T>(isa, data, shape, &found);
                for (found, sum) in found.iter_mut().zip(&sums) {
                    *found = sum.fold() / n;
                }
                means.iter_mut().zip(found).for_each(|(mean, found)| *mean = found);
                if batch {
                    let sums = red16_abreast::<true, T>(isa, data, shape, &found);
                    for (variance, sum) in variances.iter_mut().zip(&sums) {
                        *variance = sum.fold() / n;
                    }
                }
                false
            });
            workers.any2(rest_means, 1, rest, 1, |c, mean, variance| {
                let c = whole + c;
                if let (Some(mean), Some(variance)) = (mean.first_mut(), variance.first_mut()) {
                    *mean = all.sum::<{ term::VALUE }>(isa, c, 0.0) / n;
                    if batch {
                        *variance = all.sum::<{ term::SQUARE }>(isa, c, *mean) / n;
                    }
                }
                false
            });
        }
        let Some(eps) = norm.eps else { return all_finite(isa, means) };
        // An infinite variance would hide behind an inverse of zero.
        if !(all_finite(isa, means) && all_finite(isa, variances)) {
            return false;
        }
        if inverse.is_empty() {
            // The variances are not needed again.
            for variance in variances.iter_mut() {
                *variance = inverse_deviation(*variance, eps, math);
            }
            return all_finite(isa, variances);
        }
        for (inverse, variance) in inverse.iter_mut().zip(&*variances) {
            *inverse = inverse_deviation(*variance, eps, math);
        }
        all_finite(isa, inverse)
    }

    /// Normalises in place or in a copy of the operand.
    #[inline(never)]
    fn normalise(&mut self, node: &Node, norm: BatchStatistics, parameters: Parameters, kept: usize) -> bool {
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.node()));
        self.memory.copy(from, to);
        self.normalise_in(to, node, norm, parameters, kept)
    }

    fn normalise_in(
        &mut self,
        to: Span,
        node: &Node,
        norm: BatchStatistics,
        parameters: Parameters,
        kept: usize,
    ) -> bool {
        let isa = self.room.isa;
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let layout = (self.room.sums, self.room.shared);
        let Rows { means, variances, inverse, .. } = Rows::of(self.room.statistics, layout, norm, channels, kept);
        let (batch, means) = (norm.eps.is_some(), &*means);
        // Without a backward pass the inverse deviations replace the variances.
        let inverse = if batch && inverse.is_empty() { &*variances } else { &*inverse };
        self.memory.over(to, |_, y| {
            if plane == 1 && parameters.is_none() {
                let units = y.as_chunks_mut::<T>().0;
                if batch {
                    let of = means.iter().copied().zip(inverse.iter().copied());
                    shift_and_scale::<true, true, T>(isa, units, of);
                } else {
                    shift_and_scale::<true, false, T>(isa, units, means.iter().map(|mean| (*mean, 1.0)));
                }
            } else {
                for (c, y) in y.chunks_exact_mut(plane.wrapping_mul(T).max(1)).enumerate() {
                    if batch {
                        isa.compiled(shift, y, (value(means, c), value(inverse, c), affine_of(parameters, c)));
                    } else {
                        isa.compiled(centre, y, value(means, c));
                    }
                }
            }
            all_finite(isa, y)
        })
    }

    /// Normalises and saves the normalised operand for the backward pass.
    #[inline(never)]
    fn normalise_and_save(&mut self, node: &Node, norm: BatchStatistics, parameters: Parameters, kept: usize) -> bool {
        let (isa, workers) = (self.room.isa, self.memory.workers);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let (from, to) = (self.memory.span(node.x), self.memory.span(self.node()));
        let saved = self.memory.saved(self.node(), node.x);
        let Some((gamma, beta)) = parameters else {
            // The value is what is saved. One of the two may be stored over the operand.
            let (first, second) = if from.start == saved.start { (saved, to) } else { (to, saved) };
            self.memory.copy(from, first);
            let finite = self.normalise_in(first, node, norm, None, kept);
            self.memory.copy(first, second);
            return finite;
        };
        self.memory.copy(from, saved);
        let layout = (self.room.sums, self.room.shared);
        let Rows { means, inverse, .. } = Rows::of(self.room.statistics, layout, norm, channels, kept);
        let (means, inverse) = (&*means, &*inverse);
        let (x, y) = self.memory.two(saved, to);
        !workers.any2(x, saved.tile_len, y, to.tile_len, |_, x, y| {
            for c in 0..channels {
                let range = c * plane * T..(c + 1) * plane * T;
                let (Some(x), Some(y)) = (x.get_mut(range.clone()), y.get_mut(range)) else { return true };
                let affine = Affine { gamma: value(gamma, c), beta: value(beta, c) };
                isa.compiled(shift_and_keep, (x, y), (value(means, c), value(inverse, c), affine));
            }
            !all_finite(isa, y)
        })
    }
}

#[inline(always)]
fn shift(x: &mut [f32], (mean, inv, affine): (f32, f32, Option<Affine>)) {
    match affine {
        Some(affine) => x.iter_mut().for_each(|x| *x = (((*x - mean) * inv) * affine.gamma) + affine.beta),
        None => x.iter_mut().for_each(|x| *x = (*x - mean) * inv),
    }
}

#[inline(always)]
fn centre(x: &mut [f32], mean: f32) {
    x.iter_mut().for_each(|x| *x -= mean);
}

/// Writes xhat to x and the output to y.
#[inline(always)]
fn shift_and_keep((x, y): (&mut [f32], &mut [f32]), (mean, inv, affine): (f32, f32, Affine)) {
    for (x, y) in x.iter_mut().zip(y) {
        *x = (*x - mean) * inv;
        *y = (*x * affine.gamma) + affine.beta;
    }
}
