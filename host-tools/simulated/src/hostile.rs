//! A device that lies, floods and drips, in whole frames with good checksums.
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Decoder, Facts, Frame, Hello, MAX_FRAME, Message, VERSION, encode};
use shatterscope_host::device::channel::{Channel, Received};
use std::collections::VecDeque;
use std::time::Duration;

/// The bytes for 0, 1, 2, ...
pub type Endless = Box<dyn FnMut(u32) -> Vec<u8> + Send>;

/// What is said to a request.
pub enum Say {
    /// These bytes, then nothing.
    Once(Vec<u8>),
    /// The bytes for 0, 1, 2, ... without end, with a pause before each.
    Forever(Endless, Duration),
    /// These bytes one at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
}

/// Sees a request that is no greeting, and what it asks for.
pub type Answer = Box<dyn FnMut(u32, &Message) -> Option<Say> + Send>;

/// A peer whose greeting is a device's.
pub struct Peer {
    hello: Vec<Vec<u8>>,
    decoder: Decoder,
    answer: Answer,
    queue: VecDeque<u8>,
    forever: Option<(Endless, Duration, u32)>,
    /// Takes nothing after its greeting.
    pub deaf: bool,
}

/// Facts of a small board.
pub const FACTS: Facts<'static> = Facts {
    board: "hostile",
    core: "x",
    fpu: true,
    clock: 1_000_000,
    flash: 0,
    ram: 1 << 20,
    arena: 1 << 19,
    rows: 4,
    tile: 4,
    failed_checks: 0,
};

/// The bytes of a frame.
pub fn frame(request: u32, sequence: u32, message: Message) -> Vec<u8> {
    encode(&Frame { request, sequence, message }, &mut [0; MAX_FRAME]).expect("it fits").to_vec()
}

/// A greeting with these facts.
pub fn hello(request: u32, facts: Facts) -> Vec<u8> {
    let hello = Hello { wire: VERSION.into(), contract: CONTRACT, commit: "0", compiler: "x", facts: Some(facts) };
    frame(request, 0, Message::Hello(hello))
}

impl Peer {
    /// Greets with these facts, then says `answer`.
    pub fn new(facts: Facts<'static>, answer: Answer) -> Box<Self> {
        let hello = (0..64).map(|request| hello(request, facts)).collect();
        let (decoder, queue) = (Decoder::new(), VecDeque::new());
        Box::new(Self { hello, decoder, answer, queue, forever: None, deaf: false })
    }
}

impl Channel for Peer {
    fn send(&mut self, bytes: &[u8], limit: Duration) -> std::io::Result<()> {
        for &byte in bytes {
            let Some(Ok(Frame { request, message, .. })) = self.decoder.push(byte) else { continue };
            if let Message::Hello(_) = message {
                self.queue.extend(&self.hello[request as usize % self.hello.len()]);
                continue;
            }
            if self.deaf {
                std::thread::sleep(limit);
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            match (self.answer)(request, &message) {
                Some(Say::Once(bytes)) => self.queue.extend(bytes),
                Some(Say::Forever(next, pause)) => self.forever = Some((next, pause, 0)),
                Some(Say::Drip(bytes, pause)) => {
                    let mut bytes = bytes.into_iter();
                    self.forever = Some((Box::new(move |_| bytes.next().into_iter().collect()), pause, 0));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Received {
        if self.queue.is_empty()
            && let Some((next, pause, number)) = &mut self.forever
        {
            if *pause > limit {
                std::thread::sleep(limit);
                return Received::Silence;
            }
            std::thread::sleep(*pause);
            while self.queue.len() < 2048 {
                self.queue.extend(next(*number));
                *number = number.wrapping_add(1);
                if !pause.is_zero() {
                    break;
                }
            }
        }
        if self.queue.is_empty() {
            std::thread::sleep(limit);
            return Received::Silence;
        }
        let len = self.queue.len().min(4096);
        Received::Bytes(self.queue.drain(..len).collect())
    }
}
