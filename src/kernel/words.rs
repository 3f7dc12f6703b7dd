/// A register of N words of 32 bits, seen as pairs of an even and an odd one where products need the room.
///
/// A value of such a type is the proof that this processor has the instructions, as for [`Lanes`](super::lanes::Lanes).
pub(super) trait Words: Copy {
    /// Words, at most sixteen.
    const N: usize;
    /// A register.
    type Word: Copy;

    /// The same word everywhere.
    fn words(self, x: u32) -> Self::Word;
    /// 0, 1, ..
    fn positions(self) -> Self::Word;
    /// x + y, modulo 2^32.
    fn plus(self, x: Self::Word, y: Self::Word) -> Self::Word;
    /// x and y.
    fn both(self, x: Self::Word, y: Self::Word) -> Self::Word;
    /// x xor y.
    fn either(self, x: Self::Word, y: Self::Word) -> Self::Word;
    /// x 2^BY, modulo 2^32.
    fn left<const BY: i32>(self, x: Self::Word) -> Self::Word;
    /// The whole part of x / 2^BY.
    fn right<const BY: i32>(self, x: Self::Word) -> Self::Word;
    /// The product of the even words, its low half in the even and its high half in the odd word of each pair.
    fn product(self, x: Self::Word, y: Self::Word) -> Self::Word;
    /// Odd words to the even places; zero in the odd ones.
    fn high(self, x: Self::Word) -> Self::Word;
    /// The even words of x, and those of y behind each.
    fn pairs(self, x: Self::Word, y: Self::Word) -> Self::Word;
    /// `(x * unit) * scale` of signed words, each step rounded, to the first N places.
    fn scaled(self, x: Self::Word, unit: f32, scale: f32, to: &mut [f32]);
}

/// The numbers of the places of the widest register.
#[cfg(lanes)]
pub(super) static PLACES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Work on words that is compiled once for every instruction set.
pub(super) trait WordJob {
    /// In safe Rust, for what the compiler's target has.
    fn portable(self);
    /// On registers. Always inlined, so that all of it is compiled for the instructions.
    fn on<W: Words>(self, words: W);
}
