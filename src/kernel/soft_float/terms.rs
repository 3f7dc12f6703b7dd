/// The terms of a chain that are still to come: weights some elements apart, inputs T apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a, const T: usize> {
    pub weights: &'a [f32],
    pub step: usize,
    pub inputs: &'a [f32],
    pub len: usize,
}

impl<'a, const T: usize> Terms<'a, T> {
    /// Terms after which a sum has to be looked at again: 2^24 products below 2^101 and a sum below 2^126 make less than
    /// 2^127.
    const LONGEST: usize = 1 << 24;

    /// `len` terms; none where one of the slices does not hold as many.
    #[inline(always)]
    pub fn new((weights, step): (&'a [f32], usize), inputs: &'a [f32], len: usize) -> Option<Self> {
        let holds = |slice: &[f32], step: usize| match len.checked_sub(1) {
            Some(last) => last.checked_mul(step).is_some_and(|last| last < slice.len()),
            None => true,
        };
        (holds(weights, step) && holds(inputs, T)).then_some(Self { weights, step, inputs, len })
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many may be added before the sum is looked at.
    #[inline(always)]
    pub fn at_once(&self) -> usize {
        if self.len < Self::LONGEST { self.len } else { Self::LONGEST }
    }

    /// Leaves out terms that are done. Nothing wraps: they are some of those that there are.
    #[inline(always)]
    pub fn skip(&mut self, terms: usize) {
        // A column ends before a whole step from its last weight.
        self.weights = self.weights.get(terms.wrapping_mul(self.step)..).map_or(&[], |weights| weights);
        self.inputs = self.inputs.get(terms.wrapping_mul(T)..).map_or(&[], |inputs| inputs);
        self.len = self.len.wrapping_sub(terms);
    }

    /// The next term.
    #[inline(always)]
    pub fn next(&mut self) -> Option<(f32, f32)> {
        if self.len == 0 {
            return None;
        }
        let (&w, &x) = self.weights.first().zip(self.inputs.first())?;
        self.skip(1);
        Some((w, x))
    }
}
