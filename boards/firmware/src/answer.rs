use crate::device::{Gone, Machine};
use shatterscope::wire::{Frame, MAX_FRAME, Message, Why, encode};

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

    pub fn refuse(&mut self, why: Why, need: u64, have: u64) -> Result<(), Gone> {
        log!(warn, "request {} refused: {}, need {}, have {}", self.request, why, need, have);
        self.say(Message::Refused { why, need, have })
    }
}
