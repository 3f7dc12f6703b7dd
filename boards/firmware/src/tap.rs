use crate::answer::Answer;
use crate::device::{Gone, Machine};
use shatterscope::Pass;
use shatterscope::contract::{Digest, canonical_bits};
use shatterscope::network::{Observer, Seen};
use shatterscope::wire::{Message, Part, Run, VALUE_BYTES};

/// Takes what a part asks for out of a run: digests of operations are kept, values of one are sent at once.
pub(crate) struct Tap<'a, 'b, M> {
    run: &'a Run,
    /// Two words a digest, or the values of the frame at hand.
    words: &'a mut [u32],
    len: usize,
    pub answer: &'a mut Answer<'b, M>,
    /// Elements said.
    pub said: u32,
    pub digest: Digest,
    pub outcome: Result<(), Gone>,
}

impl<'a, 'b, M: Machine> Tap<'a, 'b, M> {
    pub fn new(run: &'a Run, words: &'a mut [u32], answer: &'a mut Answer<'b, M>) -> Self {
        if let Part::Digests { .. } = run.part {
            for digest in words.as_chunks_mut::<2>().0 {
                *digest = halves(Digest::new().hash);
            }
        }
        Self { run, words, len: 0, answer, said: 0, digest: Digest::new(), outcome: Ok(()) }
    }

    /// One more value of the answer.
    pub fn value(&mut self, x: f32) {
        self.digest.push(x);
        if let Some(word) = self.words.get_mut(self.len) {
            *word = canonical_bits(x);
            self.len += 1;
        }
        if self.len == VALUE_BYTES / 4 {
            self.flush();
        }
    }

    /// Says what has been collected.
    pub fn flush(&mut self) {
        if self.len > 0 && self.outcome.is_ok() {
            let bytes = bytemuck::cast_slice(self.words.get(..self.len).unwrap_or_default());
            self.outcome = self.answer.say(Message::Value { first: self.said, bytes });
        }
        let each = self.run.part.element_bytes() / 4;
        self.said = self.said.saturating_add((self.len / each) as u32);
        self.len = 0;
    }

    /// Says the digests of all operations.
    pub fn say_digests(&mut self) {
        for (i, frame) in self.words.chunks(VALUE_BYTES / 4).enumerate() {
            for digest in frame.as_chunks::<2>().0 {
                self.digest.push_hash(digest[0] as u64 | (digest[1] as u64) << 32);
            }
            let first = (i * VALUE_BYTES / 8) as u32;
            if self.outcome.is_ok() {
                self.outcome = self.answer.say(Message::Value { first, bytes: bytemuck::cast_slice(frame) });
            }
        }
        self.said = (self.words.len() / 2) as u32;
    }

    /// The points of the slice, as indices into the block seen.
    fn slice(&self, seen: &Seen) -> core::ops::Range<u32> {
        let end = self.run.first.saturating_add(self.run.count);
        let from = self.run.first.saturating_sub(seen.first);
        from..end.saturating_sub(seen.first).min(seen.count)
    }
}

impl<M: Machine> Observer for Tap<'_, '_, M> {
    fn see(&mut self, seen: &Seen<'_>) {
        match self.run.part {
            Part::Gradient | Part::Outputs => {}
            Part::Digests { first, count } => {
                let Some(at) = seen.operation.checked_sub(first).filter(|at| *at < count) else { return };
                let at = 2 * at as usize + usize::from(seen.pass == Pass::Backward);
                let slice = self.slice(seen);
                let Some(kept) = self.words.as_chunks_mut::<2>().0.get_mut(at) else { return };
                let mut digest = Digest { hash: kept[0] as u64 | (kept[1] as u64) << 32, bytes: 0 };
                for point in slice {
                    seen.point(point).for_each(|x| digest.push(x));
                }
                *kept = halves(digest.hash);
            }
            Part::Values { pass, operation } => {
                if (seen.pass, seen.operation) == (pass, operation) {
                    for point in self.slice(seen) {
                        seen.point(point).for_each(|x| self.value(x));
                    }
                }
            }
        }
    }
}

/// Low word first.
fn halves(hash: u64) -> [u32; 2] {
    [hash as u32, (hash >> 32) as u32]
}
