use super::{Buffer, Error, long_enough};

/// Two int8 values behind each other along an axis: `[outer][n]` and `[outer][m]` become `[outer][n + m]`. n and m count the entries of the axis and of
/// those behind it: channels along channels, `width * channels` along columns, `height * width * channels` along rows, where `outer` is 1.
///
/// # Errors
/// [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn quantised_concat(outer: u32, [n, m]: [u32; 2], x: &[i8], y: &[i8], value: &mut [i8]) -> Result<(), Error> {
    let (outer, n, m) = (outer as usize, n as usize, m as usize);
    let each = n.checked_add(m);
    long_enough(Buffer::Inputs, x.len(), outer.checked_mul(n))?;
    long_enough(Buffer::Inputs, y.len(), outer.checked_mul(m))?;
    long_enough(Buffer::Outputs, value.len(), each.and_then(|each| each.checked_mul(outer)))?;
    let (mut x, mut y, mut value) = (x.iter(), y.iter(), value.iter_mut());
    for _ in 0..outer {
        for x in x.by_ref().take(n).chain(y.by_ref().take(m)) {
            if let Some(value) = value.next() {
                *value = *x;
            }
        }
    }
    Ok(())
}
