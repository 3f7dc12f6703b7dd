use super::requantise::clamp;
use super::{Bounds, DilatedWindow, Error, Image, at, check, pooled};

/// `y[row][column][c] = S / n` of the n elements x[..][..][c] that taps see in the image, S being their sum; rounded to the nearest integer, half
/// away from zero, within the bounds. The zero point plays no part.
///
/// # Shapes
/// `x` `[height][width][channels]`, `y` `[rows][columns][channels]`.
///
/// # Errors
/// [`InvalidSpec::Window`](crate::error::InvalidSpec::Window) where the window does not fit, [`InvalidSpec::Pool`](crate::error::InvalidSpec::Pool) where a
/// position sees nothing of the image, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn quantised_average_pool(
    input: &Image,
    window: &DilatedWindow,
    output: Bounds,
    x: &[i8],
    y: &mut [i8],
) -> Result<(), Error> {
    let (places, image) = pooled(window, input)?;
    check(x, input, y, &image)?;
    let channels = input.channels as usize;
    for place in 0..places.count() {
        for c in 0..channels {
            let (mut sum, mut n) = (0i64, 0i64);
            // Nothing wraps: fewer than 2^32 elements.
            for (_, seen) in places.seen_from(place) {
                sum = sum.wrapping_add(i64::from(invariant!(x.get(at(seen, channels, c)).copied())));
                n = n.wrapping_add(1);
            }
            let half = if sum > 0 { n / 2 } else { (n / 2).wrapping_neg() };
            let mean = invariant!(sum.wrapping_add(half).checked_div(n));
            if let Some(y) = y.get_mut(at(place, channels, c)) {
                *y = clamp(mean as i32, output.low, output.high);
            }
        }
    }
    Ok(())
}
