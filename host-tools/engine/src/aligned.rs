use crate::Result;
use crate::limits::zeros;
use std::ops::{Deref, DerefMut};

/// f32 elements of a line of the cache.
const LINE: usize = 16;

/// Floats that begin where a line of the cache does: registers as wide as a line load them in one access and not in two.
#[derive(Default)]
pub struct Aligned {
    all: Vec<f32>,
    first: usize,
    len: usize,
}

impl Aligned {
    /// So many zeros.
    ///
    /// # Errors
    /// The system has no memory for them.
    pub fn zeros(len: u64) -> Result<Self> {
        let all: Vec<f32> = zeros(len.saturating_add(LINE as u64 - 1))?;
        // Where the address is not known, any place will do.
        let first = all.as_ptr().align_offset(4 * LINE).min(LINE - 1);
        Ok(Self { all, first, len: len as usize })
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[self.first..self.first + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.all[self.first..self.first + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_with_a_line() {
        for len in [0, 1, 15, 16, 1000] {
            let floats = Aligned::zeros(len).unwrap();
            assert_eq!((floats.len() as u64, floats.as_ptr().addr() % 64), (len, 0));
            assert!(floats.iter().all(|&x| x.to_bits() == 0));
        }
    }
}
