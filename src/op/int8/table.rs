use super::{Buffer, Error, long_enough};

/// `y[i] = table[x[i] + 128]`.
///
/// # Shapes
/// `x` and `y` `[n]`, n being the length of `x`.
///
/// # Errors
/// [`Error::TooShort`] where `y` is shorter than `x`; what is longer is left alone.
pub fn quantised_table(table: &[i8; 256], x: &[i8], y: &mut [i8]) -> Result<(), Error> {
    long_enough(Buffer::Outputs, y.len(), Some(x.len()))?;
    for (y, x) in y.iter_mut().zip(x) {
        *y = look_up(table, *x);
    }
    Ok(())
}

/// The byte for x.
pub(super) fn look_up(table: &[i8; 256], x: i8) -> i8 {
    // Bytes of a sign turn into those from 0 on.
    invariant!(table.get(usize::from(x as u8 ^ 0x80)).copied())
}
