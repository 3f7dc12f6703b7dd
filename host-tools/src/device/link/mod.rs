//! Requests and answers over a [`Channel`]: what is lost is asked for again, what is wrong is never an answer, and no exchange takes more
//! time or memory than its request allows.
mod error;
mod exchange;
mod expected;
mod identity;
mod model;
mod pieces;
mod reply;
mod training;
mod work;

pub use error::{LinkError, Mended, Unanswered};
pub use expected::units_shown;
pub use identity::Identity;
pub use training::{Position as Standing, Words};
pub use work::Watched;

use super::channel::{Channel, Received};
use exchange::{Exchange, Traffic};
use expected::Expected;
use pieces::Pieces;
use reply::{Heard, Reply};
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Broken, Decoder, Done, Frame, Hello, MAX_FRAME, Message, Run, VERSION, Why, encode};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use work::Work;

/// How often a request is sent before the link gives up.
pub const ATTEMPTS: u32 = 6;

/// Bytes that are still read after the time is over: what had arrived by then, while this process was not running.
const OVERTIME: usize = 64 << 10;

/// Frames of one answer that may be missing in a row. A line that loses more is broken.
const GAP: u32 = 1 << 20;

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
    overtime: usize,
    identity: Identity,
    mended: Mended,
    traffic: Traffic,
    lost: bool,
}

impl Link {
    /// Asks who is there. `limit` is the time that each exchange has, unless the device makes progress.
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
            overtime: 0,
            identity: Identity::default(),
            mended: Mended::default(),
            traffic: Traffic::default(),
            lost: false,
        };
        let mut exchange = Exchange::new(&link, MAX_FRAME);
        let mut other_wire = false;
        for attempt in 0..ATTEMPTS {
            add(&mut link.mended.retries, u32::from(attempt > 0));
            link.ask_hello(exchange.end())?;
            exchange.sent(attempt, ATTEMPTS);
            // A device that is alive answers at once: short waits first, all of the time at last.
            if attempt + 1 < ATTEMPTS {
                exchange.hurry((limit / 8).min(Duration::from_secs(2)));
            }
            loop {
                match link.hear(exchange.pause()) {
                    // The answer to any of the questions.
                    Heard::Frame(Reply::Hello(1.., identity)) => {
                        link.identity = (*identity)?;
                        return Ok(link);
                    }
                    Heard::Frame(Reply::Refused { why: Why::Contract, .. }) => {
                        return Err(LinkError::OtherContract("another".to_owned()));
                    }
                    Heard::Frame(Reply::Refused { request: 0, .. }) => break,
                    // Said at the start.
                    Heard::Frame(Reply::Hello(..)) => {}
                    Heard::Frame(_) => add(&mut link.mended.late, 1),
                    Heard::Corrupt(broken) => {
                        add(&mut link.mended.corrupt, 1);
                        other_wire |= broken == Broken::Version;
                    }
                    Heard::Silence => break,
                    Heard::Closed(how) => return Err(LinkError::Closed(how)),
                }
            }
            if exchange.is_over() {
                break;
            }
        }
        Err(if other_wire { LinkError::OtherWire } else { exchange.unanswered(&link) })
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
    /// [`LinkError`]; never a part with an element that was not received with a good CRC, nor one that misses the digest, nor one of
    /// another length than was asked for, nor one with NaN or infinity.
    pub fn part(&mut self, run: &Run, progress: impl FnMut(u64, u64) -> bool) -> Result<Answer, LinkError> {
        let answer = self.whole_part(run, progress);
        self.lost = matches!(answer, Err(LinkError::Silent(_) | LinkError::GaveUp(_) | LinkError::Deaf(_)));
        answer
    }

    /// Whether the last part did not come because the device does not answer, or not so that it can be read: another run would wait
    /// as long for nothing.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    fn whole_part(&mut self, run: &Run, mut progress: impl FnMut(u64, u64) -> bool) -> Result<Answer, LinkError> {
        let mut parts = Pieces::new(run, Expected::of(run, &self.identity));
        let multiply_adds = parts.expected.multiply_adds;
        let mut work = Work::new(Watched { multiply_adds, every: run.report_every, progress: &mut progress });
        let mut exchange = Exchange::new(self, MAX_FRAME);
        for attempt in 0..ATTEMPTS {
            add(&mut self.mended.retries, u32::from(attempt > 0));
            let asked = parts.request();
            self.request += 1;
            self.send(self.request, Message::Run(asked), exchange.end())?;
            exchange.sent(attempt, ATTEMPTS);
            if let Some(answer) = self.one_answer(&asked, &mut parts, &mut exchange, &mut work)? {
                return Ok(answer);
            }
            if exchange.is_over() {
                break;
            }
        }
        Err(exchange.unanswered(self))
    }

    /// The frames of the answer to the request just sent; None where some are missing.
    fn one_answer(
        &mut self,
        asked: &Run,
        parts: &mut Pieces,
        exchange: &mut Exchange,
        work: &mut Work,
    ) -> Result<Option<Answer>, LinkError> {
        let request = self.request;
        let mut next = 0;
        work.restart();
        loop {
            let reply = match self.hear(exchange.pause()) {
                Heard::Frame(reply) => reply,
                Heard::Corrupt(_) => {
                    add(&mut self.mended.corrupt, 1);
                    continue;
                }
                Heard::Silence => {
                    add(&mut self.mended.lost, 1);
                    return Ok(None);
                }
                Heard::Closed(how) => return Err(LinkError::Closed(how)),
            };
            if let Some((number, sequence)) = reply.place() {
                if number != request {
                    // Request 0: the device could not read ours.
                    if let (0, Reply::Refused { why: Why::Frame, .. }) = (number, &reply) {
                        add(&mut self.mended.corrupt, 1);
                        return Ok(None);
                    }
                    add(&mut self.mended.late, 1);
                    continue;
                }
                if !self.is_next(sequence, &mut next)? {
                    continue;
                }
            }
            match reply {
                Reply::Value { first, bytes, .. } => match parts.put(asked, first, &bytes)? {
                    0 => self.traffic.useless += 1,
                    new => exchange.carried(new),
                },
                Reply::Progress { done, of, .. } => work.report(self, request, (done, of), exchange)?,
                Reply::Done { done, .. } => return parts.complete(asked, done),
                Reply::Refused { why, need, have, .. } => {
                    work.check_end(&why)?;
                    if let Why::NonFinite(fault) = &why {
                        parts.expected.check_fault(fault)?;
                    }
                    return Err(LinkError::Refused { why, need, have });
                }
                // Said unasked: the device has started anew.
                Reply::Hello(0, identity) => {
                    add(&mut self.mended.resets, 1);
                    if *identity != Ok(self.identity.clone()) {
                        return Err(LinkError::Changed);
                    }
                    return Ok(None);
                }
                // Mostly the answer to a question that was asked twice.
                Reply::Hello(..) => self.traffic.useless += 1,
                Reply::Ready { .. }
                | Reply::Saved { .. }
                | Reply::Loaded { .. }
                | Reply::Predicted { .. }
                | Reply::StepResult { .. } => {
                    return Err(LinkError::Lie("it answers a run as if it were a training".to_owned()));
                }
                Reply::Other => self.traffic.useless += 1,
            }
        }
    }

    /// Whether a frame is a new one of the answer at hand, of which `next` is awaited. Counts what is missing before it.
    fn is_next(&mut self, sequence: u32, next: &mut u32) -> Result<bool, LinkError> {
        let Some(gap) = sequence.checked_sub(*next) else {
            add(&mut self.mended.repeated, 1);
            return Ok(false);
        };
        match sequence.checked_add(1) {
            Some(after) if gap <= GAP => {
                add(&mut self.mended.lost, gap);
                *next = after;
                Ok(true)
            }
            _ => Err(LinkError::Lie(format!("a frame {sequence} of an answer of which frame {next} comes next"))),
        }
    }

    /// Asks the device to end the run; whether it will say so itself.
    fn cancel(&mut self, request: u32, end: Instant) -> Result<bool, LinkError> {
        if self.channel.kill() {
            return Ok(false);
        }
        self.send(request, Message::Cancel, end)?;
        Ok(true)
    }

    fn ask_hello(&mut self, end: Instant) -> Result<(), LinkError> {
        self.request += 1;
        let hello = Hello {
            wire: VERSION as u32,
            contract: CONTRACT,
            commit: env!("SHATTERSCOPE_COMMIT"),
            compiler: "",
            facts: None,
        };
        self.send(self.request, Message::Hello(hello), end)
    }

    /// Sends a frame, which the line must have taken at the end of the time.
    fn send(&mut self, request: u32, message: Message, end: Instant) -> Result<(), LinkError> {
        let mut buffer = [0; MAX_FRAME];
        let bytes = encode(&Frame { request, sequence: 0, message }, &mut buffer).unwrap_or_default();
        self.overtime = OVERTIME;
        // A long request has more time, but none of its frames.
        let limit = end.saturating_duration_since(Instant::now()).min(self.limit);
        match self.channel.send(bytes, limit) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(LinkError::Deaf(self.limit)),
            Err(_) => {}
        }
        // The other side has gone; its last words say why.
        let end = Instant::now() + Duration::from_millis(500);
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
                    Some(Ok(frame)) => {
                        self.traffic.frames += 1;
                        return Heard::Frame(Reply::of(&frame));
                    }
                    Some(Err(broken)) => return Heard::Corrupt(broken),
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.channel.receive(left) {
                Received::Bytes(bytes) => {
                    self.traffic.bytes += bytes.len() as u64;
                    if left.is_zero() {
                        match self.overtime.checked_sub(bytes.len()) {
                            Some(overtime) => self.overtime = overtime,
                            None => return self.silence(),
                        }
                    }
                    self.pending.extend(bytes);
                }
                Received::Silence if Instant::now() >= end => return self.silence(),
                Received::Silence => {}
                Received::Closed(how) => return Heard::Closed(how),
            }
        }
    }

    /// Half a frame that never ends is no frame.
    fn silence(&mut self) -> Heard {
        self.decoder.restart();
        Heard::Silence
    }
}

/// Counts without an end.
fn add(count: &mut u32, more: u32) {
    *count = count.saturating_add(more);
}

fn refusal(why: Why) -> LinkError {
    LinkError::Refused { why, need: 0, have: 0 }
}
