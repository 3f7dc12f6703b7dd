//! From rows of points to tiles and back.

/// Writes `value(point, unit)` of `count` points to `[tile][unit][T]`. Lanes past the last point repeat it, so that they hold valid values.
pub(super) fn load<const T: usize>(
    values: &mut [f32],
    tile_len: usize,
    count: usize,
    value: impl Fn(usize, usize) -> f32,
) {
    for (tile, x) in values.chunks_exact_mut(tile_len.max(1)).enumerate() {
        for (unit, lanes) in x.as_chunks_mut::<T>().0.iter_mut().enumerate() {
            for (lane, x) in lanes.iter_mut().enumerate() {
                *x = value((tile * T + lane).min(count.saturating_sub(1)), unit);
            }
        }
    }
}

/// Writes these points of `[tile][unit][T]` to rows of `all` units, from unit `before` on.
pub(super) fn store<const T: usize>(
    values: &[f32],
    tile_len: usize,
    points: impl Iterator<Item = usize>,
    (before, all): (usize, usize),
    rows: &mut [f32],
) {
    for (p, row) in points.zip(rows.chunks_exact_mut(all.max(1))) {
        let tile = invariant!(values.get(p / T * tile_len..).and_then(|x| x.get(..tile_len)));
        for (lanes, result) in tile.as_chunks::<T>().0.iter().zip(invariant!(row.get_mut(before..))) {
            *result = invariant!(lanes.get(p % T).copied());
        }
    }
}
