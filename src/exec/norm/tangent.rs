use super::super::forward::Forward;
use super::super::memory::Span;
use super::{Channels, Rows, through_units, value};
use crate::contract::Red16;
use crate::graph::{BatchStatistics, Node};
use crate::kernel::{all_finite, shift_and_scale, term};
use crate::op::through_batch;
use crate::plan::Sums;
use crate::workers::Workers;

impl<K: Workers, const R: usize, const T: usize> Forward<'_, '_, '_, K, R, T> {
    /// Computes the tangent of a norm whose values are normalised already: `t * inv` with constant statistics (`full` is false), otherwise
    /// `((t - RED16(t)/n) - (xhat * (RED16(t * xhat)/n))) * inv`. Returns whether it is finite.
    ///
    /// # Shapes
    /// `tangents` has the slots of the values.
    #[inline(never)]
    pub(in super::super) fn norm_tangent(
        &mut self,
        tangents: &mut [f32],
        (node, norm): (&Node, BatchStatistics),
        kept: usize,
        full: bool,
    ) -> bool {
        let (isa, workers, count) = (self.room.isa, self.memory.workers, self.memory.count);
        let (channels, plane) = (node.shape.channels as usize, node.shape.plane() as usize);
        let span @ Span { start, len, tile_len } = self.memory.span(self.node());
        let layout = (self.room.sums, self.room.shared);
        let rows = Rows::of(self.room.statistics, layout, norm, channels, kept);
        let batch = norm.eps.is_some();
        let Some(t) = tangents.get_mut(start..).and_then(|t| t.get_mut(..len)) else { return false };
        let y = self.memory.get(span);
        if !full {
            let inverse = &*rows.inverse;
            return !batch
                || !workers.any(t, tile_len, |_, t| {
                    if plane == 1 {
                        let of = inverse.iter().map(|inv| (0.0, *inv));
                        shift_and_scale::<false, true, T>(isa, t.as_chunks_mut::<T>().0, of);
                    } else {
                        for (c, t) in t.chunks_exact_mut(plane.wrapping_mul(T).max(1)).enumerate() {
                            isa.compiled(scaled, t, value(inverse, c));
                        }
                    }
                    !all_finite(isa, t)
                });
        }
        let (c1, c2) = match self.room.sums {
            Sums::Batch => (rows.means, rows.variances),
            Sums::Sweeps { .. } => {
                let [c1, c2] = rows.derivative;
                (c1, c2)
            }
        };
        if self.room.sums == Sums::Batch {
            let of = |data| Channels::<T> { data, tile_len, plane, first: 0, count };
            let (ts, ys) = (of(&*t), of(y));
            let n = (count * plane) as f32;
            workers.any2(c1, 1, c2, 1, |c, c1, c2| {
                let (Some(c1), Some(c2)) = (c1.first_mut(), c2.first_mut()) else { return false };
                *c1 = ts.sum::<{ term::VALUE }>(isa, c, 0.0) / n;
                if batch {
                    let mut products = Red16::new();
                    ts.add_products(isa, ys, c, 1.0, &mut products);
                    *c2 = products.fold() / n;
                }
                false
            });
        }
        let (c1, c2, inverse) = (&*c1, &*c2, &*rows.inverse);
        !workers.any(t, tile_len, |tile, t| {
            let y = span.of_tile(y, tile);
            if plane == 1 && batch {
                let of = c1.iter().zip(c2).zip(inverse).map(|((c1, c2), inv)| (*c1, *c2, *inv));
                through_units::<T>(isa, (y, of), t);
                return !all_finite(isa, t);
            }
            let each = plane.wrapping_mul(T).max(1);
            for (c, (t, xhat)) in t.chunks_exact_mut(each).zip(y.chunks_exact(each)).enumerate() {
                let inv = batch.then(|| value(inverse, c));
                isa.compiled(through, (xhat, t), (value(c1, c), value(c2, c), inv));
            }
            !all_finite(isa, t)
        })
    }
}

#[inline(always)]
fn scaled(t: &mut [f32], inv: f32) {
    t.iter_mut().for_each(|t| *t *= inv);
}

#[inline(always)]
fn through((xhat, t): (&[f32], &mut [f32]), (c1, c2, inv): (f32, f32, Option<f32>)) {
    match inv {
        Some(inv) => t.iter_mut().zip(xhat).for_each(|(t, xhat)| *t = through_batch(*t, *xhat, c1, c2, inv)),
        None => t.iter_mut().for_each(|t| *t -= c1),
    }
}
