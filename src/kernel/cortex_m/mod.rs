//! Kernels for Cortex-M with an FPU of single precision: up to sixteen sums stay in registers, weights come in runs.
//!
//! They multiply and add with a rounding each: VFMA would round once, and VMLA takes longer than VMUL and VADD. In the wide loops
//! no instruction needs the result of the one before it, which would cost a cycle. They are assembly because inline assembly
//! takes no FPU registers here, and because the compiler keeps no tile in registers where it is asked for small code.
#![allow(unsafe_code)]

mod descend;
mod finite;
mod points;
mod relu;
mod strips;
mod vector;
mod weight_gradient;

use super::set::{InstructionSet, Presence, Tile, tile};
use super::{Matrix, portable};

/// What every core of these targets has.
#[derive(Clone, Copy)]
pub(super) struct Vfp;

impl InstructionSet for Vfp {
    const PRESENCE: Presence = Presence::Always;
    const TILE: Tile = tile(4, 4);

    fn found() -> Option<Self> {
        Some(Self)
    }

    /// FPSCR: rounding mode (bits 22, 23), flush to zero (24), default NaN (25).
    #[inline(always)]
    fn control_bits() -> u32 {
        let fpscr: u32;
        // SAFETY: reads one register, touches neither memory nor flags.
        unsafe { core::arch::asm!("vmrs {}, fpscr", out(reg) fpscr, options(nomem, nostack, preserves_flags)) };
        fpscr & 0x03c0_0000
    }

    #[cfg(feature = "int8")]
    #[inline(always)]
    fn products() -> super::int8::Products {
        super::int8::Products::of_thumb()
    }

    #[inline(always)]
    fn chain<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) -> bool {
        chain::<R, T>(panel, x, y);
        true
    }

    #[inline(always)]
    fn chain_matrix<const R: usize, const T: usize>(w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) -> bool {
        chain_matrix::<R, T>(w, x, y);
        true
    }

    #[inline(always)]
    fn weight_gradient(shape: (usize, usize, usize), x: &[f32], grad_output: &[f32], grad_weight: &mut [f32]) -> bool {
        weight_gradient::weight_gradient(shape, x, grad_output, grad_weight);
        true
    }

    #[inline(always)]
    fn descend(shape: (usize, usize), rate: f32, x: &[f32], grad_output: &[f32], weight: &mut [f32]) -> bool {
        descend::descend(shape, rate, x, grad_output, weight);
        true
    }

    #[inline(always)]
    fn relu_forward(x: &mut [f32], tape: &mut [u8]) -> bool {
        relu::relu_forward(x, tape);
        true
    }

    #[inline(always)]
    fn relu_backward(g: &mut [f32], tape: &[u8]) -> bool {
        relu::relu_backward(g, tape);
        true
    }

    #[inline(always)]
    fn all_finite(values: &[f32]) -> Option<bool> {
        Some(finite::all_finite(values))
    }
}

/// How a kernel goes through a matrix: at least one row and one column, steps in bytes.
#[repr(C)]
struct Walk {
    /// Rows, or groups of four.
    rows: usize,
    columns: usize,
    /// From a weight to that of the next row, also within a group.
    row_step: usize,
    /// From a weight to that of the next column.
    column_step: usize,
}

/// `kernel(weights, x, y, walk)`: continues the chains of y, `[row][T]`, by x, `[column][T]`.
type Kernel = unsafe extern "C" fn(*const f32, *const f32, *mut f32, &Walk);

/// The text of products `t = w * x`, then of sums `s += t`, for all registers listed.
macro_rules! multiply_add {
    ($($s:literal)+ += $w:literal * $($x:literal)+ in $($t:literal)+) => {
        concat!(
            $("vmul.f32 s", $t, ", s", $w, ", s", $x, "\n",)+
            $("vadd.f32 s", $s, ", s", $s, ", s", $t, "\n",)+
        )
    };
}
use multiply_add;

/// See [`super::chain`].
fn chain<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    if R == 1 && (T == 1 || T == 4) {
        return chain_matrix::<R, T>(Matrix { data: panel, stride: x.len(), transposed: false }, x, y);
    }
    if R != 4 || (T != 1 && T != 4) {
        return portable::chain::<R, T>(panel, x, y);
    }
    let (groups, rest) = y.as_chunks_mut::<4>();
    let Some((whole, tail)) = x.len().checked_mul(4 * groups.len()).and_then(|len| panel.split_at_checked(len)) else {
        return;
    };
    if !whole.is_empty() && T == 4 {
        let walk = Walk { rows: groups.len(), columns: x.len(), row_step: 4 * x.len(), column_step: 16 };
        // SAFETY: `whole` holds four weights for each group and column; x and y hold four points for each of theirs.
        unsafe { points::four_by_four(whole.as_ptr(), x.as_ptr().cast(), groups.as_mut_ptr().cast(), &walk) };
    } else if !whole.is_empty() {
        // Four rows by one point are one row by four points, with the factors exchanged.
        let walk = Walk { rows: 1, columns: x.len(), row_step: 0, column_step: 4 };
        for (four_weights, y) in whole.chunks_exact((4 * x.len()).max(1)).zip(groups) {
            // SAFETY: the group holds four weights for each column, y its four sums, x one point a column.
            unsafe { points::one_by_four(x.as_ptr().cast(), four_weights.as_ptr(), y.as_mut_ptr().cast(), &walk) };
        }
    }
    chain_matrix::<R, T>(Matrix { data: tail, stride: x.len(), transposed: false }, x, rest);
}

/// See [`super::chain_matrix`]. R makes no difference; a matrix that is too short changes nothing.
fn chain_matrix<const R: usize, const T: usize>(w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) {
    let (fours, ones): (Option<Kernel>, Kernel) = match (T, w.transposed) {
        (4, false) => (Some(points::four_rows), points::one_by_four),
        (4, true) => (Some(points::four_by_four), points::one_by_four),
        (1, false) => (Some(vector::four_rows), vector::rows),
        (1, true) => (None, vector::columns),
        _ => return portable::chain_matrix::<R, T>(w, x, y),
    };
    if !holds(w, y.len(), x.len()) {
        return;
    }
    let stride = w.stride.wrapping_mul(4);
    let (row_step, column_step) = if w.transposed { (4, stride) } else { (stride, 4) };
    let groups = if fours.is_some() { y.len() / 4 } else { 0 };
    let run = |kernel: Kernel, first: usize, rows: usize, y: &mut [[f32; T]]| {
        let walk = Walk { rows, columns: x.len(), row_step, column_step };
        let w = w.data.as_ptr().wrapping_byte_add(first.wrapping_mul(row_step));
        // SAFETY: y holds the sums of these rows, x a row of points for each column, and `holds` saw a weight for each pair.
        unsafe { kernel(w, x.as_ptr().cast(), y.as_mut_ptr().cast(), &walk) }
    };
    let (whole, rest) = invariant!(y.split_at_mut_checked(4 * groups));
    if let (Some(kernel), 1..) = (fours, groups) {
        run(kernel, 0, groups, whole);
    }
    if !rest.is_empty() {
        run(ones, 4 * groups, rest.len(), rest);
    }
}

/// Whether there are rows and columns, and a weight for each pair of them.
fn holds(w: Matrix, rows: usize, columns: usize) -> bool {
    let (lines, len) = if w.transposed { (columns, rows) } else { (rows, columns) };
    let last = lines.checked_sub(1).and_then(|last| last.checked_mul(w.stride)).and_then(|at| at.checked_add(len));
    len > 0 && last.is_some_and(|end| end <= w.data.len())
}
