//! What norms do to units, on registers: left to itself, a compiler gathers the lanes of one point from many units.
use super::Isa;
use super::lanes::{Job, Lanes};
use crate::contract::Red16;

/// Units whose sums are made beside each other: what they have in a tile is one run of memory.
pub(crate) const ABREAST: usize = 8;

/// `x <- (x - shift) * scale` for the units of a tile, each operation rounded, with (shift, scale) by unit; without SHIFT or
/// without SCALE that operation is left out.
pub(crate) fn shift_and_scale<const SHIFT: bool, const SCALE: bool, const T: usize>(
    isa: Isa,
    units: &mut [[f32; T]],
    by: impl Iterator<Item = (f32, f32)>,
) {
    isa.run(Units::<_, SHIFT, SCALE, T> { units, by });
}

struct Units<'a, I, const SHIFT: bool, const SCALE: bool, const T: usize> {
    units: &'a mut [[f32; T]],
    by: I,
}

impl<I: Iterator<Item = (f32, f32)>, const SHIFT: bool, const SCALE: bool, const T: usize> Job
    for Units<'_, I, SHIFT, SCALE, T>
{
    type Output = ();

    #[inline(always)]
    fn portable(self) {
        for (lanes, (shift, scale)) in self.units.iter_mut().zip(self.by) {
            for x in lanes {
                let shifted = if SHIFT { *x - shift } else { *x };
                *x = if SCALE { shifted * scale } else { shifted };
            }
        }
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) {
        if const { !T.is_multiple_of(L::N) } {
            return self.portable();
        }
        for (unit, (shift, scale)) in self.units.iter_mut().zip(self.by) {
            let (shift, scale) = (lanes.splat(shift), lanes.splat(scale));
            for at in 0..T / L::N {
                let x = lanes.load(unit, at);
                let shifted = if SHIFT { lanes.sub(x, shift) } else { x };
                lanes.store(if SCALE { lanes.mul(shifted, scale) } else { shifted }, unit, at);
            }
        }
    }
}

/// RED16 of z, or of `(z - mean)^2` under SQUARES, over the points of ABREAST units beside each other.
///
/// # Shapes
/// `data` is `[tile][stride][T]` from the first unit on, of the tiles given; T is a multiple of 16, point 0 the first.
pub(crate) fn red16_abreast<const SQUARES: bool, const T: usize>(
    isa: Isa,
    data: &[[f32; T]],
    (stride, tiles): (usize, usize),
    means: &[f32; ABREAST],
) -> [Red16; ABREAST] {
    isa.run(Sums::<SQUARES, T> { data, stride, tiles, means })
}

struct Sums<'a, const SQUARES: bool, const T: usize> {
    data: &'a [[f32; T]],
    stride: usize,
    tiles: usize,
    means: &'a [f32; ABREAST],
}

impl<'a, const SQUARES: bool, const T: usize> Sums<'a, SQUARES, T> {
    /// The units in each tile.
    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = &'a [[f32; T]; ABREAST]> + use<'a, SQUARES, T> {
        self.data.chunks(self.stride.max(1)).take(self.tiles).map_while(|tile| tile.first_chunk::<ABREAST>())
    }
}

impl<const SQUARES: bool, const T: usize> Job for Sums<'_, SQUARES, T> {
    type Output = [Red16; ABREAST];

    #[inline(always)]
    fn portable(self) -> [Red16; ABREAST] {
        let mut sums = [Red16::new(); ABREAST];
        for block in self.blocks() {
            for ((sum, unit), mean) in sums.iter_mut().zip(block).zip(self.means) {
                for terms in unit.as_chunks::<16>().0 {
                    for (lane, z) in sum.lanes.iter_mut().zip(terms) {
                        *lane += if SQUARES { (z - mean) * (z - mean) } else { *z };
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> [Red16; ABREAST] {
        // Lane 16 mod N of a register: at most four registers to a unit.
        let registers = 16 / L::N;
        let mut sums = [[lanes.splat(0.0); 4]; ABREAST];
        for block in self.blocks() {
            for unit in 0..ABREAST {
                let mean = lanes.splat(self.means[unit]);
                for at in 0..T / L::N {
                    let z = lanes.load(&block[unit], at);
                    let term = if SQUARES {
                        let centred = lanes.sub(z, mean);
                        lanes.mul(centred, centred)
                    } else {
                        z
                    };
                    let sum = &mut sums[unit][at % registers % 4];
                    *sum = lanes.add(*sum, term);
                }
            }
        }
        let mut result = [Red16::new(); ABREAST];
        for unit in 0..ABREAST {
            for at in 0..registers {
                lanes.store(sums[unit][at % 4], &mut result[unit].lanes, at);
            }
        }
        result
    }
}
