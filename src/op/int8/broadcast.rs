use super::{Buffer, Error, Image, InvalidSpec, at, long_enough, units};

/// The image of pairs of elements: along each axis operands have the same extent, or one of them has 1.
pub(super) fn value_of([x, y]: [Image; 2]) -> Result<Image, Error> {
    let extent = |x: u32, y: u32| match (x, y) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        _ => Err(Error::InvalidSpec(InvalidSpec::Operation)),
    };
    Ok(Image {
        channels: extent(x.channels, y.channels)?,
        height: extent(x.height, y.height)?,
        width: extent(x.width, y.width)?,
    })
}

/// `value[place] = of(x[place], y[place])`, an operand of extent 1 along an axis having its only entry everywhere.
pub(super) fn pairs(
    operands: [Image; 2],
    x: &[i8],
    y: &[i8],
    value: &mut [i8],
    of: impl Fn(i8, i8) -> i8,
) -> Result<(), Error> {
    let image = value_of(operands)?;
    let [first, second] = operands;
    long_enough(Buffer::Inputs, x.len(), units(&first))?;
    long_enough(Buffer::Inputs, y.len(), units(&second))?;
    long_enough(Buffer::Outputs, value.len(), units(&image))?;
    let mut places = value.iter_mut();
    for row in 0..image.height {
        for column in 0..image.width {
            for channel in 0..image.channels {
                let x = invariant!(x.get(index(&first, [row, column, channel])).copied());
                let y = invariant!(y.get(index(&second, [row, column, channel])).copied());
                if let Some(value) = places.next() {
                    *value = of(x, y);
                }
            }
        }
    }
    Ok(())
}

/// The index of a place, 0 along axes of extent 1.
fn index(image: &Image, [row, column, channel]: [u32; 3]) -> usize {
    let along = |extent: u32, entry: u32| if extent == 1 { 0 } else { entry as usize };
    let position = at(along(image.height, row), image.width as usize, along(image.width, column));
    at(position, image.channels as usize, along(image.channels, channel))
}
