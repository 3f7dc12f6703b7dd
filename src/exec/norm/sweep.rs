//! Statistics of a batch of which only some points are resident: sums that continue from block to block.
use super::super::memory::{Memory, Span};
use super::super::run::Room;
use super::{Channels, Rows};
use crate::contract::Red16;
use crate::graph::BatchStatistics;
use crate::kernel::term;
use crate::math::is_finite;
use crate::op::inverse_deviation;
use crate::workers::Workers;

/// The terms that a sweep adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Swept {
    /// The values of the operand.
    Values,
    /// The squares of the operand minus its mean.
    Squares,
    /// The gradient or tangent, and its products with the normalised values.
    Derivative,
}

/// The norm whose statistics are computed: its channels, units per channel, and the offset of its own statistics.
#[derive(Clone, Copy)]
pub(in super::super) struct Target {
    pub norm: BatchStatistics,
    pub channels: usize,
    pub plane: usize,
    pub kept: usize,
}

impl Target {
    /// Adds the resident points to the sums. `x` is the operand, gradient or tangent; gradients are multiplied by `scale` per channel; `xhat` are
    /// the normalised values.
    #[inline(never)]
    pub fn add<K: Workers, const T: usize>(
        self,
        (memory, room): (&Memory<'_, K, T>, &mut Room<'_>),
        swept: Swept,
        (x, xhat): (&[f32], &[f32]),
        (span, scale): (Span, &[f32]),
    ) {
        let Self { norm, channels, plane, kept } = self;
        let Rows { lanes, means, .. } = Rows::of(room.statistics, (room.sums, room.shared), norm, channels, kept);
        let (isa, means) = (room.isa, &*means);
        let (first, count) = (memory.first as usize, memory.count);
        let of = |data| Channels::<T> { data, tile_len: span.tile_len, plane, first, count };
        let (x, xhat) = (of(x), of(xhat));
        let both = swept == Swept::Derivative && norm.eps.is_some();
        let each = if both { 32 } else { 16 };
        memory.workers.any(invariant!(lanes.get_mut(..each * channels)), each, |c, lanes| {
            let (sums, products) = invariant!(lanes.split_at_mut_checked(16));
            go_on(sums, first, |sums| match swept {
                Swept::Values => x.add::<{ term::VALUE }>(isa, c, 0.0, sums),
                Swept::Squares => x.add::<{ term::SQUARE }>(isa, c, super::value(means, c), sums),
                Swept::Derivative if scale.is_empty() => x.add::<{ term::VALUE }>(isa, c, 0.0, sums),
                Swept::Derivative => x.add::<{ term::SCALED }>(isa, c, super::value(scale, c), sums),
            });
            if both {
                let by = if scale.is_empty() { 1.0 } else { super::value(scale, c) };
                go_on(products, first, |products| x.add_products(isa, xhat, c, by, products));
            }
            false
        });
    }

    /// Computes the statistics from the sums at the end of a sweep over `points` points. Returns whether they are finite.
    #[inline(never)]
    pub fn fold(self, room: &mut Room<'_>, swept: Swept, points: u32) -> bool {
        let Self { norm, channels, plane, kept } = self;
        let math = room.math;
        let n = (points as usize).wrapping_mul(plane) as f32;
        let rows = Rows::of(room.statistics, (room.sums, room.shared), norm, channels, kept);
        let both = swept == Swept::Derivative && norm.eps.is_some();
        let mean = |lanes: Option<&[f32; 16]>| lanes.map_or(0.0, |lanes| Red16 { lanes: *lanes }.fold() / n);
        let [first, second] = rows.derivative;
        let row = match swept {
            Swept::Values => rows.means,
            Swept::Squares => rows.inverse,
            Swept::Derivative => first,
        };
        let mut finite = true;
        let lanes = rows.lanes.as_chunks::<16>().0;
        for (c, to) in row.iter_mut().enumerate() {
            let at = if both { 2 * c } else { c };
            let found = mean(lanes.get(at));
            *to = match (swept, norm.eps) {
                (Swept::Squares, Some(eps)) => inverse_deviation(found, eps, math),
                _ => found,
            };
            finite &= is_finite(found) & is_finite(*to);
            if let (true, Some(to)) = (both, second.get_mut(c)) {
                *to = mean(lanes.get(at + 1));
                finite &= is_finite(*to);
            }
        }
        finite
    }
}

/// Continues a sum; the first block of the batch starts it.
fn go_on(lanes: &mut [f32], first: usize, add: impl FnOnce(&mut Red16)) {
    if let Some(lanes) = lanes.first_chunk_mut::<16>() {
        let mut sums = if first == 0 { Red16::new() } else { Red16 { lanes: *lanes } };
        add(&mut sums);
        *lanes = sums.lanes;
    }
}
