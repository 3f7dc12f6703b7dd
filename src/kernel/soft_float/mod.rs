//! Chains on integers, for cores without an FPU: the bits of the contract, in fewer instructions than a call for each
//! product and each sum.
//!
//! Three things save work. The sum of a chain stays taken apart along the chain ([`Sum`]). What makes numbers special is
//! looked for in the inputs once for all rows ([`Range`]), and one test of a weight's exponent then says that neither
//! factors nor product nor sum are special. And where that test fails, the ordinary `*` and `+` do the term: nothing here
//! knows of infinities, NaN or products that underflow.
//!
//! # Numerics
//! Every result is that of [`naive`](super::naive), for any operands. A term whose input is +0.0 or -0.0 is left out only
//! where the weight is in the range, thus finite: the product is a zero. Adding a zero changes no sum but -0.0, and
//! [`Sum::of`] leaves -0.0 to the ordinary operators. A later sum is never -0.0: round to nearest makes it from two negative
//! zeros only. So this holds for gradients of parameters, too, which start from old values and may have infinite factors.
#[cfg_attr(thumb, allow(dead_code, reason = "the reference; for tiles of one point, registers are assigned by hand"))]
mod portable;
mod range;
mod sum;
mod terms;
#[cfg(thumb)]
mod thumb;

use super::portable::Portable;
use super::set::{InstructionSet, Presence, Tile, tile};
use super::{Matrix, portable as ordinary};
use range::Range;
use sum::Sum;
use terms::Terms;

/// What every processor has, too: a matter of speed alone.
#[derive(Clone, Copy)]
pub(super) struct SoftFloat;

impl InstructionSet for SoftFloat {
    const PRESENCE: Presence = if cfg!(soft_float) { Presence::Always } else { Presence::OnRequest };
    /// Two rows or two points do not fit the registers. Where there is an FPU, nothing is compiled for these chains alone.
    const TILE: Tile = if cfg!(soft_float) { tile(1, 1) } else { Portable::TILE };
    const WEIGHT_GRADIENT: Tile = Portable::WEIGHT_GRADIENT;
    const INTEGERS: bool = true;

    fn found() -> Option<Self> {
        Some(Self)
    }

    #[cfg(all(feature = "int8", thumb))]
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
        chain_matrix::<T>(w, x, y);
        true
    }

    #[inline(always)]
    fn weight_gradient(shape: (usize, usize, usize), x: &[f32], grad_output: &[f32], grad_weight: &mut [f32]) -> bool {
        weight_gradient(shape, x, grad_output, grad_weight);
        true
    }
}

/// Chains of fewer terms are not worth taking a sum apart.
const SHORT: usize = 2;

/// `chain(y; w_k * x_k)`.
fn dot<const T: usize>(y: f32, mut terms: Terms<T>, range: Option<Range>) -> f32 {
    let mut y = y;
    while !terms.is_empty() {
        if let Some(range) = range
            && let Some(mut sum) = Sum::of(y, range)
        {
            advance(&mut sum, &mut terms, range);
            y = sum.value(range);
        }
        // What stopped it, if anything did.
        if let Some((w, x)) = terms.next() {
            y += w * x;
        }
    }
    y
}

/// Adds terms to a sum until one has its weight outside of the range, or so many are done that the sum needs a look.
#[inline(always)]
fn advance<const T: usize>(sum: &mut Sum, terms: &mut Terms<T>, range: Range) {
    #[cfg(thumb)]
    if T == 1 {
        return thumb::advance(sum, terms, range);
    }
    portable::advance(sum, terms, range);
}

/// See [`super::chain`].
#[inline(never)]
fn chain<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    if x.len() < SHORT {
        return ordinary::chain::<R, T>(panel, x, y);
    }
    let (range, columns) = (Range::of(x.as_flattened()), x.len());
    let (groups, rest) = y.as_chunks_mut::<R>();
    let Some((whole, tail)) = panel.split_at_checked(groups.len() * R * columns) else { return };
    for (panel, y) in whole.chunks_exact((R * columns).max(1)).zip(groups) {
        for (lane, y) in y.iter_mut().enumerate() {
            row(invariant!(panel.get(lane..)), R, x, y, range);
        }
    }
    for (panel, y) in tail.chunks_exact(columns).zip(rest) {
        row(panel, 1, x, y, range);
    }
}

/// See [`super::chain_matrix`].
#[inline(never)]
fn chain_matrix<const T: usize>(w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) {
    if x.len() < SHORT {
        return ordinary::chain_matrix::<1, T>(w, x, y);
    }
    let range = Range::of(x.as_flattened());
    let (down, along) = if w.transposed { (1, w.stride) } else { (w.stride, 1) };
    for (i, y) in y.iter_mut().enumerate() {
        let data = invariant!(w.data.get(i * down..));
        if !row(data, along, x, y, range) {
            // The matrix ends before the row does.
            ordinary::chain_matrix::<1, T>(Matrix { data, ..w }, x, core::slice::from_mut(y));
        }
    }
}

/// The chains of one row, its weights `step` apart; false where there are not as many weights as inputs.
#[inline(always)]
fn row<const T: usize>(w: &[f32], step: usize, x: &[[f32; T]], y: &mut [f32; T], range: Option<Range>) -> bool {
    for (p, y) in y.iter_mut().enumerate() {
        let inputs = invariant!(x.as_flattened().get(p..));
        let Some(terms) = Terms::<T>::new((w, step), inputs, x.len()) else { return false };
        *y = dot(*y, terms, range);
    }
    true
}

/// See [`super::weight_gradient`].
#[inline(never)]
fn weight_gradient(
    (fan_out, fan_in, points): (usize, usize, usize),
    x: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [f32],
) {
    let range = if points < SHORT { None } else { Range::of(x) };
    // Nothing wraps for slices of these shapes; `get` takes what it gives for others as an index.
    for i in 0..fan_out {
        let Some(row) = grad_weight.get_mut(i.wrapping_mul(fan_in)..) else { return };
        let g = invariant!(grad_output.get(i.wrapping_mul(points)..));
        if let (1, Some(g)) = (points, g.first()) {
            row.iter_mut().take(fan_in).zip(x).for_each(|(weight, x)| *weight += g * x);
            continue;
        }
        for (k, weight) in row.iter_mut().take(fan_in).enumerate() {
            if let Some(terms) = Terms::<1>::new((g, 1), invariant!(x.get(k.wrapping_mul(points)..)), points) {
                *weight = dot(*weight, terms, range);
            }
        }
    }
}
