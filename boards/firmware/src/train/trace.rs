use crate::answer::Answer;
use crate::device::{Gone, Machine};
use shatterscope::contract::Digest;
use shatterscope::wire::{Done, Message, Stage, Traced, VALUE_BYTES};

/// Says what came of the nodes of a step, as the step goes on.
pub(super) struct Trace<'t, 'm, M> {
    what: Traced,
    answer: &'t mut Answer<'m, M>,
    /// Elements that were said, and their digest.
    said: u32,
    digest: Digest,
    /// Whether the transport is there.
    line: Result<(), Gone>,
}

impl<'t, 'm, M: Machine> Trace<'t, 'm, M> {
    pub fn new(what: Traced, answer: &'t mut Answer<'m, M>) -> Self {
        Self { what, answer, said: 0, digest: Digest::new(), line: Ok(()) }
    }

    /// Tiles `[tile][unit][T]` of so many points, as `[point][unit]`.
    #[inline(never)]
    pub fn tiles<const T: usize>(&mut self, at: (Stage, u32), (x, tile_len): (&[f32], usize), count: usize) {
        let units = tile_len / T.max(1);
        let all = (0..count).flat_map(|point| (0..units).map(move |unit| (point, unit)));
        self.elements(
            at,
            all.map(|(point, unit)| {
                let at = (point / T).wrapping_mul(tile_len).wrapping_add(unit.wrapping_mul(T)).wrapping_add(point % T);
                x.get(at).copied().unwrap_or(f32::NAN)
            }),
        );
    }

    /// Elements in their order.
    #[inline(never)]
    pub fn elements(&mut self, (stage, node): (Stage, u32), elements: impl Iterator<Item = f32>) {
        match self.what {
            Traced::Digests => {
                let mut digest = Digest::new();
                let mut some = false;
                for x in elements {
                    digest.push(x);
                    some = true;
                }
                let hash = if some { digest.hash } else { 0 };
                self.digest.push_hash(hash);
                self.say(&hash.to_le_bytes(), 1);
            }
            Traced::Values { stage: s, node: n } if (s, n) == (stage, node) => {
                let mut bytes = [0; VALUE_BYTES];
                let mut len = 0;
                for x in elements {
                    self.digest.push(x);
                    if let Some(to) = bytes.get_mut(len..).and_then(|bytes| bytes.first_chunk_mut::<4>()) {
                        *to = x.to_le_bytes();
                    }
                    len = len.wrapping_add(4);
                    if len.saturating_add(4) > VALUE_BYTES {
                        self.say(bytes.get(..len).unwrap_or_default(), (len / 4) as u32);
                        len = 0;
                    }
                }
                if len > 0 {
                    self.say(bytes.get(..len).unwrap_or_default(), (len / 4) as u32);
                }
            }
            Traced::Values { .. } => {}
        }
    }

    fn say(&mut self, bytes: &[u8], elements: u32) {
        if self.line.is_ok() {
            self.line = self.answer.say(Message::Value { first: self.said, bytes });
        }
        self.said = self.said.saturating_add(elements);
    }

    /// All is said.
    pub fn end(self, arena: u32) -> Result<(), Gone> {
        self.line?;
        let stack = self.answer.machine().stack();
        let done = Done { elements: self.said, digest: self.digest, arena, panel: 0, stack, ticks: None };
        self.answer.say(Message::Done(done))
    }

    pub fn answer(self) -> &'t mut Answer<'m, M> {
        self.answer
    }
}
