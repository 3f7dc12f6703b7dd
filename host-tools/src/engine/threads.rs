use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::network::Workers;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The pool of so many threads: started once, they wait for work until the program ends.
///
/// # Errors
/// Threads that cannot be started.
pub(super) fn pool(threads: usize) -> Result<Arc<rayon::ThreadPool>> {
    static POOLS: Mutex<Option<HashMap<usize, Arc<rayon::ThreadPool>>>> = Mutex::new(None);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    if let Some(pool) = pools.get(&threads) {
        return Ok(pool.clone());
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failure::failed(format!("cannot start {threads} threads: {error}")))?;
    Ok(pools.entry(threads).or_insert(Arc::new(pool)).clone())
}

/// The threads of the current pool as the core's workers.
pub struct Threads;

impl Workers for Threads {
    fn count(&self) -> usize {
        rayon::current_num_threads()
    }

    fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool {
        each(a, len, &part)
    }

    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool {
        beside((a, a_len), (b, b_len), &part)
    }
}

/// Some of the work: its number, and its chunk; whether anything is wrong there.
type Part<'a, A> = dyn Fn(usize, &mut [A]) -> bool + Sync + 'a;

/// One of it for all that the core hands out: what rayon makes of each kind of work takes a compiler minutes.
#[inline(never)]
fn each<A: Send>(a: &mut [A], len: usize, part: &Part<'_, A>) -> bool {
    // Nobody waits long for another's last part.
    let parts = a.par_chunks_mut(len.max(1)).with_max_len(1).enumerate();
    parts.map(|(i, a)| part(i, a)).reduce(|| false, |x, y| x | y)
}

/// The same with two chunks.
type Part2<'a, A, B> = dyn Fn(usize, &mut [A], &mut [B]) -> bool + Sync + 'a;

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
