use crate::{Failure, Result};
use rayon::prelude::*;
use shatterscope::network::Workers;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Threads that are started once and wait for work until the program ends.
pub struct Pool {
    threads: rayon::ThreadPool,
    /// Whether they keep themselves awake for somebody's work.
    awake: AtomicBool,
}

impl Pool {
    /// # Errors
    /// Threads that cannot be started.
    pub fn new(threads: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let threads = pool.map_err(|error| Failure::failed(format!("cannot start {threads} threads: {error}")))?;
        Ok(Self { threads, awake: AtomicBool::new(false) })
    }

    /// Runs `work` on one of the threads, while the others look for parts of it and do not fall asleep between two of them: a network
    /// makes a new set of parts every few microseconds, and a thread that sleeps wakes too late for most.
    pub fn install<Y: Send>(&self, work: impl FnOnce() -> Y + Send) -> Y {
        self.threads.scope(|scope| {
            // Two works at once that want all other threads awake would wait for each other.
            if self.awake.swap(true, Ordering::Acquire) {
                return work();
            }
            let _asleep = Asleep(&self.awake);
            let here = rayon::current_thread_index();
            scope.spawn_broadcast(move |_, thread| {
                if Some(thread.index()) != here {
                    self.look_for_parts();
                }
            });
            work()
        })
    }

    /// The longer there was none, the less often.
    fn look_for_parts(&self) {
        let mut idle = 0u32;
        while self.awake.load(Ordering::Acquire) {
            idle = match rayon::yield_now() {
                Some(rayon::Yield::Executed) => 0,
                _ => idle.saturating_add(1),
            };
            match idle {
                0..2_000 => std::hint::spin_loop(),
                2_000..20_000 => std::thread::yield_now(),
                _ => std::thread::sleep(Duration::from_micros(500)),
            }
        }
    }
}

/// Lets them fall asleep when the work ends, in whatever way.
struct Asleep<'a>(&'a AtomicBool);

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The pool of so many threads.
///
/// # Errors
/// Threads that cannot be started.
pub(super) fn pool(threads: usize) -> Result<Arc<Pool>> {
    static POOLS: Mutex<Option<HashMap<usize, Arc<Pool>>>> = Mutex::new(None);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    if let Some(pool) = pools.get(&threads) {
        return Ok(pool.clone());
    }
    Ok(pools.entry(threads).or_insert(Arc::new(Pool::new(threads)?)).clone())
}

/// The threads of the current pool as the core's workers.
pub struct Threads;

impl Workers for Threads {
    fn count(&self) -> usize {
        rayon::current_num_threads()
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

/// Some of the work: its number, and its chunks; whether anything is wrong there.
type Part<'a, A, B> = dyn Fn(usize, &mut [A], &mut [B]) -> bool + Sync + 'a;

/// One of it for all that the core hands out: what rayon makes of each kind of work takes a compiler minutes.
#[inline(never)]
fn beside<A: Send, B: Send>(
    (a, a_len): (&mut [A], usize),
    (b, b_len): (&mut [B], usize),
    part: &Part<'_, A, B>,
) -> bool {
    // Nobody waits long for another's last part.
    let a = a.par_chunks_mut(a_len.max(1)).with_max_len(1).enumerate();
    if b_len == 0 {
        a.map(|(i, a)| part(i, a, &mut [])).reduce(|| false, |x, y| x | y)
    } else {
        a.zip(b.par_chunks_mut(b_len)).map(|((i, a), b)| part(i, a, b)).reduce(|| false, |x, y| x | y)
    }
}
