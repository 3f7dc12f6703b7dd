use crate::answer::Answer;
use crate::device::{Gone, Machine};
use crate::tap::letters;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::wire::{Done, Message, Stage, Traced, VALUE_BYTES};

/// Says what came of the nodes of a step, as the step goes on.
pub(crate) struct TraceWriter {
    pub what: Traced,
    /// Elements that were said, and their digest.
    said: u32,
    digest: Digest,
    /// The clock where the node at hand began, and what was spent between nodes.
    pub began: u64,
    pub paused: u64,
}

impl TraceWriter {
    pub fn new(what: Traced) -> Self {
        Self { what, said: 0, digest: Digest::new(), began: 0, paused: 0 }
    }

    /// What comes before the first node.
    #[inline(never)]
    pub fn begin<M: Machine>(&mut self, answer: &mut Answer<M>) -> Result<(), Gone> {
        match self.what {
            Traced::Profile => self.say_word(answer, letters(Isa::detect())),
            _ => Ok(()),
        }
    }

    /// Tiles `[tile][unit][T]` of so many points, as `[point][unit]`.
    #[inline(never)]
    pub fn tiles<const T: usize, M: Machine>(
        &mut self,
        answer: &mut Answer<M>,
        at: (Stage, u32),
        (x, tile_len): (&[f32], usize),
        count: usize,
    ) -> Result<(), Gone> {
        let units = tile_len / T.max(1);
        let all = (0..count).flat_map(|point| (0..units).map(move |unit| (point, unit)));
        self.elements(
            answer,
            at,
            all.map(|(point, unit)| {
                let at = (point / T).wrapping_mul(tile_len).wrapping_add(unit.wrapping_mul(T)).wrapping_add(point % T);
                x.get(at).copied().unwrap_or(f32::NAN)
            }),
        )
    }

    /// Elements in their order.
    #[inline(never)]
    pub fn elements<M: Machine>(
        &mut self,
        answer: &mut Answer<M>,
        (stage, node): (Stage, u32),
        elements: impl Iterator<Item = f32>,
    ) -> Result<(), Gone> {
        match self.what {
            Traced::Digests => {
                let mut digest = Digest::new();
                let mut some = false;
                for x in elements {
                    digest.push(x);
                    some = true;
                }
                self.say_word(answer, if some { digest.hash } else { 0 })
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
                        self.say(answer, bytes.get(..len).unwrap_or_default(), (len / 4) as u32)?;
                        len = 0;
                    }
                }
                match len {
                    0 => Ok(()),
                    len => self.say(answer, bytes.get(..len).unwrap_or_default(), (len / 4) as u32),
                }
            }
            Traced::Values { .. } | Traced::Profile => Ok(()),
        }
    }

    /// A digest or a number of ticks.
    pub fn say_word<M: Machine>(&mut self, answer: &mut Answer<M>, word: u64) -> Result<(), Gone> {
        self.digest.push_hash(word);
        self.say(answer, &word.to_le_bytes(), 1)
    }

    fn say<M: Machine>(&mut self, answer: &mut Answer<M>, bytes: &[u8], elements: u32) -> Result<(), Gone> {
        let first = self.said;
        self.said = self.said.saturating_add(elements);
        answer.say(Message::Value { first, bytes })
    }

    /// All is said of a step that took so many ticks.
    #[inline(never)]
    pub fn end<M: Machine>(&self, answer: &mut Answer<M>, arena: u32, ticks: Option<u64>) -> Result<(), Gone> {
        let ticks = match self.what {
            Traced::Profile => ticks.map(|ticks| ticks.saturating_sub(self.paused)),
            _ => None,
        };
        let stack = answer.machine().stack();
        let done = Done { elements: self.said, digest: self.digest, arena, panel: 0, stack, ticks };
        answer.say(Message::Done(done))
    }
}
