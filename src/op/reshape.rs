use super::Facts;
use crate::error::{Error, InvalidSpec};
use crate::shape::Shape;

/// The same units under another shape.
pub(crate) const fn facts(x: Shape, shape: Shape) -> Result<Facts, Error> {
    match (x.units(), shape.units()) {
        (Some(before), Some(after)) if before == after => Facts::in_place(shape),
        _ => Err(Error::InvalidSpec(InvalidSpec::Shape)),
    }
}
