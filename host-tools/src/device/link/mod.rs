//! Requests and answers over a [`Channel`]: what is lost is asked for again, what is wrong is never an answer.
mod error;
mod identity;
mod pieces;
mod reply;
mod training;

pub use error::{LinkError, Mended};
pub use identity::Identity;
pub use training::{Place as Standing, Words};

use super::channel::{Channel, Received};
use pieces::Pieces;
use reply::{Heard, Reply};
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Broken, Decoder, Done, Frame, Hello, MAX_FRAME, Message, Run, VERSION, Why, encode};
use std::time::{Duration, Instant};

/// How often a request is sent before the link gives up.
pub const ATTEMPTS: u32 = 6;

/// A part that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Values as bits, or digests.
    pub elements: Vec<u64>,
    /// What the device says of the run.
    pub done: Done,
}

/// A conversation with a device.
pub struct Link {
    channel: Box<dyn Channel>,
    decoder: Decoder,
    pending: std::collections::VecDeque<u8>,
    request: u32,
    limit: Duration,
    identity: Identity,
    mended: Mended,
}

impl Link {
    /// Asks who is there. `limit` is the longest silence that is borne.
    ///
    /// # Errors
    /// Nobody there, or somebody who does not compute by this contract.
    pub fn open(channel: Box<dyn Channel>, limit: Duration) -> Result<Self, LinkError> {
        let mut link = Self {
            channel,
            decoder: Decoder::new(),
            pending: Default::default(),
            request: 0,
            limit,
            identity: Identity::default(),
            mended: Mended::default(),
        };
        let mut other_wire = false;
        for attempt in 0..ATTEMPTS {
            link.mended.retries += u32::from(attempt > 0);
            let request = link.ask_hello()?;
            // A device that is alive answers at once: short waits first, the whole patience at last.
            let patience = if attempt + 1 == ATTEMPTS { limit } else { (limit / 8).min(Duration::from_secs(2)) };
            let end = Instant::now() + patience;
            loop {
                match link.hear(end) {
                    Heard::Frame(Reply::Hello(answered, identity)) if answered == request => {
                        link.identity = (*identity)?;
                        return Ok(link);
                    }
                    Heard::Frame(Reply::Refused { why: Why::Contract, .. }) => {
                        return Err(LinkError::OtherContract("another".to_owned()));
                    }
                    Heard::Frame(Reply::Refused { request: 0, .. }) => break,
                    // Said at the start, or in answer to an earlier question.
                    Heard::Frame(Reply::Hello(..)) => {}
                    Heard::Frame(_) => link.mended.late += 1,
                    Heard::Corrupt(broken) => {
                        link.mended.corrupt += 1;
                        other_wire |= broken == Broken::Version;
                    }
                    Heard::Silence => break,
                    Heard::Closed(how) => return Err(LinkError::Closed(how)),
                }
            }
        }
        Err(match (other_wire, link.mended.corrupt) {
            (true, _) => LinkError::OtherWire,
            (false, 0) => LinkError::Silent(limit),
            (false, _) => LinkError::GaveUp(link.mended),
        })
    }

    /// Who is there.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was mended so far.
    pub fn mended(&self) -> Mended {
        self.mended
    }

    /// The line itself.
    pub fn channel(&mut self) -> &mut dyn Channel {
        &mut *self.channel
    }

    /// Asks for a part of a run until it has come whole.
    ///
    /// `progress` is told (multiply-adds done, all) and says whether to go on; otherwise the run is cancelled.
    ///
    /// # Errors
    /// [`LinkError`]; never a part with an element that was not received with a good CRC, nor one that misses the digest.
    pub fn part(&mut self, run: &Run, mut progress: impl FnMut(u64, u64) -> bool) -> Result<Answer, LinkError> {
        let mut parts = Pieces::new(run);
        for attempt in 0..ATTEMPTS {
            self.mended.retries += u32::from(attempt > 0);
            let asked = parts.request();
            if let Some(answer) = self.one_answer(&asked, &mut parts, &mut progress)? {
                return Ok(answer);
            }
        }
        Err(LinkError::GaveUp(self.mended))
    }

    /// One request and its frames; None where some are missing.
    fn one_answer(
        &mut self,
        asked: &Run,
        parts: &mut Pieces,
        progress: &mut impl FnMut(u64, u64) -> bool,
    ) -> Result<Option<Answer>, LinkError> {
        self.request += 1;
        let request = self.request;
        self.send(request, Message::Run(*asked))?;
        let mut next = 0;
        let corrupt = self.mended.corrupt;
        loop {
            let reply = match self.hear(Instant::now() + self.limit) {
                Heard::Frame(reply) => reply,
                Heard::Corrupt(_) => {
                    self.mended.corrupt += 1;
                    continue;
                }
                Heard::Silence if next == 0 && corrupt == self.mended.corrupt && parts.requests() > 2 => {
                    return Err(LinkError::Silent(self.limit));
                }
                Heard::Silence => {
                    self.mended.lost += 1;
                    return Ok(None);
                }
                Heard::Closed(how) => return Err(LinkError::Closed(how)),
            };
            if let Some((number, sequence)) = reply.place() {
                if number != request {
                    // Request 0: the device could not read ours.
                    if let (0, Reply::Refused { why: Why::Frame, .. }) = (number, &reply) {
                        self.mended.corrupt += 1;
                        return Ok(None);
                    }
                    self.mended.late += 1;
                    continue;
                }
                if sequence < next {
                    self.mended.repeated += 1;
                    continue;
                }
                self.mended.lost += sequence - next;
                next = sequence + 1;
            }
            match reply {
                Reply::Value { first, bytes, .. } => parts.put(asked, first, &bytes),
                Reply::Progress { done, of, .. } => {
                    if !progress(done, of) && !self.cancel(request)? {
                        return Err(refusal(Why::Cancelled));
                    }
                }
                Reply::Done { done, .. } => return Ok(parts.complete(asked, done)),
                Reply::Refused { why, need, have, .. } => return Err(LinkError::Refused { why, need, have }),
                // Said unasked: the device has started anew.
                Reply::Hello(0, identity) => {
                    self.mended.resets += 1;
                    if *identity != Ok(self.identity.clone()) {
                        return Err(LinkError::Changed);
                    }
                    return Ok(None);
                }
                // The answer to a question asked twice.
                Reply::Hello(..) => self.mended.late += 1,
                Reply::Ready { .. } | Reply::Saved { .. } | Reply::Taught { .. } => self.mended.late += 1,
                Reply::Other => {}
            }
        }
    }

    /// Asks the device to end the run; whether it will say so itself.
    fn cancel(&mut self, request: u32) -> Result<bool, LinkError> {
        if self.channel.kill() {
            return Ok(false);
        }
        self.send(request, Message::Cancel)?;
        Ok(true)
    }

    fn ask_hello(&mut self) -> Result<u32, LinkError> {
        self.request += 1;
        let hello = Hello {
            wire: VERSION as u32,
            contract: CONTRACT,
            commit: env!("SHATTERSCOPE_COMMIT"),
            compiler: "",
            facts: None,
        };
        self.send(self.request, Message::Hello(hello))?;
        Ok(self.request)
    }

    fn send(&mut self, request: u32, message: Message) -> Result<(), LinkError> {
        let mut buffer = [0; MAX_FRAME];
        let bytes = encode(&Frame { request, sequence: 0, message }, &mut buffer).unwrap_or_default();
        if self.channel.send(bytes).is_ok() {
            return Ok(());
        }
        // The other side has gone; its last words say why.
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            if let Received::Closed(how) = self.channel.receive(Duration::from_millis(100)) {
                return Err(LinkError::Closed(how));
            }
        }
        Err(LinkError::Closed("the line cannot be written".to_owned()))
    }

    /// The next frame, if one comes before `end`.
    fn hear(&mut self, end: Instant) -> Heard {
        loop {
            while let Some(byte) = self.pending.pop_front() {
                match self.decoder.push(byte) {
                    None => {}
                    Some(Ok(frame)) => return Heard::Frame(Reply::of(&frame)),
                    Some(Err(broken)) => return Heard::Corrupt(broken),
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.channel.receive(left) {
                Received::Bytes(bytes) => self.pending.extend(bytes),
                Received::Silence if Instant::now() >= end => {
                    // Half a frame that never ends is no frame.
                    self.decoder.restart();
                    return Heard::Silence;
                }
                Received::Silence => {}
                Received::Closed(how) => return Heard::Closed(how),
            }
        }
    }
}

fn refusal(why: Why) -> LinkError {
    LinkError::Refused { why, need: 0, have: 0 }
}
