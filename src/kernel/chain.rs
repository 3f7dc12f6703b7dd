use super::isa::dispatch;
use super::lanes::{Job, Lanes};
use super::set::InstructionSet;
use super::{Isa, portable, tile};

/// A weight matrix where it stands: `[row][stride]`, its rows the outputs of the product, or its columns (`transposed`).
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// From the first weight of the product on.
    pub data: &'a [f32],
    /// Elements from one row of the matrix to the next.
    pub stride: usize,
    /// Product by the transposed matrix.
    pub transposed: bool,
}

impl Matrix<'_> {
    /// The weight of output `row` and input `column` of the product; +0.0 outside of the data.
    #[inline(always)]
    pub fn at(&self, row: usize, column: usize) -> f32 {
        let (i, k) = if self.transposed { (column, row) } else { (row, column) };
        match self.data.get(i * self.stride + k) {
            Some(weight) => *weight,
            None => 0.0,
        }
    }
}

/// Continues the chains of `y[row]` by the columns of a panel: `y[row] <- chain(y[row]; panel[row][k] * x[k])`.
///
/// # Shapes
/// `x` is `[column][T]`, `y` is `[row][T]`; the panel holds its rows in groups of R, `[group][column][R]`, and the rows
/// left over one by one, `[row][column]`: the order in which the kernel reads them.
///
/// # Numerics
/// Equal to [`naive::dense`](crate::op::naive::dense) for any R, T and instruction set: k ascends, each operation is rounded.
#[inline]
pub fn chain<const R: usize, const T: usize>(isa: Isa, panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    if !dispatch!(isa, Set => Set::chain::<R, T>(panel, x, y), otherwise: false) {
        isa.run(Packed::<R, T> { panel, x, y });
    }
}

/// The same with a matrix where it stands, which needs no panel.
#[inline]
pub fn chain_matrix<const R: usize, const T: usize>(isa: Isa, w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) {
    chain_matrix_ahead::<R, T>(isa, w, x, y, &[]);
}

/// The same, while what is needed next is brought into the cache: a hint, on instruction sets that have one.
// One copy for both directions, where a call costs less than what the compiler loses in two.
#[cfg_attr(registers = "x86", inline(never))]
#[cfg_attr(not(registers = "x86"), inline)]
pub(crate) fn chain_matrix_ahead<const R: usize, const T: usize>(
    isa: Isa,
    w: Matrix,
    x: &[[f32; T]],
    y: &mut [[f32; T]],
    ahead: &[f32],
) {
    if !dispatch!(isa, Set => Set::chain_matrix::<R, T>(w, x, y), otherwise: false) {
        isa.run(Standing::<R, T> { w, x, y, ahead });
    }
}

struct Packed<'a, const R: usize, const T: usize> {
    panel: &'a [f32],
    x: &'a [[f32; T]],
    y: &'a mut [[f32; T]],
}

impl<const R: usize, const T: usize> Job for Packed<'_, R, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        portable::chain::<R, T>(self.panel, self.x, self.y);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        if const { T.is_multiple_of(L::N) } {
            tile::chain::<L, R, T>(lanes, self.panel, self.x, self.y);
        } else {
            self.portable();
        }
    }
}

struct Standing<'a, const R: usize, const T: usize> {
    w: Matrix<'a>,
    x: &'a [[f32; T]],
    y: &'a mut [[f32; T]],
    ahead: &'a [f32],
}

impl<const R: usize, const T: usize> Job for Standing<'_, R, T> {
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        portable::chain_matrix::<R, T>(self.w, self.x, self.y);
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        if const { T.is_multiple_of(L::N) } {
            tile::chain_matrix::<L, R, T>(lanes, self.w, self.x, self.y, self.ahead);
        } else {
            self.portable();
        }
    }
}
