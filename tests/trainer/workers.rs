//! Workers of one type, so that the trainer is compiled once for all of them.
use shatterscope::workers::{Serial, Workers};

/// In which order the parts of the work are done.
#[derive(Debug)]
pub enum Order {
    /// As the core does them by itself.
    InTurn,
    /// From the last to the first.
    Reverse,
    /// On two threads in turn.
    Threads,
}

/// A part of the work, of one type whatever it works on.
type Job<'a> = Box<dyn FnOnce() -> bool + Send + 'a>;
type One<'a, A> = &'a (dyn Fn(usize, &mut [A]) -> bool + Sync);
type Two<'a, A, B> = &'a (dyn Fn(usize, &mut [A], &mut [B]) -> bool + Sync);

impl Workers for Order {
    fn count(&self) -> usize {
        match self {
            Order::InTurn => Serial.count(),
            Order::Reverse => 3,
            Order::Threads => 2,
        }
    }

    fn any<A: Send>(&self, a: &mut [A], len: usize, part: impl Fn(usize, &mut [A]) -> bool + Sync) -> bool {
        let part: One<'_, A> = &part;
        if let Order::InTurn = self { Serial.any(a, len, part) } else { self.all(parts(a, len, part)) }
    }

    fn any2<A: Send, B: Send>(
        &self,
        a: &mut [A],
        a_len: usize,
        b: &mut [B],
        b_len: usize,
        part: impl Fn(usize, &mut [A], &mut [B]) -> bool + Sync,
    ) -> bool {
        let part: Two<'_, A, B> = &part;
        if let Order::InTurn = self {
            Serial.any2(a, a_len, b, b_len, part)
        } else {
            self.all(parts2(a, a_len, b, b_len, part))
        }
    }
}

impl Order {
    fn all(&self, mut jobs: Vec<Job<'_>>) -> bool {
        // Each is done, whatever those before it said.
        let all = |jobs: Vec<Job<'_>>| {
            let mut any = false;
            for job in jobs {
                any |= job();
            }
            any
        };
        if let Order::Reverse = self {
            jobs.reverse();
            return all(jobs);
        }
        let (mut even, mut odd) = (Vec::new(), Vec::new());
        for (i, job) in jobs.into_iter().enumerate() {
            if i % 2 == 0 { even.push(job) } else { odd.push(job) }
        }
        std::thread::scope(|scope| {
            let other = scope.spawn(|| all(odd));
            let here = all(even);
            other.join().unwrap() || here
        })
    }
}

fn parts<'a, A: Send>(a: &'a mut [A], len: usize, part: One<'a, A>) -> Vec<Job<'a>> {
    a.chunks_mut(len.max(1)).enumerate().map(|(i, a)| Box::new(move || part(i, a)) as Job).collect()
}

fn parts2<'a, A: Send, B: Send>(
    a: &'a mut [A],
    a_len: usize,
    b: &'a mut [B],
    b_len: usize,
    part: Two<'a, A, B>,
) -> Vec<Job<'a>> {
    let mut rest = b;
    let mut all: Vec<Job> = Vec::new();
    for (i, a) in a.chunks_exact_mut(a_len.max(1)).enumerate() {
        let Some((b, after)) = std::mem::take(&mut rest).split_at_mut_checked(b_len) else { break };
        rest = after;
        all.push(Box::new(move || part(i, a, b)));
    }
    all
}
