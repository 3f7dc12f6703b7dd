use super::Shape;
use crate::error::{Error, Refusal};
use crate::math::is_finite;

/// What an operation makes of its operands, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Facts {
    /// The shape of the value.
    pub shape: Shape,
    /// Parameters: weights, gamma or slopes; then biases or beta.
    pub parameters: [u64; 2],
    /// Channels with running statistics.
    pub running: u32,
    /// Multiply-adds of one point in the forward pass.
    pub multiply_adds: u64,
    /// Whether the value may be written over an operand that is not needed again.
    pub in_place: bool,
    /// f32 elements of scratch in inference: the least, and the most that make it faster.
    pub scratch: [u64; 2],
}

impl Facts {
    /// An operation without parameters, multiply-adds and scratch that does not work in place.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] past 2^32 - 1 units, [`Refusal::Layers`] without any.
    pub(crate) const fn of(shape: Shape) -> Result<Self, Error> {
        if shape.channels == 0 || shape.plane() == 0 {
            return Err(Error::Refused(Refusal::Layers));
        }
        if shape.units().is_none() {
            return Err(Error::Refused(Refusal::TooLarge));
        }
        Ok(Self { shape, parameters: [0, 0], running: 0, multiply_adds: 0, in_place: false, scratch: [0, 0] })
    }

    /// An operation that keeps the shape and may work in place.
    pub(crate) const fn in_place(shape: Shape) -> Result<Self, Error> {
        match Self::of(shape) {
            Ok(facts) => Ok(Self { in_place: true, ..facts }),
            Err(error) => Err(error),
        }
    }

    /// The same with parameters.
    pub(crate) const fn with_parameters(self, weights: u64, biases: u64) -> Self {
        Self { parameters: [weights, biases], ..self }
    }

    /// All parameters. Nothing saturates for an operation of [`Op::facts`](super::Op::facts).
    pub const fn parameters_len(&self) -> u64 {
        self.parameters[0].saturating_add(self.parameters[1])
    }
}

/// Refuses a number that is not finite.
pub(crate) const fn finite(x: f32) -> Result<(), Error> {
    if is_finite(x) { Ok(()) } else { Err(Error::Refused(Refusal::Scale)) }
}
