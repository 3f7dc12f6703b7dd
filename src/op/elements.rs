use super::Saved;

/// An operation on single elements: its value, and its derivative as a function of the value or of the operand.
#[derive(Clone, Copy, Debug)]
pub struct Elements {
    /// The number of the operation; 0 where it has none.
    pub number: f32,
    /// The second number.
    pub(super) second: f32,
    /// `x = f(numbers, x)`
    pub(super) value: fn([f32; 2], &mut [f32]),
    /// `g = g f'(numbers, x)` for the x or y of each element.
    pub(super) slope: fn([f32; 2], &[f32], &mut [f32]),
    /// What the derivative is a function of: the value, the operand, or neither.
    pub(super) of: Saved,
}

impl Elements {
    /// Overwrites `x` with the values.
    pub fn value(&self, x: &mut [f32]) {
        (self.value)([self.number, self.second], x);
    }

    /// Multiplies gradients or tangents `g` by the derivative, where `of` are the elements of [`Elements::of`].
    pub fn slope(&self, of: &[f32], g: &mut [f32]) {
        (self.slope)([self.number, self.second], of, g);
    }

    /// What the derivative is computed from: [`Saved::Value`], [`Saved::Operands`], or [`Saved::Nothing`], for which no elements are read.
    pub fn of(&self) -> Saved {
        self.of
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Elements {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Elements({=f32})", self.number);
    }
}
