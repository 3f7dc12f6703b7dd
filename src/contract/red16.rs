/// The lanes of a sum over points: the contract's only way from a vector to a number.
///
/// Lane `p mod 16` takes point p, p being the index in the whole grid; the lanes live on across tiles and blocks, so
/// that every cut of the points gives the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Red16 {
    /// The sixteen partial sums.
    pub lanes: [f32; 16],
}

impl Red16 {
    /// Sixteen lanes of +0.0.
    pub const fn new() -> Self {
        Self { lanes: [0.0; 16] }
    }

    /// RED16 of terms whose first stands at point 0.
    pub fn sum(terms: impl IntoIterator<Item = f32>) -> f32 {
        let mut sum = Self::new();
        for (p, term) in terms.into_iter().enumerate() {
            sum.add(p, term);
        }
        sum.fold()
    }

    /// Adds the term of point p; p ascends.
    #[inline]
    pub fn add(&mut self, p: usize, term: f32) {
        self.lanes[p % 16] += term;
    }

    /// Adds the terms of the first `count` points of tiles, the first of which stands at point p.
    #[inline(always)]
    pub fn add_series<const T: usize>(&mut self, p: usize, count: usize, mut tiles: impl Iterator<Item = [f32; T]>) {
        let mut done = 0;
        if p.is_multiple_of(16) && T.is_multiple_of(16) {
            // A copy that no variable indexes stays in registers.
            let mut lanes = self.lanes;
            while done + T <= count
                && let Some(terms) = tiles.next()
            {
                for terms in terms.as_chunks::<16>().0 {
                    for (lane, term) in lanes.iter_mut().zip(terms) {
                        *lane += term;
                    }
                }
                done += T;
            }
            self.lanes = lanes;
        }
        if p.is_multiple_of(T) && 16usize.is_multiple_of(T) {
            // T lanes beside each other, the next ones with the next tile.
            let (lanes, mut at) = (self.lanes.as_chunks_mut::<T>().0, p / T % (16 / T));
            while done + T <= count
                && let Some(terms) = tiles.next()
            {
                let Some(lanes) = lanes.get_mut(at) else { return };
                for (lane, term) in lanes.iter_mut().zip(&terms) {
                    *lane += term;
                }
                (done, at) = (done + T, (at + 1) % (16 / T));
            }
        }
        for terms in tiles {
            for (i, term) in terms.iter().enumerate().take(count.saturating_sub(done)) {
                // Only the index modulo 16 counts, and 2^32 and 2^64 are multiples of it.
                self.add(p.wrapping_add(done).wrapping_add(i), *term);
            }
            done = done.wrapping_add(T);
        }
    }

    /// Folds the lanes: +8, +4, +2, +1.
    pub fn fold(&self) -> f32 {
        let mut lanes = self.lanes;
        for half in [8, 4, 2, 1] {
            let Some((low, high)) = lanes.split_at_mut_checked(half) else { break };
            for (low, high) in low.iter_mut().zip(high) {
                *low += *high;
            }
        }
        lanes[0]
    }
}
