//! Chains of several positions beside each other that have the weights in common: what convolutions with one channel in a group are made of.
use super::Isa;
use super::lanes::{Job, Lanes};
use super::nest::{Nest, Terms, add};

/// The most positions beside each other.
pub(super) const MOST_ALONG: usize = 6;

/// `y[q apart][t] = chain(bias; w[i.w] * x[start + q step + i.x + t])` for `count` positions q, at most [`MOST_ALONG`], i through the nest in the
/// order of three `for`s.
pub(super) struct Along<'a, const T: usize> {
    pub nest: &'a Nest,
    pub w: &'a [f32],
    pub x: &'a [f32],
    pub start: usize,
    /// From position to position of the inputs.
    pub step: usize,
    pub bias: f32,
    pub count: usize,
    /// From position to position of `y`.
    pub apart: usize,
    pub y: &'a mut [[f32; T]],
}

/// Computes them. Where a slice has no such elements, positions of `y` are left as they are.
///
/// # Numerics
/// Each operation is rounded; lanes and positions are independent, so no bit depends on the instruction set.
// Not inlined: it has a loop for every number of positions.
#[inline(never)]
pub(super) fn nest_along<const T: usize>(isa: Isa, along: Along<'_, T>) {
    isa.run(along);
}

impl<const T: usize> Along<'_, T> {
    /// Q positions in safe Rust.
    #[inline(always)]
    fn few<const Q: usize>(self) {
        let mut sums = [[self.bias; T]; Q];
        for (at, from) in Terms::new(self.nest, self.start) {
            let (Some(w), Some(x)) = (self.w.get(at), self.x.get(from..)) else { return };
            for (q, sums) in sums.iter_mut().enumerate() {
                let Some(x) = x.get(q.wrapping_mul(self.step)..).and_then(|x| x.first_chunk::<T>()) else { return };
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum += w * x;
                }
            }
        }
        for (q, sums) in sums.iter().enumerate() {
            if let Some(y) = self.y.get_mut(q.wrapping_mul(self.apart)) {
                *y = *sums;
            }
        }
    }

    /// Four positions, written out: each sum is a register where there are enough, also in code that is optimised for size.
    #[inline(always)]
    fn four(self) {
        let (bias, step) = (self.bias, self.step);
        let [mut a, mut b, mut c, mut d] = [[bias; T]; 4];
        for (at, from) in Terms::new(self.nest, self.start) {
            let (Some(w), Some(x)) = (self.w.get(at), self.x.get(from..)) else { return };
            let row = |q: usize| x.get(q.wrapping_mul(step)..).and_then(|x| x.first_chunk::<T>());
            let (Some(p), Some(q), Some(r), Some(s)) = (row(0), row(1), row(2), row(3)) else { return };
            add(&mut a, *w, p);
            add(&mut b, *w, q);
            add(&mut c, *w, r);
            add(&mut d, *w, s);
        }
        for (q, sums) in [a, b, c, d].iter().enumerate() {
            if let Some(y) = self.y.get_mut(q.wrapping_mul(self.apart)) {
                *y = *sums;
            }
        }
    }

    /// Q positions by V registers.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "only loops over known ranges are all unrolled, each sum a register"
    )]
    fn sums<L: Lanes, const Q: usize, const V: usize>(self, lanes: L) {
        let mut sums = [[lanes.splat(self.bias); V]; Q];
        for (at, from) in Terms::new(self.nest, self.start) {
            let (Some(w), Some(x)) = (self.w.get(at), self.x.get(from..)) else { return };
            let weight = lanes.splat(*w);
            for q in 0..Q {
                let Some(x) = x.get(q.wrapping_mul(self.step)..).and_then(|x| x.first_chunk::<T>()) else { return };
                for v in 0..V {
                    sums[q][v] = lanes.add(sums[q][v], lanes.mul(weight, lanes.load(x, v)));
                }
            }
        }
        for q in 0..Q {
            let Some(y) = self.y.get_mut(q.wrapping_mul(self.apart)) else { return };
            for v in 0..V {
                lanes.store(sums[q][v], y, v);
            }
        }
    }

    /// V registers, and as many positions as there are.
    #[inline(always)]
    fn registers<L: Lanes, const V: usize>(self, lanes: L) {
        match self.count {
            1 => self.sums::<L, 1, V>(lanes),
            2 => self.sums::<L, 2, V>(lanes),
            3 => self.sums::<L, 3, V>(lanes),
            4 => self.sums::<L, 4, V>(lanes),
            5 => self.sums::<L, 5, V>(lanes),
            _ => self.sums::<L, 6, V>(lanes),
        }
    }
}

impl<const T: usize> Job for Along<'_, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        let Along { nest, w, x, start, step, bias, count, apart, y } = self;
        // More than four where positions were grouped for instructions that this processor lacks.
        for first in (0..count).step_by(4) {
            let y = invariant!(y.get_mut(first.wrapping_mul(apart)..));
            let start = start.wrapping_add(first.wrapping_mul(step));
            let along = Along { nest, w, x, start, step, bias, count: count.wrapping_sub(first), apart, y };
            match along.count {
                1 => along.few::<1>(),
                2 => along.few::<2>(),
                3 => along.few::<3>(),
                _ => along.four(),
            }
        }
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        if const { T == L::N } {
            self.registers::<L, 1>(lanes)
        } else if const { T == 2 * L::N } {
            self.registers::<L, 2>(lanes)
        } else if const { T == 4 * L::N } {
            self.registers::<L, 4>(lanes)
        } else {
            self.portable()
        }
    }
}
