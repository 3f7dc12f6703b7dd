use super::canonical_bits;
use core::fmt;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a-64 of canonical words, with the number of bytes that went in.
///
/// Equal digests of equal size mean equal bits, but for accidents of one in 2^64; it is no defence against intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Digest {
    /// The hash.
    pub hash: u64,
    /// Bytes hashed.
    pub bytes: u64,
}

impl Digest {
    /// The digest of nothing.
    pub const fn new() -> Self {
        Self { hash: OFFSET, bytes: 0 }
    }

    /// The digest of a series, element by element.
    pub fn of(series: &[f32]) -> Self {
        let mut digest = Self::new();
        for &x in series {
            digest.push(x);
        }
        digest
    }

    /// The digest of words, as they are: of values that may be bytes. Numbers have the digest of [`Digest::of`].
    pub fn of_bits(words: &[f32]) -> Self {
        let mut digest = Self::new();
        words.iter().for_each(|word| digest.push_bits(*word));
        digest
    }

    /// The digest of a record: of the digests of its runs, in run order.
    pub fn of_runs(runs: impl IntoIterator<Item = Digest>) -> Self {
        let mut digest = Self::new();
        for run in runs {
            digest.push_hash(run.hash);
        }
        digest
    }

    /// Adds one value: its canonical bits, little-endian.
    pub fn push(&mut self, x: f32) {
        self.push_bytes(&canonical_bits(x).to_le_bytes());
    }

    /// Adds a word as it is, little-endian.
    pub fn push_bits(&mut self, word: f32) {
        self.push_bytes(&word.to_bits().to_le_bytes());
    }

    /// Adds the hash of another digest, little-endian.
    pub fn push_hash(&mut self, hash: u64) {
        self.push_bytes(&hash.to_le_bytes());
    }

    /// Adds bytes as they are.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ byte as u64).wrapping_mul(PRIME);
            self.bytes = self.bytes.wrapping_add(1);
        }
    }

    /// `fnv1a64:` 16 hexadecimal digits `:` bytes, made without `core::fmt` (which costs a small core kilobytes).
    pub fn text(&self) -> heapless::String<48> {
        let mut text = heapless::String::new();
        // 8 + 16 + 1 + at most 20 characters: the capacity holds every digest.
        let _ = text.push_str("fnv1a64:");
        for shift in (0..16).rev() {
            let nibble = (self.hash >> (4 * shift)) as u8 & 15;
            let _ = text.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 } as char);
        }
        let _ = text.push(':');
        let mut divisor = 10_000_000_000_000_000_000u64;
        while divisor > 1 && self.bytes < divisor {
            divisor /= 10;
        }
        let mut rest = self.bytes;
        while divisor > 0 {
            let _ = text.push(b'0'.saturating_add((rest / divisor) as u8) as char);
            rest %= divisor;
            divisor /= 10;
        }
        text
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
