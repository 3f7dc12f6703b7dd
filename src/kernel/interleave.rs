//! Points beside units turned into units beside points: what chains over points read.
use super::Isa;
use super::lanes::{Job, Lanes};

/// Where elements stand: (first, from one row to the next, from one place to the next). Points stand side by side where rows are apart, and
/// rows side by side where points are.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// The first.
    pub first: usize,
    /// From row to row, or from point to point.
    pub outer: usize,
    /// From place to place.
    pub place: usize,
}

/// `to[to.first + p * to.outer + i * to.place + r] = x[from.first + r * from.outer + i * from.place + p]` for rows r, points p, places i of
/// (rows, points, places). Nothing happens where a slice is too short.
pub(crate) fn interleave(
    isa: Isa,
    (rows, points, places): (usize, usize, usize),
    (x, from): (&[f32], Steps),
    (to, into): (&mut [f32], Steps),
) {
    isa.run(Interleave { rows, points, places, x, from, to, into });
}

struct Interleave<'a> {
    rows: usize,
    points: usize,
    places: usize,
    x: &'a [f32],
    from: Steps,
    to: &'a mut [f32],
    into: Steps,
}

/// Points that are turned at a time.
const BLOCK: usize = 16;

impl Interleave<'_> {
    /// The points from `first` on, one by one.
    #[inline(always)]
    fn rest(&mut self, first: usize) {
        for place in 0..self.places {
            for point in first..self.points {
                // What a wrapped index gives is no more than another place of the slice, or none.
                let at = self.into.first.wrapping_add(point.wrapping_mul(self.into.outer));
                let at = at.wrapping_add(place.wrapping_mul(self.into.place));
                let from = self.from.first.wrapping_add(place.wrapping_mul(self.from.place)).wrapping_add(point);
                let Some(to) = self.to.get_mut(at..at.wrapping_add(self.rows)) else { return };
                let rows = invariant!(self.x.get(from..)).iter().step_by(self.from.outer.max(1));
                to.iter_mut().zip(rows).for_each(|(to, x)| *to = *x);
            }
        }
    }

    /// F times four rows of a block of points at one place, from row `row` on, each four by four transposed in registers of sixteen lanes.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each a register")]
    fn by_fours<L: Lanes, const F: usize>(
        &self,
        lanes: L,
        (point, place, row): (usize, usize, usize),
    ) -> Option<[[L::Register; 4]; F]> {
        let from = self.from.first + row * self.from.outer + place * self.from.place + point;
        let mut turned = [[lanes.splat(0.0); 4]; F];
        for four in 0..F {
            let mut rows = [lanes.splat(0.0); 4];
            for r in 0..4 {
                let x = self.x.get(from + (4 * four + r) * self.from.outer..)?.first_chunk::<BLOCK>()?;
                rows[r] = lanes.load(x, 0);
            }
            turned[four] = lanes.transpose4x4(rows);
        }
        Some(turned)
    }

    /// Sixteen rows of a block of points at one place, from row `row` on, a point a register.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each a register")]
    fn square<L: Lanes>(&mut self, lanes: L, (point, place, row): (usize, usize, usize)) {
        let at = self.into.first + point * self.into.outer + place * self.into.place + row;
        let Some(turned) = self.by_fours::<L, 4>(lanes, (point, place, row)) else { return };
        for j in 0..4 {
            let columns = lanes.transpose_blocks([turned[0][j], turned[1][j], turned[2][j], turned[3][j]]);
            for quad in 0..4 {
                let at = at + (4 * quad + j) * self.into.outer;
                let Some(to) = self.to.get_mut(at..).and_then(|to| to.first_chunk_mut::<BLOCK>()) else { return };
                lanes.store(columns[quad], to, 0);
            }
        }
    }

    /// Eight rows so, two points a register.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each a register")]
    fn half<L: Lanes>(&mut self, lanes: L, (point, place, row): (usize, usize, usize)) {
        let at = self.into.first + point * self.into.outer + place * self.into.place + row;
        let Some(turned) = self.by_fours::<L, 2>(lanes, (point, place, row)) else { return };
        for j in [0, 2] {
            let columns = lanes.transpose_blocks([turned[0][j], turned[1][j], turned[0][j + 1], turned[1][j + 1]]);
            for quad in 0..4 {
                let mut two = [0.0; BLOCK];
                lanes.store(columns[quad], &mut two, 0);
                for (which, column) in two.as_chunks::<8>().0.iter().enumerate() {
                    let at = at + (4 * quad + j + which) * self.into.outer;
                    let Some(to) = self.to.get_mut(at..).and_then(|to| to.first_chunk_mut::<8>()) else { return };
                    *to = *column;
                }
            }
        }
    }

    /// K rows of a block of points at one place, from row `row` on.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each a register")]
    fn block<L: Lanes, const K: usize>(&mut self, lanes: L, (point, place, row): (usize, usize, usize)) {
        let from = self.from.first + row * self.from.outer + place * self.from.place + point;
        let at = self.into.first + point * self.into.outer + place * self.into.place + row;
        let mut columns = [[0.0; BLOCK]; 4];
        for part in 0..BLOCK / L::N {
            let mut rows = [lanes.splat(0.0); 4];
            for r in 0..K {
                let from = from + r * self.from.outer;
                let Some(x) = self.x.get(from..).and_then(|x| x.first_chunk::<BLOCK>()) else { return };
                rows[r] = lanes.load(x, part);
            }
            let turned = lanes.transpose4x4(rows);
            for j in 0..4 {
                lanes.store(turned[j], &mut columns[j], part);
            }
        }
        for quad in 0..BLOCK / 4 {
            for j in 0..4 {
                let at = at + (4 * quad + j) * self.into.outer;
                let Some(to) = self.to.get_mut(at..).and_then(|to| to.first_chunk_mut::<K>()) else { return };
                for r in 0..K {
                    to[r] = columns[j][4 * quad + r];
                }
            }
        }
    }
}

impl Job for Interleave<'_> {
    type Output = ();

    #[inline(always)]
    fn portable(mut self) {
        self.rest(0);
    }

    #[inline(always)]
    fn on<L: Lanes>(mut self, lanes: L) {
        let whole = self.points / BLOCK * BLOCK;
        for point in (0..whole).step_by(BLOCK) {
            for place in 0..self.places {
                let (squares, first) = if L::N == BLOCK { (self.rows / BLOCK, self.rows / 8 * 8) } else { (0, 0) };
                for square in 0..squares {
                    self.square(lanes, (point, place, BLOCK * square));
                }
                if first > squares * BLOCK {
                    self.half(lanes, (point, place, BLOCK * squares));
                }
                for row in (first..self.rows / 4 * 4).step_by(4) {
                    self.block::<L, 4>(lanes, (point, place, row));
                }
                let at = (point, place, self.rows / 4 * 4);
                match self.rows % 4 {
                    1 => self.block::<L, 1>(lanes, at),
                    2 => self.block::<L, 2>(lanes, at),
                    3 => self.block::<L, 3>(lanes, at),
                    _ => {}
                }
            }
        }
        if whole < self.points {
            self.rest(whole);
        }
    }
}
