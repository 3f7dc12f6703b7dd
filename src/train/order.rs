use super::MAX_EXAMPLES;
use crate::error::{Error, InvalidConfig};
use crate::random::{Normal, Purpose, Stream};
use core::num::NonZeroU32;

/// The step of a shuffle at position i: a number of 0..=i, uniformly distributed, at the address (seed, epoch, i).
///
/// The words of the blocks at column i, row epoch, layers 0, 1, .. are tried in turn: the high word of `w * (i + 1)`,
/// unless the low word is below `2^32 mod (i + 1)`.
///
/// # References
/// Lemire, "Fast random integer generation in an interval", ACM Transactions on Modeling and Computer Simulation 29,
/// 2019.
pub fn partner(seed: u64, epoch: u32, i: u32) -> u32 {
    let mut layer = 0;
    loop {
        let words = Stream::new(seed, 0, Purpose::Shuffle, layer, Normal::IrwinHall).words(epoch, i);
        // 2^32 of them: every word is one.
        let Some(count) = NonZeroU32::new(i.wrapping_add(1)) else { return words[0] };
        let uneven = count.get().wrapping_neg() % count;
        for word in words {
            let product = word as u64 * count.get() as u64;
            if product as u32 >= uneven {
                return (product >> 32) as u32;
            }
        }
        // A block is thrown away once in 2^32 where there are 2^24 examples.
        layer = (layer + 1) & 0x00ff_ffff;
    }
}

/// The order of the examples of an epoch, all permutations equally likely: a function of seed, epoch and their number.
///
/// For i ascending: `j = partner(seed, epoch, i)`, `order[i] <- order[j]`, `order[j] <- i`.
///
/// # Shapes
/// `order` `[examples]`, overwritten.
///
/// # Errors
/// [`Error::InvalidConfig`] for none or more than 2^24 examples.
///
/// # References
/// Fisher and Yates; from the inside out in Knuth, "The art of computer programming", volume 2, section 3.4.2.
pub fn shuffle(seed: u64, epoch: u32, order: &mut [u32]) -> Result<(), Error> {
    let examples = match u32::try_from(order.len()) {
        Ok(examples) if examples > 0 && examples <= MAX_EXAMPLES => examples,
        _ => return Err(Error::InvalidConfig(InvalidConfig::Batch)),
    };
    for i in 0..examples {
        let j = partner(seed, epoch, i);
        let moved = invariant!(order.get(j as usize).copied());
        for (at, value) in [(i, moved), (j, i)] {
            if let Some(place) = order.get_mut(at as usize) {
                *place = value;
            }
        }
    }
    Ok(())
}
