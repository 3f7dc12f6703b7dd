use super::requantise::clamp;
use super::{Bounds, DilatedWindow, Error, Image, at, check, pooled};

/// `y[row][column][c]` is the greatest of the elements x[..][..][c] that taps see in the image, within the bounds. The zero point plays no part.
///
/// # Shapes
/// `x` `[height][width][channels]`, `y` `[rows][columns][channels]`.
///
/// # Errors
/// As [`quantised_average_pool`](super::quantised_average_pool).
pub fn quantised_max_pool(
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
            let mut most = i8::MIN;
            for (_, seen) in places.seen_from(place) {
                let x = invariant!(x.get(at(seen, channels, c)).copied());
                most = if x > most { x } else { most };
            }
            if let Some(y) = y.get_mut(at(place, channels, c)) {
                *y = clamp(i32::from(most), output.low, output.high);
            }
        }
    }
    Ok(())
}
