//! Normals of Irwin-Hall drawn many at a time: the values of [`Stream::value`], bit for bit.
mod scale;
mod series;
#[cfg(thumb)]
mod thumb;

pub use scale::Scale;
pub(crate) use series::Series;

use super::Isa;
use super::words::{WordJob, Words};
use crate::random::{MULTIPLIERS, Normal, OFFSET, Stream, UNIT, WEYL};

/// Values to a step: two of the widest registers.
const STEP: usize = 32;

/// What a series of values runs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// One row: the columns ascend.
    Row,
    /// One column: the rows ascend.
    Column,
}

/// `out[i] = stream.value(row, column + i) * scale` along a row, `stream.value(row + i, column) * scale` along a column.
///
/// # Numerics
/// Equal to [`Stream::value`] for every instruction set. As241 is drawn one by one.
pub fn draw(isa: Isa, stream: &Stream, (row, column): (u32, u32), along: Along, scale: f32, out: &mut [f32]) {
    isa.run_words(Draw { stream, row, column, along, scale, out });
}

struct Draw<'a> {
    stream: &'a Stream,
    row: u32,
    column: u32,
    along: Along,
    scale: f32,
    out: &'a mut [f32],
}

impl WordJob for Draw<'_> {
    fn portable(self) {
        let (line, mut at) = match self.along {
            Along::Row => (self.row, self.column),
            Along::Column => (self.column, self.row),
        };
        let mut series = Series::new(self.stream, self.along, self.scale);
        series.begin(line);
        for out in self.out {
            *out = series.draw(at);
            at = at.wrapping_add(1);
        }
    }

    #[inline(always)]
    fn on<W: Words>(self, words: W) {
        if self.stream.normal() != Normal::IrwinHall {
            return self.portable();
        }
        // Once each: what does not change along a row, or down a column, is then worked out before the loop. Where there are
        // registers for it, two of them are made beside each other, so that one does not wait for the other's products.
        match (self.along == Along::Row, W::N >= 16) {
            (true, true) => self.steps::<W, true, 4>(words),
            (false, true) => self.steps::<W, false, 4>(words),
            (true, false) => self.steps::<W, true, 2>(words),
            (false, false) => self.steps::<W, false, 2>(words),
        }
    }
}

impl Draw<'_> {
    /// All values, along a row or down a column, in B / 2 registers at a time.
    #[inline(always)]
    fn steps<W: Words, const ROW: bool, const B: usize>(mut self, words: W) {
        let (whole, rest) = core::mem::take(&mut self.out).as_chunks_mut::<STEP>();
        for values in whole {
            self.step::<W, ROW, B>(words, values);
        }
        if !rest.is_empty() {
            let mut values = [0.0; STEP];
            self.step::<W, ROW, B>(words, &mut values);
            rest.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
    }

    #[inline(always)]
    fn step<W: Words, const ROW: bool, const B: usize>(&mut self, words: W, values: &mut [f32; STEP]) {
        let mut at = 0;
        while at < STEP {
            let blocks = self.philox::<W, ROW, B>(words);
            for pair in blocks.as_chunks::<2>().0 {
                let [even, odd] = pair;
                let drawn = irwin_hall(words, core::array::from_fn(|i| words.pairs(even[i], odd[i])));
                if let Some(values) = values.get_mut(at..) {
                    words.scaled(drawn, UNIT, self.scale, values);
                }
                at += W::N;
            }
        }
    }

    /// [`crate::random::philox4x32_10`] of the next `N B / 2` values in even words, whose products need the room: block 0 has
    /// values 0, 2, .., block 1 has 1, 3, .. of the first register, blocks 2 and 3 those of the next.
    #[inline(always)]
    fn philox<W: Words, const ROW: bool, const B: usize>(&mut self, words: W) -> [[W::Word; 4]; B] {
        let ([layer, run], [k0, k1]) = self.stream.address();
        let (row, column) = (words.words(self.row), words.words(self.column));
        let mut c = [[column, row, words.words(layer), words.words(run)]; B];
        for (b, [c0, c1, ..]) in c.iter_mut().enumerate() {
            let along = if ROW { c0 } else { c1 };
            let first = (b / 2 * W::N + b % 2) as u32;
            *along = words.plus(*along, words.plus(words.positions(), words.words(first)));
        }
        // Written out: the compiler would keep a loop of so many, and move registers about in it.
        let mut key = [words.words(k0), words.words(k1)];
        for _ in 0..2 {
            round(words, &mut c, &mut key);
            round(words, &mut c, &mut key);
            round(words, &mut c, &mut key);
            round(words, &mut c, &mut key);
            round(words, &mut c, &mut key);
        }
        let done = (W::N * B / 2) as u32;
        if ROW {
            self.column = self.column.wrapping_add(done);
        } else {
            self.row = self.row.wrapping_add(done);
        }
        c
    }
}

/// One round of all blocks.
#[inline(always)]
fn round<W: Words, const B: usize>(words: W, c: &mut [[W::Word; 4]; B], [k0, k1]: &mut [W::Word; 2]) {
    let [m0, m1] = MULTIPLIERS;
    for c in c {
        let [c0, c1, c2, c3] = *c;
        let (p0, p1) = (words.product(c0, words.words(m0)), words.product(c2, words.words(m1)));
        let left = words.either(words.either(words.high(p1), c1), *k0);
        let right = words.either(words.either(words.high(p0), c3), *k1);
        *c = [left, p1, right, p0];
    }
    *k0 = words.plus(*k0, words.words(WEYL[0]));
    *k1 = words.plus(*k1, words.words(WEYL[1]));
}

/// The odd whole number of [`Normal::IrwinHall`]. Ten-bit parts that do not reach each other are added in one word.
#[inline(always)]
fn irwin_hall<W: Words>(words: W, [w0, w1, w2, w3]: [W::Word; 4]) -> W::Word {
    let sum = |mask: u32| {
        let of = |w| words.both(w, words.words(mask));
        words.plus(words.plus(of(w0), of(w1)), words.plus(of(w2), of(w3)))
    };
    // Four numbers of ten bits have twelve: the outer parts of a word have room beside each other.
    let (outer, inner) = (sum(1023 | 1023 << 20), sum(1023 << 10));
    let sum = words
        .plus(words.plus(words.both(outer, words.words(4095)), words.right::<20>(outer)), words.right::<10>(inner));
    let top = |w| words.both(w, words.words(3 << 30));
    let rest = words.plus(
        words.plus(words.right::<30>(w0), words.right::<28>(top(w1))),
        words.plus(words.right::<26>(top(w2)), words.right::<24>(top(w3))),
    );
    let whole = words.plus(words.left::<8>(sum), rest);
    words.plus(words.left::<1>(whole), words.words(OFFSET.wrapping_neg()))
}
