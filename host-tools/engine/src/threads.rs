use crate::float_mode;
use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::self_test::float_mode_is_default;
use shatterscope::workers::{Serial, Workers};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// The pool of so many threads: started once, they wait for work until the program ends.
///
/// # Errors
/// Threads that cannot be started; a calling thread, or threads started by it, that round or flush otherwise than the contract asks.
pub fn pool(threads: usize) -> Result<Arc<rayon::ThreadPool>> {
    static POOLS: Mutex<Option<HashMap<usize, Arc<rayon::ThreadPool>>>> = Mutex::new(None);
    float_mode::check()?;
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    if let Some(pool) = pools.get(&threads) {
        return Ok(pool.clone());
    }
    // New threads take over the mode of the one that starts them. They report it by a channel, not by rayon's broadcast: a caller
    // that is a thread of another pool would take up other work while it waits, which may come here and wait for this very lock.
    let (report, reports) = mpsc::channel();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .start_handler(move |_| drop(report.send(float_mode::check())))
        .build()
        .map_err(|error| Failure::failed(format!("cannot start {threads} threads: {error}")))?;
    // A pool that fails is not kept.
    reports.iter().take(pool.current_num_threads()).collect::<Result<()>>()?;
    Ok(pools.entry(threads).or_insert(Arc::new(pool)).clone())
}

/// The threads of the current pool, or the calling one alone, as the core's workers: one type, so that the core's code is compiled once for
/// both. Each part begins with a look at its thread's floating-point mode.
#[derive(Debug, Default)]
pub struct Threads {
    alone: bool,
    wrong_mode: AtomicBool,
}

impl Threads {
    /// Workers for one operation or more, to be asked afterwards whether all of them could be trusted.
    pub const fn new() -> Self {
        Self { alone: false, wrong_mode: AtomicBool::new(false) }
    }

    /// The calling thread, for work of which other threads do the like.
    pub const fn alone() -> Self {
        Self { alone: true, ..Self::new() }
    }

    /// Whether the calling thread and every thread that took a part so far round and flush as the contract asks.
    ///
    /// # Errors
    /// A thread that does not: what was computed is not to be used.
    pub fn check(&self) -> Result<()> {
        if self.wrong_mode.load(Ordering::Relaxed) { Err(float_mode::failure()) } else { float_mode::check() }
    }

    fn look(&self) {
        if !float_mode_is_default() {
            self.wrong_mode.store(true, Ordering::Relaxed);
        }
    }
}

impl Workers for Threads {
    fn count(&self) -> usize {
        if self.alone { 1 } else { rayon::current_num_threads() }
    }

    fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool {
        let part: &Part<'_, A> = &part;
        if self.alone {
            return Serial.any(a, len, part);
        }
        each(a, len, &|i, a| {
            self.look();
            part(i, a)
        })
    }

    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool {
        let part: &Part2<'_, A, B> = &part;
        if self.alone {
            return Serial.any2(a, a_len, b, b_len, part);
        }
        beside((a, a_len), (b, b_len), &|i, a, b| {
            self.look();
            part(i, a, b)
        })
    }
}

/// Some of the work: its number, and its chunk; whether anything is wrong there.
type Part<'a, A> = dyn Fn(usize, &mut [A]) -> bool + Sync + 'a;

/// One of it for all that the core hands out: what rayon makes of each kind of work takes a compiler minutes.
#[expect(clippy::disallowed_methods, reason = "an or of booleans is the same in every order")]
#[inline(never)]
fn each<A: Send>(a: &mut [A], len: usize, part: &Part<'_, A>) -> bool {
    // Nobody waits long for another's last part.
    let parts = a.par_chunks_mut(len.max(1)).with_max_len(1).enumerate();
    parts.map(|(i, a)| part(i, a)).reduce(|| false, |x, y| x | y)
}

/// The same with two chunks.
type Part2<'a, A, B> = dyn Fn(usize, &mut [A], &mut [B]) -> bool + Sync + 'a;

#[expect(clippy::disallowed_methods, reason = "an or of booleans is the same in every order")]
#[inline(never)]
fn beside<A: Send, B: Send>(
    (a, a_len): (&mut [A], usize),
    (b, b_len): (&mut [B], usize),
    part: &Part2<'_, A, B>,
) -> bool {
    let a = a.par_chunks_exact_mut(a_len.max(1)).with_max_len(1).enumerate();
    if b_len == 0 {
        a.map(|(i, a)| part(i, a, &mut [])).reduce(|| false, |x, y| x | y)
    } else {
        a.zip(b.par_chunks_exact_mut(b_len)).map(|((i, a), b)| part(i, a, b)).reduce(|| false, |x, y| x | y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_started_from_threads_of_another_pool() {
        // Sizes that nothing else asks for: each is started here, some of them at the same time.
        let sizes = |i: u32| 31 + i as usize % 8;
        let started = pool(2)
            .unwrap()
            .install(|| (0..64u32).into_par_iter().with_max_len(1).map(|i| pool(sizes(i))).collect::<Result<Vec<_>>>());
        let started = started.unwrap();
        assert!(started.iter().zip(0..).all(|(pool, i)| pool.current_num_threads() == sizes(i)));
    }
}
