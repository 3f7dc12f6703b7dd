use crate::answer::Answer;
use crate::device::{Gone, Machine};
use core::fmt::Write;
use shatterscope::Pass;
use shatterscope::contract::{Digest, canonical_bits};
use shatterscope::exec::Isa;
use shatterscope::exec::{Observer, Seen};
use shatterscope::wire::{Part, Run, VALUE_BYTES};

/// Takes what a part asks for out of a run: digests and ticks of nodes are kept, values of one are sent at once.
pub(crate) struct Tap<'a, 'b, M> {
    run: &'a Run,
    /// Two words a digest or number of ticks, or the values of the frame at hand.
    words: &'a mut [u32],
    len: usize,
    /// The clock at the last mark.
    ticks: u64,
    pub answer: &'a mut Answer<'b, M>,
    /// Elements said.
    pub said: u32,
    pub digest: Digest,
    pub outcome: Result<(), Gone>,
}

/// A profile's ticks stand behind one other pair, the name of the instruction set.
const NAME: usize = 1;

impl<'a, 'b, M: Machine> Tap<'a, 'b, M> {
    #[inline(never)]
    pub fn new(run: &'a Run, words: &'a mut [u32], answer: &'a mut Answer<'b, M>) -> Self {
        let first = match run.part {
            Part::Digests { .. } => Digest::new().hash,
            _ => 0,
        };
        for pair in words.as_chunks_mut::<2>().0 {
            *pair = halves(first);
        }
        if let (Part::Profile { .. }, Some(name)) = (run.part, words.first_chunk_mut()) {
            *name = halves(letters(run.options().isa));
        }
        Self { run, words, len: 0, ticks: 0, answer, said: 0, digest: Digest::new(), outcome: Ok(()) }
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
            self.outcome = self.answer.say_words(self.said, self.words.get(..self.len).unwrap_or_default());
        }
        let each = self.run.part.element_bytes() / 4;
        self.said = self.said.saturating_add((self.len / each) as u32);
        self.len = 0;
    }

    /// Says the digests or ticks of all nodes.
    pub fn say_words(&mut self) {
        for (i, frame) in self.words.chunks(VALUE_BYTES / 4).enumerate() {
            for pair in frame.as_chunks::<2>().0 {
                self.digest.push_hash(whole(pair));
            }
            let first = (i * VALUE_BYTES / 8) as u32;
            if self.outcome.is_ok() {
                self.outcome = self.answer.say_words(first, frame);
            }
        }
        self.said = (self.words.len() / 2) as u32;
    }

    /// The two words of one node and direction, of `count` nodes from `first` on, behind so many other pairs.
    fn pair(&mut self, skip: usize, (pass, node): (Pass, u32), first: u32, count: u32) -> Option<&mut [u32; 2]> {
        let at = node.checked_sub(first).filter(|at| *at < count)?;
        self.words.as_chunks_mut::<2>().0.get_mut(skip + 2 * at as usize + usize::from(pass == Pass::Backward))
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
            Part::Gradient | Part::Outputs | Part::Profile { .. } => {}
            Part::Digests { first, count } => {
                let slice = self.slice(seen);
                let Some(kept) = self.pair(0, (seen.pass, seen.node), first, count) else { return };
                let mut digest = Digest { hash: whole(kept), bytes: 0 };
                for point in slice {
                    seen.point(point).for_each(|x| digest.push(x));
                }
                *kept = halves(digest.hash);
            }
            Part::Values { pass, node } => {
                if (seen.pass, seen.node) == (pass, node) {
                    for point in self.slice(seen) {
                        seen.point(point).for_each(|x| self.value(x));
                    }
                }
            }
        }
    }

    // Both passes of a node are shown in forward mode, so the node alone decides.
    fn looks(&self, _: Pass, node: u32) -> bool {
        match self.run.part {
            Part::Gradient | Part::Outputs | Part::Profile { .. } => false,
            Part::Digests { first, count } => node.checked_sub(first).is_some_and(|at| at < count),
            Part::Values { node: wanted, .. } => node == wanted,
        }
    }

    // Out of line: its stack is not part of the executor's steps.
    #[inline(never)]
    fn worked(&mut self, pass: Pass, node: u32) {
        let Part::Profile { first, count } = self.run.part else { return };
        let Some(now) = self.answer.machine().mark(pass, node) else { return };
        let took = now.saturating_sub(self.ticks);
        self.ticks = now;
        if let Some(kept) = self.pair(NAME, (pass, node), first, count) {
            *kept = halves(whole(kept).saturating_add(took));
        }
    }
}

/// The first eight letters of an instruction set's name, zeros behind.
#[inline(never)]
pub(crate) fn letters(isa: Isa) -> u64 {
    let mut name = Name::default();
    // What is too long is cut.
    let _ = write!(name, "{isa:?}");
    u64::from_le_bytes(name.letters)
}

#[derive(Default)]
struct Name {
    letters: [u8; 8],
    len: usize,
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for (to, from) in self.letters.iter_mut().skip(self.len).zip(text.bytes()) {
            *to = from;
            self.len += 1;
        }
        Ok(())
    }
}

fn whole(halves: &[u32; 2]) -> u64 {
    halves[0] as u64 | (halves[1] as u64) << 32
}

/// Low word first.
fn halves(hash: u64) -> [u32; 2] {
    [hash as u32, (hash >> 32) as u32]
}
