//! Normals of Irwin-Hall drawn many at a time: the values of [`Stream::value`], bit for bit.
use super::Isa;
use super::draw_scalar::Series;
use super::words::{WordJob, Words};
use crate::random::{MULTIPLIERS, Normal, OFFSET, Stream, UNIT, WEYL};

/// Values to a step.
const STEP: usize = 16;

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
    let (down, across) = match along {
        Along::Row => (0, 1),
        Along::Column => (1, 0),
    };
    isa.run_words(Draw { stream, row, column, down, across, scale, out });
}

struct Draw<'a> {
    stream: &'a Stream,
    row: u32,
    column: u32,
    /// Rows and columns from one value to the next.
    down: u32,
    across: u32,
    scale: f32,
    out: &'a mut [f32],
}

impl WordJob for Draw<'_> {
    fn portable(self) {
        let (along, line, mut at) = match self.across {
            0 => (Along::Column, self.column, self.row),
            _ => (Along::Row, self.row, self.column),
        };
        let mut series = Series::new(self.stream, along, self.scale);
        series.begin(line);
        for out in self.out {
            *out = series.draw(at);
            at = at.wrapping_add(1);
        }
    }

    #[inline(always)]
    fn on<W: Words>(mut self, words: W) {
        if self.stream.normal() != Normal::IrwinHall {
            return self.portable();
        }
        for i in 0..self.out.len().div_ceil(STEP) {
            let mut values = [0.0; STEP];
            for at in 0..STEP / W::N {
                let drawn = irwin_hall(words, self.words(words));
                words.scaled(drawn, UNIT, self.scale, &mut values, at);
                self.go_on(W::N as u32);
            }
            let out = self.out.get_mut(i * STEP..).unwrap_or_default();
            for (out, value) in out.iter_mut().zip(values) {
                *out = value;
            }
        }
    }
}

impl Draw<'_> {
    fn go_on(&mut self, values: u32) {
        self.row = self.row.wrapping_add(values.wrapping_mul(self.down));
        self.column = self.column.wrapping_add(values.wrapping_mul(self.across));
    }

    /// The four words of the next N values: Philox on the even ones and on the odd ones, whose products need the room.
    #[inline(always)]
    fn words<W: Words>(&self, words: W) -> [W::Word; 4] {
        let even = self.philox(words, self.row, self.column);
        let odd = self.philox(words, self.row.wrapping_add(self.down), self.column.wrapping_add(self.across));
        let mut pairs = even;
        for (even, odd) in pairs.iter_mut().zip(odd) {
            *even = words.pairs(*even, odd);
        }
        pairs
    }

    /// [`crate::random::philox4x32_10`] of every second value, in the even words.
    #[inline(always)]
    fn philox<W: Words>(&self, words: W, row: u32, column: u32) -> [W::Word; 4] {
        let ([layer, run], [mut k0, mut k1]) = self.stream.address();
        let [m0, m1] = MULTIPLIERS.map(|m| words.words(m));
        // 0, 1, .. along the series, 0 across it.
        let steps = |step: u32| words.both(words.places(), words.words(step.wrapping_neg()));
        let mut c0 = words.plus(words.words(column), steps(self.across));
        let mut c1 = words.plus(words.words(row), steps(self.down));
        let (mut c2, mut c3) = (words.words(layer), words.words(run));
        for _ in 0..10 {
            let (p0, p1) = (words.product(c0, m0), words.product(c2, m1));
            c0 = words.either(words.either(words.high(p1), c1), words.words(k0));
            c2 = words.either(words.either(words.high(p0), c3), words.words(k1));
            (c1, c3) = (p1, p0);
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        [c0, c1, c2, c3]
    }
}

/// The odd whole number of [`Normal::IrwinHall`].
#[inline(always)]
fn irwin_hall<W: Words>(words: W, [w0, w1, w2, w3]: [W::Word; 4]) -> W::Word {
    let ten_bits = words.words(1023);
    let mut sum = words.words(0);
    for w in [w0, w1, w2, w3] {
        for part in [w, words.right::<10>(w), words.right::<20>(w)] {
            sum = words.plus(sum, words.both(part, ten_bits));
        }
    }
    let rest = words.plus(
        words.plus(words.right::<30>(w0), words.left::<2>(words.right::<30>(w1))),
        words.plus(words.left::<4>(words.right::<30>(w2)), words.left::<6>(words.right::<30>(w3))),
    );
    let whole = words.plus(words.left::<8>(sum), rest);
    words.plus(words.left::<1>(whole), words.words(OFFSET.wrapping_neg()))
}
