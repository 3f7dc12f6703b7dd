//! Chains whose terms stand in three nested loops: what convolutions are made of, forward and backward.
use super::Isa;
use super::lanes::{Job, Lanes};

/// Three loops, the outermost first: how often each goes round, and how far it then moves in the weights and in the inputs.
#[derive(Clone, Copy, Debug)]
pub struct Nest {
    /// Rounds, none of them zero.
    pub counts: [usize; 3],
    /// f32 elements of the weights.
    pub w: [usize; 3],
    /// f32 elements of the inputs, either way.
    pub x: [isize; 3],
}

/// Rows that [`nest`] does at a time with these instructions, as many as stay in registers beside T lanes.
pub const fn nest_rows<const T: usize>(isa: Isa) -> usize {
    let (lanes, registers) = (isa.lanes(), isa.nest_registers());
    match T.checked_div(lanes) {
        Some(beside @ (1 | 2 | 4)) if beside * lanes == T && registers / beside < 12 => registers / beside,
        Some(beside @ (1 | 2 | 4)) if beside * lanes == T => 12,
        _ if T <= 4 => 4,
        _ => 2,
    }
}

/// `y[r][t] = chain(y[r][t]; w[i.w + r] * x[start + i.x + t])`, i through the nest in the order of three `for`s.
///
/// # Shapes
/// `y` has at most 12 rows, and as many as [`nest_rows`] is fastest. Where a slice has no such elements, rows of `y` are left as
/// they are.
///
/// # Numerics
/// Each operation is rounded; lanes and rows are independent, so no bit depends on the instruction set.
pub fn nest<const T: usize>(isa: Isa, nest: &Nest, w: &[f32], x: &[f32], start: usize, y: &mut [[f32; T]]) {
    let rows = y.len();
    run(isa, Loops { nest, w, x, start, biases: None, rows, apart: 1, y });
}

/// The same for chains that start from biases, `y[r apart][t] = chain(biases[r] + 0; w[i.w + r] * x[start + i.x + t])` for so many
/// rows; past the biases they start from +0.0.
#[expect(clippy::too_many_arguments, reason = "two operands, where chains begin, and where they go")]
pub(crate) fn nest_from<const T: usize>(
    isa: Isa,
    nest: &Nest,
    w: &[f32],
    (x, start): (&[f32], usize),
    biases: &[f32],
    rows: usize,
    y: &mut [[f32; T]],
    apart: usize,
) {
    run(isa, Loops { nest, w, x, start, biases: Some(biases), rows, apart, y });
}

// Not inlined: it has a loop for every number of rows.
#[inline(never)]
fn run<const T: usize>(isa: Isa, loops: Loops<'_, T>) {
    isa.run(loops);
}

/// Where the next term's weights and inputs begin.
pub(super) struct Terms {
    left: [usize; 3],
    at: [usize; 3],
    from: [usize; 3],
    nest: Nest,
}

impl Terms {
    #[inline(always)]
    pub(super) fn new(nest: &Nest, start: usize) -> Self {
        let empty = nest.counts.contains(&0);
        Self { left: if empty { [0; 3] } else { nest.counts }, at: [0; 3], from: [start; 3], nest: *nest }
    }
}

impl Iterator for Terms {
    type Item = (usize, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, usize)> {
        let Self { left: [outer, middle, inner], at: [a0, a1, a2], from: [f0, f1, f2], nest } = self;
        if *inner == 0 {
            if *middle <= 1 {
                if *outer <= 1 {
                    return None;
                }
                *outer -= 1;
                (*a0, *f0) = (a0.wrapping_add(nest.w[0]), f0.wrapping_add_signed(nest.x[0]));
                (*a1, *f1, *middle) = (*a0, *f0, nest.counts[1]);
            } else {
                *middle -= 1;
                (*a1, *f1) = (a1.wrapping_add(nest.w[1]), f1.wrapping_add_signed(nest.x[1]));
            }
            (*a2, *f2, *inner) = (*a1, *f1, nest.counts[2]);
        }
        *inner -= 1;
        let term = (*a2, *f2);
        (*a2, *f2) = (a2.wrapping_add(nest.w[2]), f2.wrapping_add_signed(nest.x[2]));
        Some(term)
    }
}

struct Loops<'a, const T: usize> {
    nest: &'a Nest,
    w: &'a [f32],
    x: &'a [f32],
    start: usize,
    /// Where chains start; otherwise they go on from `y`.
    biases: Option<&'a [f32]>,
    rows: usize,
    /// From row to row of `y`.
    apart: usize,
    y: &'a mut [[f32; T]],
}

/// `sums[t] = sums[t] + (w * x[t])`. Four points are written out: each sum is a register where there are enough, also in code that is optimised for
/// size.
#[inline(always)]
pub(super) fn add<const T: usize>(sums: &mut [f32; T], w: f32, x: &[f32; T]) {
    if let ([a, b, c, d], [p, q, r, s]) = (&mut sums[..], &x[..]) {
        *a += w * p;
        *b += w * q;
        *c += w * r;
        *d += w * s;
        return;
    }
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += w * x;
    }
}

impl<const T: usize> Loops<'_, T> {
    /// R rows in safe Rust.
    #[inline(always)]
    fn few<const R: usize>(self) {
        let mut sums = [[0.0; T]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            let Some(y) = self.y.get(r * self.apart) else { return };
            *sums = self.bias(r).map_or(*y, |bias| [bias; T]);
        }
        for (at, from) in Terms::new(self.nest, self.start) {
            let weights = self.w.get(at..).and_then(|w| w.first_chunk::<R>());
            let (Some(w), Some(x)) = (weights, self.x.get(from..).and_then(|x| x.first_chunk::<T>())) else { return };
            // A product that is a call is not written out.
            if cfg!(soft_float) {
                for (sums, w) in sums.iter_mut().zip(w) {
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum += w * x;
                    }
                }
            } else if let ([a, b, c, d], [p, q, r, s]) = (&mut sums[..], &w[..]) {
                add(a, *p, x);
                add(b, *q, x);
                add(c, *r, x);
                add(d, *s, x);
            } else {
                for (sums, w) in sums.iter_mut().zip(w) {
                    add(sums, *w, x);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if let Some(y) = self.y.get_mut(r * self.apart) {
                *y = *sums;
            }
        }
    }

    /// Where a row's chains start, if not from what is there.
    #[inline(always)]
    fn bias(&self, row: usize) -> Option<f32> {
        self.biases.map(|biases| biases.get(row).map_or(0.0, |bias| bias + 0.0))
    }

    /// R rows by V registers.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "only loops over known ranges are all unrolled, each sum a register"
    )]
    fn sums<L: Lanes, const R: usize, const V: usize>(self, lanes: L) {
        let mut sums = [[lanes.splat(0.0); V]; R];
        for r in 0..R {
            let Some(y) = self.y.get(r * self.apart) else { return };
            let bias = self.bias(r);
            for v in 0..V {
                sums[r][v] = bias.map_or_else(|| lanes.load(y, v), |bias| lanes.splat(bias));
            }
        }
        for (at, from) in Terms::new(self.nest, self.start) {
            let Some(w) = self.w.get(at..).and_then(|w| w.first_chunk::<R>()) else { return };
            let Some(x) = self.x.get(from..).and_then(|x| x.first_chunk::<T>()) else { return };
            let mut inputs = [lanes.splat(0.0); V];
            for v in 0..V {
                inputs[v] = lanes.load(x, v);
            }
            for r in 0..R {
                let weight = lanes.splat(w[r]);
                for v in 0..V {
                    sums[r][v] = lanes.add(sums[r][v], lanes.mul(weight, inputs[v]));
                }
            }
        }
        for r in 0..R {
            let Some(y) = self.y.get_mut(r * self.apart) else { return };
            for v in 0..V {
                lanes.store(sums[r][v], y, v);
            }
        }
    }

    /// V registers, and as many rows as there are.
    #[inline(always)]
    fn registers<L: Lanes, const V: usize>(self, lanes: L) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                // Constants, so that only those that are met are compiled.
                match self.rows {
                    $($rows => if const { $rows * V <= 24 } { self.sums::<L, $rows, V>(lanes) } else { self.portable() },)*
                    _ => self.portable(),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12)
    }
}

impl<const T: usize> Job for Loops<'_, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        let Self { nest, w, x, start, biases, rows, apart, y } = self;
        // More than four where the rows were grouped for instructions that this processor lacks.
        for first in (0..rows).step_by(4) {
            let w = invariant!(w.get(first..));
            let biases = biases.map(|biases| invariant!(biases.get(first..)));
            let y = invariant!(y.get_mut(first * apart..));
            let loops = Loops { nest, w, x, start, biases, rows: rows - first, apart, y };
            match loops.rows {
                1 => loops.few::<1>(),
                2 => loops.few::<2>(),
                3 => loops.few::<3>(),
                _ => loops.few::<4>(),
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
