use super::Tiles;
use crate::kernel::Red16;

impl Tiles<'_> {
    /// RED16 over the points, continued in `lanes`.
    #[inline(always)]
    pub(crate) fn sum_into<const T: usize>(self, lanes: &mut Red16, f: impl Fn(f32) -> f32) {
        // A loop, and no `map` of the array: what the standard library does not inline would be compiled for the baseline.
        let terms = |tile: &[f32; T]| {
            let mut terms = *tile;
            for term in &mut terms {
                *term = f(*term);
            }
            terms
        };
        lanes.add_series(self.first, self.count, self.lanes::<T>().map(terms));
    }

    /// RED16 / points over the whole batch.
    #[inline(always)]
    pub(crate) fn mean<const T: usize>(self, f: impl Fn(f32) -> f32) -> f32 {
        let mut lanes = Red16::new();
        self.sum_into::<T>(&mut lanes, f);
        lanes.fold() / self.count as f32
    }
}

/// `z[p] - mean`, mean = RED16(z) / n over the points of one unit, in place; returns the mean.
///
/// The detached backward pass is the identity.
pub fn centre_forward(z: &mut [f32]) -> f32 {
    let mean = super::points_of(z).mean::<1>(|z| z);
    for z in z {
        *z -= mean;
    }
    mean
}

/// `g[p] - RED16(g) / n` over the points of one unit, in place: the gradient through the mean too.
pub fn centre_backward_full(g: &mut [f32]) {
    centre_forward(g);
}
