use super::{Normal, Purpose};
use crate::math::Math;

pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32-10: four random words from a counter and a key.
///
/// # References
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#[inline]
pub const fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    let mut round = 0;
    while round < 10 {
        let p0 = MULTIPLIERS[0] as u64 * c0 as u64;
        let p1 = MULTIPLIERS[1] as u64 * c2 as u64;
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
        round += 1;
    }
    [c0, c1, c2, c3]
}

/// The values of one purpose in one layer of one run: the counter but for row and column.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stream {
    key: [u32; 2],
    layer: u32,
    run: u32,
    normal: Normal,
    math: Math,
}

impl Stream {
    /// `layer` counts from 1 and is below 2^24 (noise stands at layer 0).
    pub const fn new(seed: u64, run: u32, purpose: Purpose, layer: u32, normal: Normal) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            layer: layer.wrapping_add((purpose as u32) << 24),
            run,
            normal,
            math: Math::Libm,
        }
    }

    /// The same stream with another maths library behind as241.
    pub const fn with_math(self, math: Math) -> Self {
        Self { math, ..self }
    }

    /// How normals are made of words.
    pub(crate) const fn normal(&self) -> Normal {
        self.normal
    }

    /// What as241 is made with.
    pub(crate) const fn math(&self) -> Math {
        self.math
    }

    /// ([layer and purpose, run], key): what all values share.
    pub(crate) const fn address(&self) -> ([u32; 2], [u32; 2]) {
        ([self.layer, self.run], self.key)
    }

    /// The four words at (row, column).
    #[inline]
    pub const fn words(&self, row: u32, column: u32) -> [u32; 4] {
        philox4x32_10([column, row, self.layer, self.run], self.key)
    }

    /// The normal at (row, column): mean 0, variance 1.
    #[inline]
    pub fn value(&self, row: u32, column: u32) -> f32 {
        self.normal.value(self.words(row, column), self.math)
    }
}
