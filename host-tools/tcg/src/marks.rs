//! What a region took from mark to mark, added up by the marks' numbers.
use std::collections::BTreeMap;
use std::fmt::Write;

type Counts = [u64; 4];

/// The marks of a region.
pub struct Marks {
    /// Counts at the last mark, or at the beginning.
    last: Counts,
    /// Counts where the mark at hand began.
    began: Counts,
    number: u64,
    bits: u32,
    /// How often, and what was counted in all.
    sums: BTreeMap<u64, (u64, Counts)>,
}

impl Marks {
    pub const fn new() -> Self {
        Self::at([0; 4])
    }

    /// No marks since these counts.
    pub const fn at(counts: Counts) -> Self {
        Self { last: counts, began: counts, number: 0, bits: 0, sums: BTreeMap::new() }
    }

    pub fn begin(&mut self, counts: Counts) {
        (self.began, self.number, self.bits) = (counts, 0, 0);
    }

    /// The next bit of the number.
    pub fn bit(&mut self, bit: u64) {
        self.number |= bit.checked_shl(self.bits).unwrap_or(0);
        self.bits += 1;
    }

    /// What the mark itself took.
    pub fn end(&mut self, counts: Counts) -> Counts {
        let (times, sums) = self.sums.entry(self.number).or_default();
        *times += 1;
        let mut skipped = counts;
        for i in 0..counts.len() {
            sums[i] += self.began[i] - self.last[i];
            skipped[i] -= self.began[i];
        }
        self.last = counts;
        skipped
    }

    /// A line a number.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for (number, (times, [instructions, loads, stores, cycles])) in &self.sums {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "mark {number} {times} {instructions} {loads} {stores} {cycles}");
        }
        text
    }
}
