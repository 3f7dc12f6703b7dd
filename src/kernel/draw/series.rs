//! Normals of a stream drawn one after the other, on cores without registers of words: what does not change along a row or a
//! column is computed once, and the sum and its scaling are a few operations on whole words.
#[cfg(thumb)]
use super::thumb::Drawn;
use super::{Along, Scale};
use crate::random::{MULTIPLIERS, Normal, OFFSET, Stream, WEYL};

/// The values of a stream along one row or column after the other, times a scale.
pub(crate) struct Series<'a> {
    stream: &'a Stream,
    along: Along,
    flip: u32,
    rounds: Rounds,
    scale: Scale,
    normal: Normal,
}

/// Philox where one word of the counter changes.
///
/// Along a row that is the column: of the first two rounds one product each is left, and along a column the same is true a round
/// later. The counter is then
/// ```text
/// [high q ^ b, low q, low p ^ c, d]    p = M0 x,    q = M1 (high p ^ a)
/// ```
/// where x is the column, or the row under a mask, and eight rounds are to come along a row, seven along a column.
#[repr(C)]
pub(super) struct Rounds {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    /// 1 for seven rounds.
    less: u32,
    /// The keys of the last eight rounds.
    keys: [[u32; 2]; 8],
}

impl<'a> Series<'a> {
    /// None begun.
    #[inline(always)]
    pub fn new(stream: &'a Stream, along: Along, scale: f32) -> Self {
        let less = (along == Along::Column) as u32;
        let rounds = Rounds { a: 0, b: 0, c: 0, d: 0, less, keys: [[0; 2]; 8] };
        Self { stream, along, flip: 0, rounds, scale: Scale::new(scale), normal: stream.normal() }
    }

    /// Begins one: along this row, or this column.
    // Not inlined: what it needs of the stack, what goes on from here does not.
    #[inline(never)]
    pub fn begin(&mut self, line: u32) {
        let ([layer, run], first) = self.stream.address();
        // What a round makes of the parts of the counter that do not change, zero standing for the one that does.
        let (mut key, mut counter) = (first, [0, line, layer, run]);
        self.flip = 0;
        if self.along == Along::Column {
            [self.flip, counter[1], counter[2], counter[3]] = round([line, 0, layer, run], key);
            key = next_key(key);
        }
        let [c0, c1, a, _] = round(counter, key);
        let [b, _, c, d] = round([c0, c1, 0, 0], next_key(key));
        (self.rounds.a, self.rounds.b, self.rounds.c, self.rounds.d) = (a, b, c, d);
        let mut key = next_key(first);
        for to in &mut self.rounds.keys {
            key = next_key(key);
            *to = key;
        }
    }

    /// The value of this column of the row, or this row of the column.
    #[inline(always)]
    pub fn draw(&self, at: u32) -> f32 {
        let drawn = Drawn::of(&self.rounds, at ^ self.flip);
        match self.normal {
            Normal::IrwinHall => self.scale.times(drawn.whole()),
            normal => normal.value([drawn.word(), 0, 0, 0], self.stream.math()) * self.scale.scale(),
        }
    }
}

/// What a value is made of, for its x: the four words.
#[cfg(not(thumb))]
struct Drawn([u32; 4]);

#[cfg(not(thumb))]
impl Drawn {
    #[inline(always)]
    fn of(rounds: &Rounds, x: u32) -> Self {
        let (p_high, p_low) = product(MULTIPLIERS[0], x);
        let (q_high, q_low) = product(MULTIPLIERS[1], p_high ^ rounds.a);
        let mut counter = [q_high ^ rounds.b, q_low, p_low ^ rounds.c, rounds.d];
        let [k0, k1, k2, k3, k4, k5, k6, k7] = rounds.keys;
        if rounds.less == 0 {
            counter = round(counter, k0);
        }
        counter = round(round(round(counter, k1), k2), k3);
        Self(round(round(round(round(counter, k4), k5), k6), k7))
    }

    #[inline(always)]
    fn whole(&self) -> i32 {
        irwin_hall(self.0)
    }

    #[inline(always)]
    fn word(&self) -> u32 {
        self.0[0]
    }
}

fn next_key([k0, k1]: [u32; 2]) -> [u32; 2] {
    [k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1])]
}

/// A round of [`crate::random::philox4x32_10`].
#[inline(always)]
fn round([c0, c1, c2, c3]: [u32; 4], [k0, k1]: [u32; 2]) -> [u32; 4] {
    let (p_high, p_low) = product(MULTIPLIERS[0], c0);
    let (q_high, q_low) = product(MULTIPLIERS[1], c2);
    [q_high ^ c1 ^ k0, q_low, p_high ^ c3 ^ k1, p_low]
}

/// The high and the low half of m x.
#[inline(always)]
fn product(m: u32, x: u32) -> (u32, u32) {
    let product = m as u64 * x as u64;
    ((product >> 32) as u32, product as u32)
}

/// The first and the last ten of the lower thirty bits.
pub(super) const OUTER: u32 = 1023 << 20 | 1023;

/// The odd whole number of [`Normal::IrwinHall`]: fields of ten bits are added where they stand, with room for carries.
#[inline(always)]
#[cfg_attr(thumb, allow(dead_code))]
fn irwin_hall([w0, w1, w2, w3]: [u32; 4]) -> i32 {
    const TOP: u32 = 3 << 30;
    // Four times 1023 is below 2^12: the upper sum just fits above the lower one, and the inner ones between them.
    let outer = (w0 & OUTER).wrapping_add(w1 & OUTER).wrapping_add(w2 & OUTER).wrapping_add(w3 & OUTER);
    let inner = w0.wrapping_add(w1).wrapping_add(w2).wrapping_add(w3).wrapping_sub(outer) >> 10 & 0xfff;
    let rest = (((w0 >> 2 | w1 & TOP) >> 2 | w2 & TOP) >> 2 | w3 & TOP) >> 24;
    let whole = 256 * (inner + (outer & 0xfff) + (outer >> 20)) + rest;
    2 * whole as i32 - OFFSET as i32
}
