/// The values of one unit over the points: tile by tile, the unit's T lanes of each, the first `count` points valid.
#[derive(Clone, Copy)]
pub(crate) struct Tiles<'a> {
    /// `[tile][stride][T]`.
    pub data: &'a [f32],
    /// Units between one tile and the next.
    pub stride: usize,
    /// The unit.
    pub unit: usize,
    /// Index of the first point in the whole grid.
    pub first: usize,
    /// Valid points.
    pub count: usize,
}

impl<'a> Tiles<'a> {
    /// The unit's lanes in each tile.
    #[inline(always)]
    pub fn lanes<const T: usize>(self) -> impl Iterator<Item = &'a [f32; T]> {
        let tiles = self.data.as_chunks::<T>().0.get(self.unit..).unwrap_or_default();
        tiles.iter().step_by(self.stride.max(1)).take(self.count.div_ceil(T))
    }
}

/// The points of a series `[point]` as the one unit of tiles of T = 1.
pub(crate) fn points_of(series: &[f32]) -> Tiles<'_> {
    Tiles { data: series, stride: 1, unit: 0, first: 0, count: series.len() }
}
