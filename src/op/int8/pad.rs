use super::{Buffer, Error, Image, InvalidSpec, at, long_enough, units};

/// Elements of one value around an int8 image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct QuantisedPad {
    /// The input.
    pub input: Image,
    /// Rows above and below.
    pub rows: [u32; 2],
    /// Columns to the left and to the right.
    pub columns: [u32; 2],
    /// Channels before and behind.
    pub channels: [u32; 2],
    /// The value: the zero point, where a file has no other.
    pub value: i8,
}

impl QuantisedPad {
    /// The output; None past 2^32 - 1 along an axis.
    pub const fn output(&self) -> Option<Image> {
        const fn sum(extent: u32, [before, after]: [u32; 2]) -> Option<u32> {
            match extent.checked_add(before) {
                Some(sum) => sum.checked_add(after),
                None => None,
            }
        }
        match (
            sum(self.input.height, self.rows),
            sum(self.input.width, self.columns),
            sum(self.input.channels, self.channels),
        ) {
            (Some(height), Some(width), Some(channels)) => Some(Image { channels, height, width }),
            _ => None,
        }
    }
}

/// The input between elements of the value.
///
/// # Shapes
/// `x` `[row][column][channel]` of the input, `y` of [`QuantisedPad::output`].
///
/// # Errors
/// [`InvalidSpec::TooLarge`] past 2^32 - 1 elements, [`Error::TooShort`] where a slice does not hold its shape; what is longer is left alone.
pub fn quantised_pad(pad: &QuantisedPad, x: &[i8], y: &mut [i8]) -> Result<(), Error> {
    let too_large = Error::InvalidSpec(InvalidSpec::TooLarge);
    let output = pad.output().ok_or(too_large)?;
    let len = units(&output).ok_or(too_large)?;
    long_enough(Buffer::Inputs, x.len(), units(&pad.input))?;
    long_enough(Buffer::Outputs, y.len(), Some(len))?;
    // The entry of the input; None in the padding.
    let inside = |entry: u32, before: u32, extent: u32| entry.checked_sub(before).filter(|entry| *entry < extent);
    let mut to = y.iter_mut();
    for row in 0..output.height {
        let from_row = inside(row, pad.rows[0], pad.input.height);
        for column in 0..output.width {
            let from_column = inside(column, pad.columns[0], pad.input.width);
            for channel in 0..output.channels {
                let from_channel = inside(channel, pad.channels[0], pad.input.channels);
                let value = match (from_row, from_column, from_channel) {
                    (Some(row), Some(column), Some(channel)) => {
                        let position = at(row as usize, pad.input.width as usize, column as usize);
                        invariant!(x.get(at(position, pad.input.channels as usize, channel as usize)).copied())
                    }
                    _ => pad.value,
                };
                if let Some(y) = to.next() {
                    *y = value;
                }
            }
        }
    }
    Ok(())
}
