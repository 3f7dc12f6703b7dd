//! Draws of every purpose against [`Stream::value`], the definition, where the counters end and where scales are extreme. The
//! tests of the core run the same.
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Along, draw};
use shatterscope::random::{Normal, Purpose, Stream};

/// A value that differs, and how many were compared until then.
#[derive(Clone, Copy, Debug)]
pub struct Different {
    /// Where the value stands.
    pub place: (u32, u32),
    /// Its bits as drawn in the series.
    pub drawn: u32,
    /// Its bits as defined.
    pub defined: u32,
}

const PURPOSES: [Purpose; 6] =
    [Purpose::Weight, Purpose::Bias, Purpose::Stem, Purpose::StemBias, Purpose::Readout, Purpose::Noise];
const SEEDS: [u64; 6] = [0, 1, u64::MAX, 0xffff_ffff, 0xffff_ffff_0000_0000, 0x0123_4567_89ab_cdef];
const STARTS: [u32; 5] = [0, 1, 0x7fff_fffa, 0xffff_0000, 0xffff_fff9];
/// Ordinary, negative, zero, and such that products are subnormal or overflow.
const SCALES: [f32; 12] =
    [0.1, -1.0, 0.0, -0.0, 1e-45, 1.1754944e-38, 6e-33, 7.6e-33, 1e37, -2.6e38, f32::INFINITY, f32::NAN];

/// Compares draws of every purpose by these instructions, along rows and columns; how many values.
///
/// # Errors
/// The first value that differs.
pub fn check(isa: Isa, normal: Normal) -> Result<usize, Different> {
    let mut compared = 0;
    let mut buffer = [0.0; 23];
    for (i, seed) in (0..).zip(SEEDS) {
        for (j, purpose) in (0..).zip(PURPOSES) {
            for (k, row) in (0..).zip(STARTS) {
                for (l, column) in (0..).zip(STARTS) {
                    let layer = [1, 0xff_ffff, 77][l % 3];
                    let run = [0, u32::MAX, 5][k % 3];
                    let stream = Stream::new(seed, run, purpose, layer, normal);
                    let Some(&scale) = SCALES.get((5 * i + 3 * j + 7 * k + l) % SCALES.len()) else { continue };
                    let along = if (i + j + k + l) % 2 == 0 { Along::Row } else { Along::Column };
                    draw(isa, &stream, (row, column), along, scale, &mut buffer);
                    for (n, drawn) in (0..).zip(buffer) {
                        let place = match along {
                            Along::Row => (row, column.wrapping_add(n)),
                            Along::Column => (row.wrapping_add(n), column),
                        };
                        let defined = stream.value(place.0, place.1) * scale;
                        if drawn.to_bits() != defined.to_bits() && !(drawn.is_nan() && defined.is_nan()) {
                            return Err(Different { place, drawn: drawn.to_bits(), defined: defined.to_bits() });
                        }
                        compared += 1;
                    }
                }
            }
        }
    }
    Ok(compared)
}
