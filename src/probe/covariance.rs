use crate::contract::Red16;
use crate::error::{Buffer, Error};

/// Row i of the covariance image `|(g_i - m)(g_j - m)| / var(g)`, var being biased.
///
/// # Shapes
/// `centred` `[point]`, the series with its mean removed (as [`autocorrelation`](super::autocorrelation) leaves it);
/// `row` `[point]`.
///
/// # Errors
/// [`Error::TooShort`] for a row outside the image or too short a result.
pub fn covariance_row(centred: &[f32], i: usize, row: &mut [f32]) -> Result<(), Error> {
    let need = centred.len() as u64;
    let row_len = row.len() as u64;
    let (Some(&at), Some(row)) = (centred.get(i), row.get_mut(..centred.len())) else {
        return Err(Error::TooShort { buffer: Buffer::Result, need, have: row_len.min(i as u64) });
    };
    let variance = Red16::sum(centred.iter().map(|d| d * d)) / centred.len() as f32;
    for (value, d) in row.iter_mut().zip(centred) {
        *value = crate::math::magnitude(at * d) / variance;
    }
    Ok(())
}
