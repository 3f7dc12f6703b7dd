/// The terms of a chain that are still to come: weights and inputs, each a fixed number of elements apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub weights: &'a [f32],
    pub weight_step: usize,
    pub inputs: &'a [f32],
    pub input_step: usize,
    pub len: usize,
}

impl<'a> Terms<'a> {
    /// Terms after which a sum has to be looked at again: 2^24 products below 2^101 and a sum below 2^126 make less than
    /// 2^127.
    pub const LONGEST: usize = 1 << 24;

    /// `len` terms; none where one of the slices does not hold as many.
    #[inline(always)]
    pub fn new(
        (weights, weight_step): (&'a [f32], usize),
        (inputs, input_step): (&'a [f32], usize),
        len: usize,
    ) -> Option<Self> {
        let holds = |slice: &[f32], step: usize| {
            len.checked_sub(1).is_none_or(|last| last.checked_mul(step).is_some_and(|last| last < slice.len()))
        };
        (holds(weights, weight_step) && holds(inputs, input_step)).then_some(Self {
            weights,
            weight_step,
            inputs,
            input_step,
            len,
        })
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Leaves out terms that are done.
    #[inline(always)]
    pub fn skip(&mut self, terms: usize) {
        self.weights = self.weights.get(terms * self.weight_step..).unwrap_or_default();
        self.inputs = self.inputs.get(terms * self.input_step..).unwrap_or_default();
        self.len -= terms;
    }

    /// The next term.
    #[inline(always)]
    pub fn next(&mut self) -> Option<(f32, f32)> {
        let (Some(&w), Some(&x), Some(_)) = (self.weights.first(), self.inputs.first(), self.len.checked_sub(1)) else {
            return None;
        };
        self.skip(1);
        Some((w, x))
    }
}
