use crate::kernel::{Isa, all_finite};
use crate::layer::Tiles;

/// The activation buffers of a block, `[tile][unit][T]`: an operation reads `here` and writes in place or `there`.
pub(super) struct Activations<'a, const T: usize> {
    pub here: &'a mut [f32],
    pub there: &'a mut [f32],
    /// What a fork keeps for its join.
    pub kept: &'a mut [f32],
    /// f32 elements of a tile.
    pub tile_len: usize,
}

impl<'a, const T: usize> Activations<'a, T> {
    /// Cuts two buffers, three with forks, from a slab; what is left comes back.
    pub fn take(slab: &'a mut [f32], len: usize, tile_len: usize, forked: bool) -> (Self, &'a mut [f32]) {
        let (here, rest) = slab.split_at_mut_checked(len).unwrap_or_default();
        let (there, rest) = rest.split_at_mut_checked(len).unwrap_or_default();
        let (kept, rest) =
            if forked { rest.split_at_mut_checked(len).unwrap_or_default() } else { (<&mut [f32]>::default(), rest) };
        (Self { here, there, kept, tile_len }, rest)
    }

    pub fn swap(&mut self) {
        core::mem::swap(&mut self.here, &mut self.there);
    }

    /// Keeps a copy of the first `tiles` tiles.
    pub fn keep(&mut self, tiles: usize) {
        let len = tiles * self.tile_len;
        if let (Some(kept), Some(here)) = (self.kept.get_mut(..len), self.here.get(..len)) {
            kept.copy_from_slice(here);
        }
    }

    /// Sets the lanes of a unit in every tile.
    pub fn fill(&mut self, unit: usize, tiles: usize, value: f32) {
        for tile in self.there.chunks_exact_mut(self.tile_len.max(1)).take(tiles) {
            if let Some(lanes) = tile.as_chunks_mut::<T>().0.get_mut(unit) {
                *lanes = [value; T];
            }
        }
    }

    /// Whether a unit is +0.0 or -0.0 in all lanes of the first tiles.
    #[inline(always)]
    pub fn all_zero(&self, unit: u32, tiles: usize) -> bool {
        let lanes = self.here.get(unit as usize * T..).unwrap_or_default().chunks(self.tile_len.max(1));
        lanes.take(tiles).all(|lanes| lanes.iter().take(T).all(|x| x.to_bits() << 1 == 0))
    }

    /// The tiles in use.
    pub fn used(&mut self, tiles: usize) -> &mut [f32] {
        self.here.get_mut(..tiles * self.tile_len).unwrap_or_default()
    }

    /// The lanes of one unit.
    pub fn unit(&self, unit: usize, first: usize, count: usize) -> Tiles<'_> {
        unit_of::<T>(self.here, self.tile_len, unit, first, count)
    }
}

/// The lanes of one unit of a buffer.
pub(super) fn unit_of<const T: usize>(
    data: &[f32],
    tile_len: usize,
    unit: usize,
    first: usize,
    count: usize,
) -> Tiles<'_> {
    Tiles { data, stride: tile_len / T, unit, first, count }
}

/// The first `units` units of a tile.
pub(super) fn units_of<const T: usize>(tile: &mut [f32], units: usize) -> &mut [[f32; T]] {
    tile.as_chunks_mut::<T>().0.get_mut(..units).unwrap_or_default()
}

/// The elements of the first `units` units of a tile.
pub(super) fn elements_of<const T: usize>(tile: &mut [f32], units: usize) -> &mut [f32] {
    tile.get_mut(..units * T).unwrap_or_default()
}

/// Whether every element is finite.
pub(super) fn finite_elements(isa: Isa, values: &[f32]) -> bool {
    all_finite(isa, values)
}
