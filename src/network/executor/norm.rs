use super::Executor;
use super::activations::{elements_of, finite_elements, unit_of, units_of};
use super::cursor::{Phase, keeps_normalised};
use super::scale::{
    mean, mean_product, moments, moments_abreast, normalise, scale, sum, sum_squares, through_mean, through_statistics,
};
use crate::error::{Error, Fault, Pass};
use crate::kernel::{ABREAST, Red16};
use crate::layer::{Moments, inverse_deviation};
use crate::math::is_finite;
use crate::network::{Layer, Statistics, Weights, Workers};

/// Where the rows of a norm's statistics stand in the caller's buffer.
///
/// First come rows of scratch (16 lanes a unit under the block schedule, two numbers a unit otherwise), then for each
/// norm: its means (blocks), its inverse deviations (batch norm), the means of its gradient (blocks, full centring).
struct Rows<'s> {
    scratch: &'s mut [f32],
    means: &'s mut [f32],
    inverse: &'s mut [f32],
    gradient_means: &'s mut [f32],
}

impl<W: Weights, K: Workers, const R: usize, const T: usize> Executor<'_, W, K, R, T> {
    fn rows<'s>(&self, statistics: &'s mut [f32], layer: Layer, at: u64) -> Rows<'s> {
        let width = layer.shape().0 as usize;
        let batch = matches!(layer, Layer::BatchNorm { .. });
        let header = self.plan.norm_width as usize * if self.blocks() { 16 } else { 2 };
        let (scratch, entries) = statistics.split_at_mut_checked(header).unwrap_or_default();
        let entry = entries.get_mut(at as usize..).unwrap_or_default();
        let (means, rest) = entry.split_at_mut_checked(if self.blocks() { width } else { 0 }).unwrap_or_default();
        let (inverse, rest) = rest.split_at_mut_checked(if batch { width } else { 0 }).unwrap_or_default();
        let full = self.blocks() && !batch && self.options.statistics == Statistics::Full;
        Rows {
            scratch,
            means,
            inverse,
            gradient_means: rest.get_mut(..if full { width } else { 0 }).unwrap_or_default(),
        }
    }

    /// Subtracts means, divides by deviations; under the block schedule first finds them, a sweep each.
    pub(super) fn norm_forward(&mut self, layer: Layer) -> bool {
        let statistics = core::mem::take(&mut self.statistics);
        let finite = self.norm_forward_with(layer, statistics);
        self.statistics = statistics;
        finite
    }

    fn norm_forward_with(&mut self, layer: Layer, statistics: &mut [f32]) -> bool {
        let width = layer.shape().0 as usize;
        let (first, count, tiles) = (self.cursor.first as usize, self.count(), self.tiles());
        let rows = self.rows(statistics, layer, self.cursor.statistics);
        let isa = self.options.isa;
        if self.moments() && self.cursor.layer == self.cursor.norm {
            let second = self.cursor.phase == Phase::Moments { second: true };
            let (values, means) = (&self.values, &*rows.means);
            accumulate(self.workers, rows.scratch, width, first, |unit, lanes| {
                let series = values.unit(unit, first, count);
                let mean = means.get(unit).copied().unwrap_or(0.0);
                if second {
                    isa.compiled(sum_squares::<T>, (series, mean), lanes);
                } else {
                    isa.compiled(sum::<T>, series, lanes);
                }
            });
            return true;
        }
        // (mean, inverse deviation) of every unit: as stored, or found in place.
        let found = if self.blocks() {
            None
        } else {
            let scratch = rows.scratch.get_mut(..2 * width).unwrap_or_default();
            let bad = self.moments_of(layer, scratch);
            if bad {
                return false;
            }
            Some(&*scratch)
        };
        let batch = matches!(layer, Layer::BatchNorm { .. });
        if let Some(found) = found {
            for (inverse, pair) in rows.inverse.iter_mut().zip(found.as_chunks::<2>().0) {
                *inverse = pair[1];
            }
        }
        let (means, inverse) = (&*rows.means, &*rows.inverse);
        let tile_len = self.values.tile_len;
        let bad = self.workers.any(self.values.used(tiles), tile_len, |_, tile| {
            let units = units_of::<T>(tile, width);
            match found {
                Some(found) => {
                    let of = found.as_chunks::<2>().0.iter().map(|pair| (pair[0], pair[1]));
                    normalise(isa, batch, units, of);
                }
                None => {
                    // Centring divides by nothing.
                    let inverse = if batch { inverse } else { means };
                    let of = means.iter().copied().zip(inverse.iter().copied());
                    normalise(isa, batch, units, of);
                }
            }
            !finite_elements(isa, units.as_flattened())
        });
        let tangents = self.reverse() || self.moments() || self.norm_tangent(layer, inverse);
        if batch && keeps_normalised(&self.options) {
            self.keep_normalised(width, tiles);
        }
        tangents && !bad
    }

    /// (mean, inverse deviation) of every unit over the whole batch; whether one is not finite.
    fn moments_of(&self, layer: Layer, found: &mut [f32]) -> bool {
        let (values, first, count) = (&self.values, self.cursor.first as usize, self.count());
        let (isa, math) = (self.options.isa, self.options.math);
        let eps = match layer {
            Layer::BatchNorm { eps, .. } => Some(eps),
            _ => None,
        };
        let put = |pair: &mut [f32], moments: Moments| {
            for (to, from) in pair.iter_mut().zip([moments.mean, moments.inv]) {
                *to = from;
            }
            ![moments.mean, moments.variance, moments.inv].into_iter().all(is_finite)
        };
        let whole = T.is_multiple_of(16) && first == 0 && count.is_multiple_of(T);
        let beside = if whole { found.len() / (2 * ABREAST) } else { 0 };
        let (groups, rest) = found.split_at_mut_checked(beside * 2 * ABREAST).unwrap_or_default();
        let bad = self.workers.any(groups, 2 * ABREAST, |group, pairs| {
            let units = values.unit(group * ABREAST, first, count);
            let all = moments_abreast::<T>(isa, units, eps, math);
            pairs.chunks_exact_mut(2).zip(all).fold(false, |bad, (pair, moments)| bad | put(pair, moments))
        });
        bad | self.workers.any(rest, 2, |unit, pair| {
            let series = values.unit(beside * ABREAST + unit, first, count);
            let moments = match eps {
                Some(eps) => isa.compiled(moments::<T>, series, (eps, math)),
                None => Moments { mean: isa.compiled(mean::<T>, series, ()), variance: 0.0, inv: 1.0 },
            };
            put(pair, moments)
        })
    }

    /// The tangent through a norm: detached it is scaled, full it loses its mean too. Whether it is finite.
    fn norm_tangent(&mut self, layer: Layer, inverse: &[f32]) -> bool {
        let width = layer.shape().0 as usize;
        let (first, count, tiles) = (self.cursor.first as usize, self.count(), self.tiles());
        let batch = matches!(layer, Layer::BatchNorm { .. });
        let isa = self.options.isa;
        if self.options.statistics == Statistics::Detached {
            if batch {
                let tile_len = self.tangents.tile_len;
                return !self.workers.any(self.tangents.used(tiles), tile_len, |_, tile| {
                    let units = units_of::<T>(tile, width);
                    scale(isa, units, inverse.iter().copied());
                    !finite_elements(isa, units.as_flattened())
                });
            }
            return true;
        }
        for unit in 0..width {
            let t = self.tangents.unit(unit, first, count);
            let xhat = self.values.unit(unit, first, count);
            let c1 = t.mean::<T>(|t| t);
            let c2 = if batch { t.mean_product::<T>(xhat) } else { 0.0 };
            let inv = inverse.get(unit).copied().unwrap_or(1.0);
            let tile_len = self.values.tile_len.max(1);
            let tiles =
                self.tangents.used(tiles).chunks_exact_mut(tile_len).zip(self.values.here.chunks_exact(tile_len));
            for (t, xhat) in tiles {
                let xhat = xhat.as_chunks::<T>().0.get(unit..).unwrap_or_default();
                let Some(t) = t.as_chunks_mut::<T>().0.get_mut(unit..=unit) else { continue };
                if batch {
                    through_statistics(t, (xhat, core::iter::once((c1, c2, inv))));
                } else {
                    through_mean(isa, t, core::iter::once(c1));
                }
            }
        }
        let tile_len = self.tangents.tile_len;
        !self
            .workers
            .any(self.tangents.used(tiles), tile_len, |_, tile| !finite_elements(isa, elements_of::<T>(tile, width)))
    }

    fn keep_normalised(&mut self, width: usize, tiles: usize) {
        let (tile_len, kept_len, at) =
            (self.values.tile_len, self.plan.normalised_tile_len as usize, self.cursor.normalised as usize);
        self.workers.any2(self.values.used(tiles), tile_len, self.normalised, kept_len, |_, tile, kept| {
            let kept = kept.get_mut(at..).unwrap_or_default();
            for (kept, z) in kept.iter_mut().zip(elements_of::<T>(tile, width)) {
                *kept = *z;
            }
            false
        });
    }

    /// The gradient through a norm.
    pub(super) fn norm_backward(&mut self, layer: Layer) -> bool {
        let statistics = core::mem::take(&mut self.statistics);
        let finite = self.norm_backward_with(layer, statistics);
        self.statistics = statistics;
        finite
    }

    fn norm_backward_with(&mut self, layer: Layer, statistics: &mut [f32]) -> bool {
        let width = layer.shape().0 as usize;
        let (first, count, tiles) = (self.cursor.first as usize, self.count(), self.tiles());
        let tile_len = self.values.tile_len;
        let rows = self.rows(statistics, layer, self.cursor.statistics);
        let batch = matches!(layer, Layer::BatchNorm { .. });
        let isa = self.options.isa;
        if self.cursor.phase == Phase::GradientMeans && self.cursor.layer == self.cursor.norm {
            let values = &self.values;
            accumulate(self.workers, rows.scratch, width, first, |unit, lanes| {
                isa.compiled(sum::<T>, values.unit(unit, first, count), lanes);
            });
            return true;
        }
        if self.options.statistics == Statistics::Detached {
            let inverse = &*rows.inverse;
            // Detached centring is the identity.
            return !batch
                || !self.workers.any(self.values.used(tiles), tile_len, |_, tile| {
                    let units = units_of::<T>(tile, width);
                    scale(isa, units, inverse.iter().copied());
                    !finite_elements(isa, units.as_flattened())
                });
        }
        let (kept_len, at) = (self.plan.normalised_tile_len as usize, self.cursor.normalised as usize);
        let normalised = self.normalised.get(at..).unwrap_or_default();
        let found = if self.blocks() {
            None
        } else {
            let values = &self.values;
            let scratch = rows.scratch.get_mut(..2 * width).unwrap_or_default();
            self.workers.any(scratch, 2, |unit, pair| {
                let q = values.unit(unit, first, count);
                let xhat = unit_of::<T>(normalised, kept_len, unit, first, count);
                let c2 = if batch { isa.compiled(mean_product::<T>, q, xhat) } else { 0.0 };
                for (to, from) in pair.iter_mut().zip([isa.compiled(mean::<T>, q, ()), c2]) {
                    *to = from;
                }
                false
            });
            Some(&*scratch)
        };
        let (means, inverse) = (&*rows.gradient_means, &*rows.inverse);
        !self.workers.any(self.values.used(tiles), tile_len, |i, tile| {
            let units = units_of::<T>(tile, width);
            match found {
                Some(found) if batch => {
                    let xhat = normalised.get(i * kept_len..).unwrap_or_default().as_chunks::<T>().0;
                    let of = found.as_chunks::<2>().0.iter().zip(inverse).map(|(pair, &inv)| (pair[0], pair[1], inv));
                    isa.compiled(through_statistics::<T>, units, (xhat, of));
                }
                Some(found) => {
                    through_mean(isa, units, found.as_chunks::<2>().0.iter().map(|pair| pair[0]));
                }
                // Blocks: full batch norm is refused.
                None => through_mean(isa, units, means.iter().copied()),
            }
            !finite_elements(isa, units.as_flattened())
        })
    }

    /// At the end of a sweep for statistics: folds the lanes of every unit into the row the sweep was for.
    pub(super) fn finish_moments(&mut self) -> Result<(), Error> {
        let phase = self.cursor.phase;
        if !matches!(phase, Phase::Moments { .. } | Phase::GradientMeans) {
            return Ok(());
        }
        let Some(layer) = self.network.layer(self.cursor.norm) else { return Ok(()) };
        let statistics = core::mem::take(&mut self.statistics);
        let rows = self.rows(statistics, layer, self.offset_of(self.cursor.norm));
        let n = self.options.points as f32;
        let mut finite = true;
        let row = match phase {
            Phase::Moments { second: false } => rows.means,
            Phase::Moments { second: true } => rows.inverse,
            _ => rows.gradient_means,
        };
        for (to, lanes) in row.iter_mut().zip(rows.scratch.as_chunks::<16>().0) {
            let mean = Red16 { lanes: *lanes }.fold() / n;
            *to = match (phase, layer) {
                (Phase::Moments { second: true }, Layer::BatchNorm { eps, .. }) => {
                    inverse_deviation(mean, eps, self.options.math)
                }
                _ => mean,
            };
            finite &= is_finite(mean) & is_finite(*to);
        }
        self.statistics = statistics;
        let pass = if phase == Phase::GradientMeans { Pass::Backward } else { Pass::Forward };
        let layer = self.network.layer_number(self.cursor.norm);
        if finite { Ok(()) } else { Err(Error::NonFinite(Fault { pass, layer })) }
    }

    /// Where the statistics of operation `norm` begin behind the scratch rows.
    fn offset_of(&self, norm: u32) -> u64 {
        (0..norm)
            .filter_map(|i| self.network.layer(i))
            .fold(0, |at, layer| at + layer.shape().0 as u64 * layer.statistics_rows(&self.options))
    }
}

/// Adds a block's terms to the lanes of every unit; the first block of the batch starts them.
fn accumulate<K: Workers>(
    workers: &K,
    scratch: &mut [f32],
    width: usize,
    first: usize,
    sum: impl Fn(usize, &mut Red16) + Sync,
) {
    workers.any(scratch.get_mut(..16 * width).unwrap_or_default(), 16, |unit, lanes| {
        if let Some(lanes) = lanes.first_chunk_mut::<16>() {
            let mut red = if first == 0 { Red16::new() } else { Red16 { lanes: *lanes } };
            sum(unit, &mut red);
            *lanes = red.lanes;
        }
        false
    });
}
