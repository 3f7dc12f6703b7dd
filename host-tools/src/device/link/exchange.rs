//! One request, however often it is sent, and its answer: how long that may take, and what came instead.
use super::{Link, LinkError, Mended, Unanswered};
use std::time::{Duration, Instant};

/// What a byte adds to the time of an exchange: lines of 9600 baud and more are fast enough.
const BYTE: Duration = Duration::from_millis(1);

/// The time that an exchange may take. It ends a limit after its request was first sent, and is prolonged only by what an honest device
/// alone can bring: progress towards a total that the host knows, and elements that were asked for and are new.
pub(super) struct Exchange {
    limit: Duration,
    end: Instant,
    /// End of the attempt at hand: then the request is sent again.
    pause: Instant,
    attempt: u32,
    before: (Traffic, Mended),
}

/// What came over a line so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Frames that could be read.
    pub frames: u64,
    /// Reports of progress that did not advance.
    pub stalled: u64,
    /// Messages that only a host sends, and elements that had come before.
    pub useless: u64,
}

impl Exchange {
    /// Begins with the time in which the request, of so many bytes, must have been taken by the line.
    pub fn new(link: &Link, bytes: usize) -> Self {
        let now = Instant::now();
        let end = now + link.limit + BYTE * bytes as u32;
        Self { limit: link.limit, end, pause: end, attempt: 0, before: (link.traffic, link.mended) }
    }

    /// The request has been sent for the time `attempt`: of the first, the exchange begins here. The answer to an earlier request may
    /// still be on its way, so the last attempt has all the time that is left.
    pub fn sent(&mut self, attempt: u32, attempts: u32) {
        let now = Instant::now();
        if attempt == 0 {
            self.end = now + self.limit;
        }
        self.attempt = attempt;
        self.pause = if attempt + 1 == attempts { self.end } else { self.end.min(now + self.quiet()) };
    }

    /// The silence after which a request is sent again.
    fn quiet(&self) -> Duration {
        if self.attempt == 0 { self.limit / 2 } else { self.limit / 4 }
    }

    /// Ends the attempt at hand after so long at most.
    pub fn hurry(&mut self, patience: Duration) {
        self.pause = self.pause.min(Instant::now() + patience);
    }

    /// The device has advanced: it has the whole limit again.
    pub fn advanced(&mut self) {
        let now = Instant::now();
        self.end = self.end.max(now + self.limit);
        self.pause = self.end.min(self.pause.max(now + self.quiet()));
    }

    /// So many bytes of elements have come that had not come before.
    pub fn carried(&mut self, bytes: usize) {
        self.end += BYTE * bytes as u32;
        self.pause = self.end.min(self.pause.max(Instant::now() + self.quiet()));
    }

    /// When the attempt at hand ends.
    pub fn pause(&self) -> Instant {
        self.pause
    }

    /// When all of it ends.
    pub fn end(&self) -> Instant {
        self.end
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Why there is no answer.
    pub fn unanswered(&self, link: &Link) -> LinkError {
        let (traffic, mended) = self.before;
        let bytes = link.traffic.bytes - traffic.bytes;
        if bytes == 0 {
            return LinkError::Silent(self.limit);
        }
        LinkError::GaveUp(Box::new(Unanswered {
            limit: self.limit,
            requests: self.attempt + 1,
            bytes,
            frames: link.traffic.frames - traffic.frames,
            stalled: link.traffic.stalled - traffic.stalled,
            useless: link.traffic.useless - traffic.useless,
            mended: link.mended.since(&mended),
        }))
    }
}
