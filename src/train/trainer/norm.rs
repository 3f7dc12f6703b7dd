use super::backward::Gradients;
use super::gather::gather;
use super::parameters::Into;
use super::{Mode, Trainer};
use crate::kernel::{COLUMNS, Isa, Red16, add_channel, all_finite, chain_rows, term};
use crate::layer::{Affine, Image, Moments, Running, through_batch};
use crate::math::Math;
use crate::network::Workers;
use crate::train::plan::Place;

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

impl<K: Workers, const R: usize, const T: usize> Trainer<'_, K, R, T> {
    /// Whether all that came out is finite. The input becomes xhat.
    pub(super) fn norm_forward(
        &mut self,
        (image, eps, momentum): (Image, f32, f32),
        place: Place,
        (gamma, beta): (&[f32], &[f32]),
        running: &mut [f32],
    ) -> bool {
        let (isa, workers, count) = (self.options.isa, self.workers, self.count);
        let (channels, plane) = (image.channels as usize, image.plane() as usize);
        let (from, from_len, from_tile) = self.span(place.source);
        let (to, to_len, to_tile) = self.span(place.region);
        let Some((before, after)) = self.buffers.activations.split_at_mut_checked(to) else { return false };
        let x = before.get_mut(from..from + from_len).unwrap_or_default();
        let y = after.get_mut(..to_len).unwrap_or_default();
        let own = self.buffers.statistics.get_mut(3 * place.statistics as usize..).unwrap_or_default();
        let (inverse, rest) = own.split_at_mut_checked(channels).unwrap_or_default();
        let (means, variances) = rest.split_at_mut_checked(channels).unwrap_or_default();
        let variances = variances.get_mut(..channels).unwrap_or_default();
        let running = running.get_mut(2 * place.statistics as usize..).unwrap_or_default();
        let (running_means, running_variances) = running.split_at_mut_checked(channels).unwrap_or_default();
        let n = (count * plane) as f32;
        if self.mode == Mode::Inference {
            means.iter_mut().zip(&*running_means).for_each(|(mean, running)| *mean = *running);
            variances.iter_mut().zip(&*running_variances).for_each(|(variance, running)| *variance = *running);
        } else {
            let all = Channels::<T> { data: x, tile_len: from_tile, plane, count };
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
        if let Mode::Training { .. } = self.mode {
            let statistics = means.iter().zip(&*variances).zip(&*inverse);
            let running = running_means.iter_mut().zip(running_variances);
            for (((&mean, &variance), &inv), (running_mean, running_variance)) in statistics.zip(running) {
                let mut running = Running { mean: *running_mean, variance: *running_variance };
                running.update(Moments { mean, variance, inv }, count * plane, momentum);
                (*running_mean, *running_variance) = (running.mean, running.variance);
            }
        }
        let (means, inverse) = (&*means, &*inverse);
        let at = |values: &[f32], c: usize| values.get(c).copied().unwrap_or(0.0);
        !workers.any2(x, from_tile, y, to_tile, |_, x, y| {
            for c in 0..channels {
                let range = c * plane * T..(c + 1) * plane * T;
                let (Some(x), Some(y)) = (x.get_mut(range.clone()), y.get_mut(range)) else { return true };
                let affine = Affine { gamma: at(gamma, c), beta: at(beta, c) };
                isa.compiled(normalise, (x, y), (at(means, c), at(inverse, c), affine));
            }
            !all_finite(isa, y.get(..channels * plane * T).unwrap_or_default())
        })
    }

    /// Whether the gradient of what went in is finite.
    #[inline(never)]
    pub(super) fn norm_backward<F: FnMut(usize, &mut [f32], &[f32])>(
        &mut self,
        image: Image,
        place: Place,
        into: &mut Into<'_, F>,
    ) -> bool {
        let (isa, workers, count, tile_len) = (self.options.isa, self.workers, self.count, self.tile_len());
        let (channels, plane) = (image.channels as usize, image.plane() as usize);
        let (start, len, from_tile) = self.span(place.source);
        let constant = self.mode == Mode::Inference;
        let activations = core::mem::take(&mut self.buffers.activations);
        let statistics = core::mem::take(&mut self.buffers.statistics);
        let scratch = core::mem::take(&mut self.buffers.scratch);
        let gathered = core::mem::take(&mut self.buffers.gathered);
        let own = statistics.get_mut(3 * place.statistics as usize..).unwrap_or_default();
        let (inverse, rest) = own.split_at_mut_checked(channels).unwrap_or_default();
        let (c1, rest) = rest.split_at_mut_checked(channels).unwrap_or_default();
        let c2 = rest.get_mut(..channels).unwrap_or_default();
        let xhat = activations.get(start..start + len).unwrap_or_default();
        let xhats = Channels::<T> { data: xhat, tile_len: from_tile, plane, count };
        let at = place.parameters as usize;
        let value = |values: &[f32], c: usize| values.get(c).copied().unwrap_or(0.0);
        let Gradients { here, there, .. } = self.gradients();
        let here = &*here;
        let gs = Channels::<T> { data: here, tile_len, plane, count };
        let gamma = into.parameters().get(at..at + channels).unwrap_or_default();
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
        let finite = !workers.any(there, tile_len, |tile, to| {
            for c in 0..channels {
                let range = c * plane * T..(c + 1) * plane * T;
                let g = here.get(tile * tile_len..).and_then(|g| g.get(range.clone()));
                let xhat = xhat.get(tile * from_tile..).and_then(|x| x.get(range.clone()));
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
            let to = to.get_mut(..channels * plane * T).unwrap_or_default();
            if valid < T {
                for lanes in to.as_chunks_mut::<T>().0 {
                    lanes.get_mut(valid..).unwrap_or_default().fill(0.0);
                }
            }
            !all_finite(isa, to)
        });
        if finite && into.wanted() {
            into.with(at..at + 2 * channels, scratch, |gradient| {
                let (gammas, betas) = gradient.split_at_mut_checked(channels).unwrap_or_default();
                let (shape, operands) = ((channels, plane, count), [(here, tile_len), (xhat, from_tile)]);
                gather::<K, 2, T>((isa, workers), shape, operands, gathered, |gathered| {
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
        self.buffers.activations = activations;
        self.buffers.statistics = statistics;
        self.buffers.scratch = scratch;
        self.buffers.gathered = gathered;
        self.flipped = !self.flipped;
        finite
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

/// x becomes xhat, y the output.
#[inline(always)]
fn normalise((x, y): (&mut [f32], &mut [f32]), (mean, inv, affine): (f32, f32, Affine)) {
    for (x, y) in x.iter_mut().zip(y) {
        *x = (*x - mean) * inv;
        *y = (*x * affine.gamma) + affine.beta;
    }
}
