//! Values of every kind, room for them, and how they are compared.
use shatterscope::contract::canonical_bits;

/// Memory, handed out in pieces.
pub struct Room<'a>(pub &'a mut [f32]);

impl<'a> Room<'a> {
    pub fn take(&mut self, len: usize) -> &'a mut [f32] {
        let (taken, rest) = core::mem::take(&mut self.0).split_at_mut(len);
        self.0 = rest;
        taken
    }

    pub fn rows<const T: usize>(&mut self, rows: usize) -> &'a mut [[f32; T]] {
        self.take(rows * T).as_chunks_mut().0
    }
}

/// A series that is the same on every core.
pub struct Values(pub u32);

impl Values {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The low bits of such a series repeat soon.
        self.0 ^ self.0 >> 15
    }

    /// A word whose high bits are drawn well.
    pub fn draw(&mut self) -> u32 {
        self.word().wrapping_mul(0x9e37_79b9) ^ self.word() << 13
    }

    /// Normal, subnormal, zeros of both signs, such whose products overflow.
    pub fn finite(&mut self) -> f32 {
        let (kind, word) = (self.word() >> 27, self.word());
        match kind {
            0 => 0.0,
            1 => -0.0,
            2 | 3 => f32::from_bits(word & 0x807f_ffff),
            4 => f32::from_bits(word & 0x81ff_ffff | 0x5f00_0000),
            5 => f32::from_bits(word & 0x81ff_ffff | 0x2000_0000),
            _ => (word as i32 >> 8) as f32 * (1.0 / (1 << 22) as f32),
        }
    }

    /// The same, infinities and NaN.
    pub fn any(&mut self) -> f32 {
        match self.word() >> 28 {
            0 => f32::from_bits(self.word() & 0x8000_0000 | 0x7f80_0000),
            1 => f32::from_bits(self.word() | 0x7f80_0000),
            _ => self.finite(),
        }
    }

    pub fn fill(&mut self, to: &mut [f32]) {
        to.fill_with(|| self.finite());
    }

    /// What a chain may start from: never -0.0.
    pub fn fill_starts(&mut self, to: &mut [f32]) {
        to.fill_with(|| self.finite() + 0.0);
    }
}

/// Which NaN it is stands outside of the contract.
#[track_caller]
pub fn same(found: &[f32], expected: &[f32], what: core::fmt::Arguments) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (found, expected) = (canonical_bits(*found), canonical_bits(*expected));
        assert!(found == expected, "{what}: element {i} is {found:#010x}, not {expected:#010x}");
    }
}
