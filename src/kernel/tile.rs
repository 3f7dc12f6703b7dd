//! The dense kernel on registers: R rows by as many registers of points as stay in the register file.
use super::Matrix;
use super::lanes::Lanes;
use core::borrow::Borrow;

/// f32 elements of a line of the cache.
const LINE: usize = 16;

/// [`super::chain`] on registers.
#[inline(always)]
pub(super) fn chain<L: Lanes, const R: usize, const T: usize>(
    lanes: L,
    panel: &[f32],
    x: &[[f32; T]],
    y: &mut [[f32; T]],
) {
    let columns = x.len().max(1);
    let (groups, rest) = y.as_chunks_mut::<R>();
    let Some((whole, tail)) = panel.split_at_checked(groups.len() * R * columns) else { return };
    for (w, y) in whole.chunks_exact((R * columns).max(1)).zip(groups) {
        rows::<L, _, R, T>(lanes, w.as_chunks::<R>().0.iter(), x, y);
    }
    rows_of(lanes, Matrix { data: tail, stride: columns, transposed: false }, x, rest);
}

/// [`super::chain_matrix`] on registers.
#[inline(always)]
pub(super) fn chain_matrix<L: Lanes, const R: usize, const T: usize>(
    lanes: L,
    w: Matrix,
    x: &[[f32; T]],
    y: &mut [[f32; T]],
    ahead: &[f32],
) {
    let (groups, rest) = y.as_chunks_mut::<R>();
    let done = groups.len() * R;
    // So many elements while one group is at work, in whole lines.
    let each = ahead.len().div_ceil(groups.len().max(1)).next_multiple_of(LINE);
    for (i, y) in groups.iter_mut().enumerate() {
        for at in (i * each..((i + 1) * each).min(ahead.len())).step_by(LINE) {
            lanes.prefetch(ahead, at);
        }
        group::<L, R, T>(lanes, w, i * R, x, y);
    }
    // Nothing is left where the groups have all rows, or the matrix ends before them.
    let data = w.data.get(if w.transposed { done } else { done * w.stride }..).map_or(&[][..], |data| data);
    rows_of(lanes, Matrix { data, ..w }, x, rest);
}

/// The rows that fill no group of R, by groups of four and one.
#[inline(always)]
fn rows_of<L: Lanes, const T: usize>(lanes: L, w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) {
    let (fours, ones) = y.as_chunks_mut::<4>();
    let done = fours.len() * 4;
    for (i, y) in fours.iter_mut().enumerate() {
        group::<L, 4, T>(lanes, w, i * 4, x, y);
    }
    for (i, y) in ones.iter_mut().enumerate() {
        group::<L, 1, T>(lanes, w, done + i, x, core::array::from_mut(y));
    }
}

/// R rows of a matrix where it stands.
#[inline(always)]
fn group<L: Lanes, const R: usize, const T: usize>(
    lanes: L,
    w: Matrix,
    row: usize,
    x: &[[f32; T]],
    y: &mut [[f32; T]; R],
) {
    if w.transposed {
        let columns = invariant!(w.data.get(row..)).chunks(w.stride.max(1));
        return rows::<L, _, R, T>(lanes, columns.map_while(|column| column.first_chunk::<R>()), x, y);
    }
    let mut rows_of_w = [<&[f32]>::default(); R];
    for (i, row_of_w) in rows_of_w.iter_mut().enumerate() {
        // Rows of one known length are read without looking at it again.
        let Some(found) = w.data.get((row + i) * w.stride..).and_then(|w| w.get(..x.len())) else { return };
        *row_of_w = found;
    }
    let columns = (0..x.len()).map(|k| core::array::from_fn(|row| rows_of_w[row][k]));
    rows::<L, _, R, T>(lanes, columns, x, y);
}

/// All T points of R rows.
#[inline(always)]
fn rows<L: Lanes, W: Borrow<[f32; R]>, const R: usize, const T: usize>(
    lanes: L,
    w: impl Iterator<Item = W> + Clone,
    x: &[[f32; T]],
    y: &mut [[f32; T]; R],
) {
    // Constants, so that only those that are met are compiled.
    let (registers, fours) = const { (T / L::N, if L::ABREAST >= 4 { T / L::N / 4 * 4 } else { 0 }) };
    let mut at = 0;
    if const { L::ABREAST >= 4 && T / L::N >= 4 } {
        while at < fours {
            sums::<L, W, R, 4, T>(lanes, w.clone(), at, x, y);
            at += 4;
        }
    }
    if const { T / L::N >= 2 && (L::ABREAST < 4 || T / L::N % 4 >= 2) } {
        while at + 2 <= registers {
            sums::<L, W, R, 2, T>(lanes, w.clone(), at, x, y);
            at += 2;
        }
    }
    if const { T / L::N % 2 == 1 } {
        sums::<L, W, R, 1, T>(lanes, w, at, x, y);
    }
}

/// R rows by V registers whose sums stay in registers: the chains of [`super::naive::dense`], side by side.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "only loops over known ranges are all unrolled, each sum a register")]
fn sums<L: Lanes, W: Borrow<[f32; R]>, const R: usize, const V: usize, const T: usize>(
    lanes: L,
    w: impl Iterator<Item = W>,
    at: usize,
    x: &[[f32; T]],
    y: &mut [[f32; T]; R],
) {
    let mut sums = [[lanes.splat(0.0); V]; R];
    for r in 0..R {
        for v in 0..V {
            sums[r][v] = lanes.load(&y[r], at + v);
        }
    }
    for (w, x) in w.zip(x) {
        let mut points = [lanes.splat(0.0); V];
        for v in 0..V {
            points[v] = lanes.load(x, at + v);
        }
        let w = w.borrow();
        for r in 0..R {
            let weight = lanes.splat(w[r]);
            for v in 0..V {
                sums[r][v] = lanes.add(sums[r][v], lanes.mul(weight, points[v]));
            }
        }
    }
    for r in 0..R {
        for v in 0..V {
            lanes.store(sums[r][v], &mut y[r], at + v);
        }
    }
}
