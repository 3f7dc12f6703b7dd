use rayon::prelude::*;
use shatterscope::network::Workers;

/// The threads of the current pool as the core's workers.
pub struct Threads;

impl Workers for Threads {
    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool {
        let a = a.par_chunks_exact_mut(a_len.max(1)).enumerate();
        if b_len == 0 {
            a.map(|(i, a)| part(i, a, &mut [])).reduce(|| false, |x, y| x | y)
        } else {
            a.zip(b.par_chunks_exact_mut(b_len)).map(|((i, a), b)| part(i, a, b)).reduce(|| false, |x, y| x | y)
        }
    }
}
