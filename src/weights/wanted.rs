/// Which inputs of a product need their weights: not those that are zero at every point at hand, as half of the rectified ones
/// are at one point.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Wanted {
    /// A bit for each input that is zero everywhere.
    zero: [u32; 16],
}

impl Wanted {
    /// What stands in a panel in place of a weight that is left out: finite, so that zero times it is zero, and no zero itself, which
    /// sums on integers take for a special case.
    pub const PLACEHOLDER: f32 = 1.0;

    /// All of them.
    pub const ALL: Self = Self { zero: [0; 16] };

    /// Those of the first 512 inputs for which `zero` is false, and the inputs past these.
    pub fn unless(inputs: u32, zero: impl Fn(u32) -> bool) -> Self {
        let mut wanted = Self::ALL;
        let mut units = 0..inputs;
        for word in &mut wanted.zero {
            for (bit, unit) in units.by_ref().take(32).enumerate() {
                *word |= (zero(unit) as u32) << bit;
            }
        }
        wanted
    }

    /// Whether the weights of this input are needed.
    pub fn has(&self, input: u32) -> bool {
        self.zeros_from(input) & 1 == 0
    }

    /// Bits for this input and the next ones up to a multiple of 32, the lowest first: 1 for one that is zero.
    #[inline(always)]
    pub(super) fn zeros_from(&self, input: u32) -> u32 {
        self.zero.get(input as usize / 32).map_or(0, |word| word >> (input % 32))
    }
}
