/// An operation on single elements: its value, and its derivative as a function of the value.
#[derive(Clone, Copy, Debug)]
pub struct Elements {
    /// The number of the operation; 0 where it has none.
    pub number: f32,
    /// `x = f(number, x)`
    pub(super) value: fn(f32, &mut [f32]),
    /// `g = g f'(number, x)` for the y of each x.
    pub(super) slope: fn(f32, &[f32], &mut [f32]),
}

impl Elements {
    /// Overwrites `x` with the values.
    pub fn value(&self, x: &mut [f32]) {
        (self.value)(self.number, x);
    }

    /// Multiplies gradients or tangents `g` by the derivative, where `y` are the values.
    pub fn slope(&self, y: &[f32], g: &mut [f32]) {
        (self.slope)(self.number, y, g);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Elements {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Elements({=f32})", self.number);
    }
}
