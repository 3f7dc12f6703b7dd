//! Operands for `y + w * x` that are hard on purpose. Without the standard library: an emulated core checks itself with them.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Any word.
    #[inline]
    pub fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }

    /// Below a bound.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(bound)) >> 32) as u32
    }

    /// A sign and a fraction of few or many places, with an exponent field of `from .. from + fields`.
    #[inline]
    pub fn number(&mut self, from: u32, fields: u32) -> f32 {
        let word = self.word();
        let fraction = match word & 7 {
            // A run of ones or zeros at the end, or nearly nothing: what ties and carries are made of.
            0 => word >> 9 & !0 << (word >> 3 & 31).min(22),
            1 => word >> 9 | !(!0 << (word >> 3 & 31).min(22)),
            2 => 1 << (word >> 3 & 31).min(22),
            _ => word >> 9,
        };
        f32::from_bits((word << 23 & 1 << 31) | (from + self.below(fields)) << 23 | (fraction & 0x007f_ffff))
    }
}

/// Ways to choose y, w, x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any bits.
    Any,
    /// Numbers as in a network: the product within 2^32 of the sum.
    Near,
    /// The sum is the product with the other sign, but for its last places.
    Cancels,
    /// Sum and product meet half-way between two numbers, or next to there.
    Ties,
    /// The product is half-way between two numbers, or its last places are next to that.
    Halves,
    /// Products and sums about the smallest normal number.
    Small,
    /// Products and sums about the largest number, and what the fast path takes at most.
    Large,
    /// Factors at the ends of the exponents' range.
    Far,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Any, Self::Near, Self::Cancels, Self::Ties, Self::Halves, Self::Small, Self::Large, Self::Far];

    /// y, for a product of these two.
    #[inline]
    pub fn sum(self, dice: &mut Dice, w: f32, x: f32) -> f32 {
        let product = w * x;
        let field = (product.to_bits() << 1 >> 24).min(254);
        match self {
            Kind::Any => f32::from_bits(dice.word()),
            Kind::Halves if dice.word() & 1 == 0 => 0.0,
            Kind::Near | Kind::Halves => dice.number(field.saturating_sub(16).min(222), 33),
            Kind::Cancels => f32::from_bits((product.to_bits() ^ 1 << 31).wrapping_add(dice.below(9)).wrapping_sub(4)),
            Kind::Ties => {
                // Places of the product that stand below the sum's last one are the top one alone, or next to that.
                let above = 1 + dice.below(24);
                let y = dice.number((field + above).min(253), 1);
                let half = f32::from_bits((field + above).saturating_sub(24).clamp(1, 253) << 23);
                if dice.word() & 1 == 0 { y } else { (y - product) + half }
            }
            Kind::Small => dice.number(0, 4),
            Kind::Large => dice.number(248, 8),
            Kind::Far => dice.number(0, 255),
        }
    }

    /// x.
    #[inline]
    pub fn input(self, dice: &mut Dice) -> f32 {
        match self {
            Kind::Any => f32::from_bits(dice.word()),
            Kind::Far => dice.number(0, 255),
            Kind::Halves => f32::from_bits(dice.number(117, 21).to_bits() | 1),
            _ => dice.number(117, 21),
        }
    }

    /// w, for an input.
    #[inline]
    pub fn weight(self, dice: &mut Dice, x: f32) -> f32 {
        let field = x.to_bits() << 1 >> 24;
        match self {
            Kind::Any => f32::from_bits(dice.word()),
            Kind::Far => dice.number(0, 255),
            Kind::Halves => {
                // What times the input's odd significand gives the wanted places below the last, of a product of 47 or 48.
                let odd = x.to_bits() & 0x007f_ffff | 0x0080_0001;
                let inverse =
                    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse))));
                let half = 1u32 << (22 + (dice.word() & 1));
                let beside = [0, 1, 2, 255, 256, 257, 65_535, 65_536][dice.below(8) as usize];
                let wanted = if dice.word() & 1 == 0 { half + beside } else { half - beside };
                let fraction = wanted.wrapping_mul(inverse) & 0x007f_ffff;
                f32::from_bits(dice.number(117, 21).to_bits() & !0x007f_ffff | fraction)
            }
            Kind::Small => dice.number(126u32.saturating_sub(field), 28),
            Kind::Large => dice.number((343 - field).min(249), 6),
            _ => dice.number(117, 21),
        }
    }
}
