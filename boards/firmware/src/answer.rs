use crate::device::{Gone, Machine};
use bytemuck::Pod;
use shatterscope::wire::{Frame, MAX_FRAME, Message, VALUE_BYTES, Why, encode};

/// The frames of one answer, numbered from 0.
pub(crate) struct Answer<'a, M> {
    machine: &'a mut M,
    buffer: &'a mut [u8; MAX_FRAME],
    request: u32,
    sequence: u32,
}

impl<'a, M: Machine> Answer<'a, M> {
    pub fn new(machine: &'a mut M, buffer: &'a mut [u8; MAX_FRAME], request: u32) -> Self {
        Self { machine, buffer, request, sequence: 0 }
    }

    pub fn request(&self) -> u32 {
        self.request
    }

    pub fn machine(&mut self) -> &mut M {
        self.machine
    }

    #[inline(never)]
    pub fn say(&mut self, message: Message) -> Result<(), Gone> {
        let frame = Frame { request: self.request, sequence: self.sequence, message };
        self.sequence = self.sequence.wrapping_add(1);
        // Every message of this firmware fits: its texts are cut, its values counted.
        let bytes = encode(&frame, self.buffer).ok_or(Gone)?;
        self.machine.write(bytes)
    }

    /// Says elements of four bytes from `first` on, at most [`VALUE_BYTES`] of them: little-endian, whatever the core's order.
    pub fn say_words(&mut self, first: u32, words: &[impl Pod]) -> Result<(), Gone> {
        if cfg!(target_endian = "little") {
            return self.say(Message::Value { first, bytes: bytemuck::cast_slice(words) });
        }
        let mut bytes = [0; VALUE_BYTES];
        let words = bytemuck::cast_slice::<_, u8>(words).as_chunks::<4>().0;
        for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *to = u32::from_ne_bytes(*word).to_le_bytes();
        }
        self.say(Message::Value { first, bytes: bytes.get(..4 * words.len()).unwrap_or_default() })
    }

    // Out of line, like all that makes a message: those are not on a small stack while something is computed.
    #[inline(never)]
    pub fn refuse(&mut self, why: Why, need: u64, have: u64) -> Result<(), Gone> {
        log!(warn, "request {} refused: {}, need {}, have {}", self.request, why, need, have);
        self.say(Message::Refused { why, need, have })
    }
}
