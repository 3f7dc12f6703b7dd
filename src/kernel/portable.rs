//! The tile kernel in safe Rust, which the compiler vectorises for whatever the target has.

/// See [`super::chain`].
#[inline(always)]
pub fn chain<const R: usize, const T: usize>(panel: &[f32], x: &[[f32; T]], y: &mut [[f32; T]]) {
    let columns = x.len().max(1);
    let (groups, rest) = y.as_chunks_mut::<R>();
    let Some((whole, tail)) = panel.split_at_checked(groups.len() * R * columns) else { return };
    for (w, y) in whole.chunks_exact((R * columns).max(1)).zip(groups) {
        rows::<R, T>(w, x, y);
    }
    for (w, y) in tail.chunks_exact(columns).zip(rest) {
        rows::<1, T>(w, x, core::array::from_mut(y));
    }
}

/// R rows by T points whose sums stay in registers.
#[inline(always)]
fn rows<const R: usize, const T: usize>(w: &[f32], x: &[[f32; T]], y: &mut [[f32; T]; R]) {
    let mut sums = *y;
    for (w, x) in w.as_chunks::<R>().0.iter().zip(x) {
        for (sums, &w) in sums.iter_mut().zip(w) {
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += w * x;
            }
        }
    }
    *y = sums;
}
