//! The tile kernel in safe Rust, which the compiler vectorises for whatever the target has.
use super::Matrix;
use super::set::{InstructionSet, Presence, Tile, tile};

/// What every processor has.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl InstructionSet for Portable {
    const PRESENCE: Presence = Presence::OnRequest;
    const TILE: Tile = tile(2, 16);
    const WEIGHT_GRADIENT: Tile = if cfg!(any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64")) {
        // Where nothing is wide and stacks are small.
        tile(4, 4)
    } else {
        Self::TILE
    };

    fn found() -> Option<Self> {
        Some(Self)
    }
}

/// See [`super::chain`].
#[inline(always)]
pub fn chain<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    let columns = x.len().max(1);
    let (groups, rest) = y.as_chunks_mut::<R>();
    let Some((whole, tail)) = panel.split_at_checked(groups.len() * R * columns) else { return };
    for (w, y) in whole.chunks_exact((R * columns).max(1)).zip(groups) {
        rows::<R, T>(w.as_chunks::<R>().0, x, y);
    }
    for (w, y) in tail.chunks_exact(columns).zip(rest) {
        rows::<1, T>(w.as_chunks::<1>().0, x, core::array::from_mut(y));
    }
}

/// See [`super::chain_matrix`].
#[inline(always)]
pub fn chain_matrix<const R: usize, const T: usize>(w: Matrix, x: &[[f32; T]], y: &mut [[f32; T]]) {
    let (groups, rest) = y.as_chunks_mut::<R>();
    let done = groups.len() * R;
    for (group, y) in groups.iter_mut().enumerate() {
        rows_of::<R, T>(w, group * R, x, y);
    }
    for (row, y) in rest.iter_mut().enumerate() {
        rows_of::<1, T>(w, done + row, x, core::array::from_mut(y));
    }
}

/// R rows of a matrix where it stands.
#[inline(always)]
fn rows_of<const R: usize, const T: usize>(w: Matrix, row: usize, x: &[[f32; T]], y: &mut [[f32; T]; R]) {
    let mut sums = *y;
    if w.transposed {
        // The weights of a column are neighbours.
        let columns = invariant!(w.data.get(row..)).chunks(w.stride.max(1));
        for (weights, x) in columns.map_while(|column| column.first_chunk::<R>()).zip(x) {
            for (sums, &weight) in sums.iter_mut().zip(weights) {
                for (sum, &x) in sums.iter_mut().zip(x) {
                    *sum += weight * x;
                }
            }
        }
        *y = sums;
        return;
    }
    for (k, x) in x.iter().enumerate() {
        for (lane, sums) in sums.iter_mut().enumerate() {
            let weight = w.at(row + lane, k);
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += weight * x;
            }
        }
    }
    *y = sums;
}

/// R rows by T points whose sums stay in registers.
#[inline(always)]
fn rows<const R: usize, const T: usize>(w: &[[f32; R]], x: &[[f32; T]], y: &mut [[f32; T]; R]) {
    let mut sums = *y;
    for (w, x) in w.iter().zip(x) {
        for (sums, &w) in sums.iter_mut().zip(w) {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += w * x;
            }
        }
    }
    *y = sums;
}
