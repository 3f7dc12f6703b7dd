use crate::error::{Buffer, Error};
use crate::math::{floor_log2, is_finite, magnitude, power_of_two};

/// What [`normalise`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Series {
    /// max - min <= 2^-20 max|g|: there is nothing to correlate.
    Constant,
    /// The series was multiplied by 2^-exponent.
    Varying {
        /// floor(log2(max|g|)).
        exponent: i32,
    },
}

/// Multiplies a series by a power of two so that max|g| is in [1, 2), and says whether it is constant.
///
/// Gradients of deep networks run from 1e-30 to 1e30; their squares would not fit f32.
///
/// # Errors
/// [`Error::InvalidValue`] for NaN or infinity.
pub fn normalise(series: &mut [f32]) -> Result<Series, Error> {
    let mut largest = 0.0;
    for (index, &g) in series.iter().enumerate() {
        if !is_finite(g) {
            return Err(Error::InvalidValue { buffer: Buffer::Series, layer: 0, index: index as u64 });
        }
        if magnitude(g) > largest {
            largest = magnitude(g);
        }
    }
    if largest == 0.0 {
        return Ok(Series::Constant);
    }
    let exponent = floor_log2(largest);
    // In two halves: 2^149 is not an f32.
    let half = exponent.div_euclid(2);
    let (first, second) = (power_of_two(-half), power_of_two(half - exponent));
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for g in series.iter_mut() {
        *g = (*g * first) * second;
        low = if *g < low { *g } else { low };
        high = if *g > high { *g } else { high };
    }
    let bound = (largest * first) * second * (1.0 / 1_048_576.0);
    Ok(if high - low <= bound { Series::Constant } else { Series::Varying { exponent } })
}
