use crate::Error;
use shatterscope::internals::op::int8::Bounds;

/// What the bytes of a tensor mean: `scale (byte - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantisation {
    scale: f32,
    zero: i32,
}

impl Quantisation {
    /// A scale and a zero point of `of`, which errors name.
    ///
    /// # Errors
    /// [`Error::Scale`] unless the scale is positive and finite, [`Error::Zero`] outside of -128 to 127.
    pub fn new(of: &'static str, scale: f32, zero: i64) -> Result<Self, Error> {
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(Error::Scale { of, found: scale });
        }
        match i8::try_from(zero) {
            Ok(zero) => Ok(Self { scale, zero: zero.into() }),
            Err(_) => Err(Error::Zero { of, found: zero }),
        }
    }

    /// The scale: positive and finite.
    pub fn scale(self) -> f32 {
        self.scale
    }

    /// The zero point: -128 to 127.
    pub fn zero(self) -> i32 {
        self.zero
    }

    /// `zero + round(x / scale)`, one division of f32, half away from zero; saturated.
    pub(crate) fn quantised(self, x: f32) -> i32 {
        ((x / self.scale).round() as i32).saturating_add(self.zero)
    }

    /// Zero point and bounds of an output behind a fused activation.
    pub fn bounds(self, activation: Activation) -> Bounds {
        let (low, high) = activation.range();
        let low = low.map_or(i8::MIN.into(), |x| self.quantised(x));
        let high = high.map_or(i8::MAX.into(), |x| self.quantised(x));
        // A zero point is within int8, so is what is nearest to it.
        let byte = |x: i32| x.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
        Bounds { zero: self.zero, low: byte(low), high: byte(high) }
    }

    /// Refuses every other scale and zero point than those of a function's output.
    pub(crate) fn fixed(self, operator: &'static str, scale: f32, expected: i32) -> Result<(), Error> {
        if self.scale.to_bits() == scale.to_bits() && self.zero == expected {
            return Ok(());
        }
        Err(Error::Fixed { operator, found: self.scale, zero: self.zero, scale, expected })
    }
}

/// An activation that is part of another operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// None.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, -1), 1)`
    ReluN1To1,
    /// `min(max(x, 0), 6)`
    Relu6,
}

impl Activation {
    /// The activation of a number in a file; None for what has no bounds, such as TANH.
    pub const fn of_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Relu,
            2 => Self::ReluN1To1,
            3 => Self::Relu6,
            _ => return None,
        })
    }

    const fn range(self) -> (Option<f32>, Option<f32>) {
        match self {
            Self::None => (None, None),
            Self::Relu => (Some(0.0), None),
            Self::ReluN1To1 => (Some(-1.0), Some(1.0)),
            Self::Relu6 => (Some(0.0), Some(6.0)),
        }
    }
}
