//! The interface to a thread pool.

/// Runs independent parts in parallel: tiles of points, or units of a norm. A host implements it with its threads.
///
/// The parts share nothing and no sum crosses them, so the bits do not depend on who does them.
///
/// ```
/// use shatterscope::workers::{Serial, Workers};
///
/// /// Two threads for the tiles of an operation.
/// struct Pair;
///
/// impl Workers for Pair {
///     fn count(&self) -> usize {
///         2
///     }
///
///     fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool {
///         let half = a.len() / len / 2;
///         let (first, second) = a.split_at_mut(half * len);
///         std::thread::scope(|scope| {
///             let first = scope.spawn(|| Serial.any(first, len, &part));
///             let second = Serial.any(second, len, |i, a| part(half + i, a));
///             first.join().unwrap() | second
///         })
///     }
///
///     fn any2<A: Send, B: Send>(
///         &self,
///         a: &mut [A],
///         a_len: usize,
///         b: &mut [B],
///         b_len: usize,
///         part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
///     ) -> bool {
///         Serial.any2(a, a_len, b, b_len, part)
///     }
/// }
///
/// let mut values = [1, 2, 3, 4, 5];
/// assert!(Pair.any(&mut values, 1, |i, x| { x[0] *= 10; i == 4 }));
/// assert_eq!(values, [10, 20, 30, 40, 50]);
/// ```
pub trait Workers: Sync {
    /// How many parts may be done at the same time: what has no parts of its own is cut into no fewer.
    fn count(&self) -> usize {
        1
    }

    /// Calls `part(index, chunk)` for every chunk of `len` elements, of which the last may be shorter, in any order; whether any call
    /// said true.
    fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool;

    /// The same for whole chunks of each of two slices, as many as both have; a slice with `b_len` 0 gives empty chunks.
    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool;
}

/// Runs all parts on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Serial;

impl Workers for Serial {
    fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool {
        let mut any = false;
        for (i, a) in a.chunks_mut(len.max(1)).enumerate() {
            any |= part(i, a);
        }
        any
    }

    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool {
        let (mut any, mut rest) = (false, b);
        for (i, a) in a.chunks_exact_mut(a_len.max(1)).enumerate() {
            let Some((b, after)) = core::mem::take(&mut rest).split_at_mut_checked(b_len) else { break };
            any |= part(i, a, b);
            rest = after;
        }
        any
    }
}
