use crate::error::{Error, InvalidSpec};
use crate::math::is_finite;
use crate::shape::{Image, Shape};

/// What an operation makes of its operands, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Facts {
    /// The shape of the value.
    pub shape: Shape,
    /// Parameters: weights, gamma or slopes; then biases or beta.
    pub parameters: [u64; 2],
    /// The value that the first of its parameters have before training, if they are not drawn.
    pub start: f32,
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
    /// [`InvalidSpec::TooLarge`] past 2^32 - 1 units, [`InvalidSpec::Layers`] without any.
    pub(crate) const fn of(shape: Shape) -> Result<Self, Error> {
        if shape.channels == 0 || shape.plane() == 0 {
            return Err(Error::InvalidSpec(InvalidSpec::Layers));
        }
        if shape.units().is_none() {
            return Err(Error::InvalidSpec(InvalidSpec::TooLarge));
        }
        Ok(Self {
            shape,
            parameters: [0, 0],
            start: 0.0,
            running: 0,
            multiply_adds: 0,
            in_place: false,
            scratch: [0, 0],
        })
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

    /// The same with the value that the first parameters have before training.
    pub(crate) const fn starting_at(self, start: f32) -> Self {
        Self { start, ..self }
    }

    /// All parameters. Nothing saturates for an operation of [`Op::facts`](super::Op::facts).
    pub const fn parameters_len(&self) -> u64 {
        self.parameters[0].saturating_add(self.parameters[1])
    }
}

/// What the backward pass needs of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Saved {
    /// Nothing.
    Nothing,
    /// The operands.
    Operands,
    /// The value.
    Value,
    /// The normalised operand: it takes the operand's place where nothing else needs that.
    Normalised,
}

/// What the backward pass of an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BackwardFacts {
    /// For the gradient of its operands.
    pub saved: Saved,
    /// For the gradient of its parameters.
    pub saved_for_parameters: Saved,
    /// Whether the gradient of an operand may be written over that of the value.
    pub in_place: bool,
    /// Whether the value may be written over its operand though it has more units.
    pub grows: bool,
    /// Whether plain descent on one point needs no gradient of its parameters.
    pub descends: bool,
    /// Bytes of tape for each tile: a bit for each element of a ReLU, a byte for each maximum.
    pub tape: u64,
    /// f32 elements of scratch: the least for the gradient of operands, the least for that of parameters, and the most that make both
    /// faster.
    pub scratch: [u64; 3],
    /// f32 elements that hold the operands of a parameter gradient for one tile.
    pub gathered: u64,
}

impl BackwardFacts {
    /// An operation that needs nothing.
    pub(crate) const NOTHING: Self = Self {
        saved: Saved::Nothing,
        saved_for_parameters: Saved::Nothing,
        in_place: false,
        grows: false,
        descends: false,
        tape: 0,
        scratch: [0; 3],
        gathered: 0,
    };

    /// The same, element by element.
    pub(crate) const IN_PLACE: Self = Self { in_place: true, ..Self::NOTHING };

    /// The same from the value.
    pub(crate) const OF_VALUE: Self = Self { saved: Saved::Value, ..Self::IN_PLACE };

    /// Those of an operation of imported models, of which a build without them needs none.
    pub(super) const fn of_models(self) -> Self {
        if cfg!(feature = "models") { self } else { Self::NOTHING }
    }

    /// One with a bit of tape for each unit of `x`.
    pub(crate) const fn relu(x: Shape, tile: u32, grows: bool) -> Self {
        // Nothing saturates: fewer than 2^32 units, tiles of at most 64.
        let units = match x.units() {
            Some(units) => units as u64,
            None => 0,
        };
        Self { tape: units.saturating_mul(tile as u64).div_ceil(8), grows, ..Self::IN_PLACE }
    }
}

/// Refuses a number that is not finite.
pub(crate) const fn finite(x: f32) -> Result<(), Error> {
    if is_finite(x) { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::Scale)) }
}

/// Refuses an operation whose feature is not compiled in.
pub(super) const fn compiled(feature: bool) -> Result<(), Error> {
    if feature { Ok(()) } else { Err(Error::InvalidSpec(InvalidSpec::Feature)) }
}

/// An operation of a graph that makes this image, where its window fits.
pub(super) const fn of_image(output: Option<Image>) -> Result<Facts, Error> {
    if let Err(error) = compiled(cfg!(feature = "conv")) {
        return Err(error);
    }
    match output {
        Some(image) => match Shape::of(image) {
            Some(shape) => Facts::of(shape),
            None => Err(Error::InvalidSpec(InvalidSpec::TooLarge)),
        },
        None => Err(Error::InvalidSpec(InvalidSpec::Window)),
    }
}
