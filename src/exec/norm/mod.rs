//! Batch norm with and without parameters, and centring.
mod backward;
mod forward;
mod running;
mod sweep;
mod tangent;

pub(super) use sweep::{Swept, Target};

use crate::contract::Red16;
use crate::graph::BatchStatistics;
use crate::kernel::{Isa, add_channel, add_unit};
use crate::op::{Affine, through_batch};
use crate::plan::Sums;

/// The tiles of a buffer; in each, channel c is `plane` contiguous units.
#[derive(Clone, Copy)]
struct Channels<'x, const T: usize> {
    data: &'x [f32],
    tile_len: usize,
    plane: usize,
    /// Index of the first point; number of points.
    first: usize,
    count: usize,
}

impl<'x, const T: usize> Channels<'x, T> {
    /// (first point, valid lanes, elements) of channel c, tile by tile.
    #[inline(always)]
    fn of(self, c: usize) -> impl Iterator<Item = (usize, usize, &'x [[f32; T]])> {
        let Self { data, tile_len, plane, first, count } = self;
        data.chunks_exact(tile_len.max(1)).take(count.div_ceil(T)).enumerate().map(move |(i, tile)| {
            let places = invariant!(tile.as_chunks::<T>().0.get(c * plane..(c + 1) * plane));
            (first + i * T, T.min(count - i * T), places)
        })
    }

    /// Whether channels are units and a tile is full, so that whole rows of lanes are added.
    #[inline(always)]
    fn has_rows(&self) -> bool {
        self.plane == 1 && self.count >= T
    }

    /// The lanes of unit c in each tile.
    #[inline(always)]
    fn lanes(self, c: usize) -> impl Iterator<Item = &'x [f32; T]> {
        let rows = invariant!(self.data.as_chunks::<T>().0.get(c..));
        rows.iter().step_by((self.tile_len / T).max(1)).take(self.count.div_ceil(T))
    }

    /// Adds a term of every point and position to a RED16 sum.
    #[inline(always)]
    fn add<const TERM: u8>(self, isa: Isa, c: usize, by: f32, sums: &mut Red16) {
        if self.has_rows() {
            let of = (self.lanes(c), self.lanes(c));
            return add_unit::<TERM, T>(isa, of, by, (self.first, self.count), sums);
        }
        for (first, valid, x) in self.of(c) {
            add_channel::<TERM, T>(isa, (x, &[]), by, (first, valid), sums);
        }
    }

    /// RED16 of a term over points and positions.
    fn sum<const TERM: u8>(self, isa: Isa, c: usize, by: f32) -> f32 {
        let mut sums = Red16::new();
        self.add::<TERM>(isa, c, by, &mut sums);
        sums.fold()
    }

    /// Adds the products with another buffer to a RED16 sum; each element of this one is multiplied by `by` first.
    #[inline(always)]
    fn add_products(self, isa: Isa, xhat: Self, c: usize, by: f32, sums: &mut Red16) {
        use crate::kernel::term::PRODUCT;
        if self.has_rows() {
            let of = (self.lanes(c), xhat.lanes(c));
            return add_unit::<PRODUCT, T>(isa, of, by, (self.first, self.count), sums);
        }
        for ((first, valid, g), (_, _, xhat)) in self.of(c).zip(xhat.of(c)) {
            add_channel::<PRODUCT, T>(isa, (g, xhat), by, (first, valid), sums);
        }
    }
}

/// The statistics of a norm, see [`Sums`]. A row that is not kept is empty.
struct Rows<'s> {
    /// Sums that continue from block to block.
    lanes: &'s mut [f32],
    means: &'s mut [f32],
    variances: &'s mut [f32],
    inverse: &'s mut [f32],
    /// Means of the gradient or tangent, and of its products with the normalised values.
    derivative: [&'s mut [f32]; 2],
}

/// Removes the first `len` elements and returns them.
fn split<'s>(rest: &mut &'s mut [f32], len: usize) -> &'s mut [f32] {
    match core::mem::take(rest).split_at_mut_checked(len) {
        Some((first, after)) => {
            *rest = after;
            first
        }
        // A plan of outputs alone keeps no inverse deviations.
        None => &mut [],
    }
}

impl<'s> Rows<'s> {
    /// The rows of a norm with `channels` channels, whose own statistics begin at offset `at` after the shared ones.
    fn of(
        statistics: &'s mut [f32],
        (sums, shared): (Sums, usize),
        norm: BatchStatistics,
        channels: usize,
        at: usize,
    ) -> Self {
        let (mut shared, own) = invariant!(statistics.split_at_mut_checked(shared));
        let mut own = invariant!(own.get_mut(at..));
        let batch = if norm.eps.is_some() { channels } else { 0 };
        match sums {
            Sums::Batch if norm.affine.is_some() => {
                let (inverse, means, variances) =
                    (split(&mut own, channels), split(&mut own, channels), split(&mut own, channels));
                Self { lanes: &mut [], means, variances, inverse, derivative: [&mut [], &mut []] }
            }
            Sums::Batch => {
                let (means, variances) = (split(&mut shared, channels), split(&mut shared, channels));
                Self {
                    lanes: &mut [],
                    means,
                    variances,
                    inverse: split(&mut own, batch),
                    derivative: [&mut [], &mut []],
                }
            }
            Sums::Sweeps { full } => {
                let (means, inverse) = (split(&mut own, channels), split(&mut own, batch));
                let (full, full_batch) = if full { (channels, batch) } else { (0, 0) };
                let derivative = [split(&mut own, full), split(&mut own, full_batch)];
                Self { lanes: shared, means, variances: &mut [], inverse, derivative }
            }
        }
    }
}

/// Parameter c; 0 past the end, as tangents have no shift.
fn value(values: &[f32], c: usize) -> f32 {
    match values.get(c) {
        Some(value) => *value,
        None => 0.0,
    }
}

/// The scale and shift of channel c; None without parameters.
fn affine_of(parameters: Option<(&[f32], &[f32])>, c: usize) -> Option<Affine> {
    parameters.map(|(gamma, beta)| Affine { gamma: value(gamma, c), beta: value(beta, c) })
}

/// `((g - c1) - (xhat * c2)) * inv` for every unit of a tile; `of` gives (c1, c2, inv).
fn through_units<const T: usize>(isa: Isa, (xhat, of): (&[f32], impl Iterator<Item = (f32, f32, f32)>), g: &mut [f32]) {
    isa.compiled(
        |g: &mut [[f32; T]], xhat: &[[f32; T]]| {
            for ((g, xhat), (c1, c2, inv)) in g.iter_mut().zip(xhat).zip(of) {
                g.iter_mut().zip(xhat).for_each(|(g, xhat)| *g = through_batch(*g, *xhat, c1, c2, inv));
            }
        },
        g.as_chunks_mut::<T>().0,
        xhat.as_chunks::<T>().0,
    );
}
