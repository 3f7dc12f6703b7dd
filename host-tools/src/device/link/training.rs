//! Training over a line: words are put without an answer, and a step names the digest of what it wants to be there.
use super::exchange::Exchange;
use super::expected::{check_elements, check_finite, check_ticks};
use super::reply::{Heard, Reply};
use super::work::{Watched, Work};
use super::{ATTEMPTS, Link, LinkError, add};
use shatterscope::contract::Digest;
use shatterscope::wire::{
    Get, MAX_FRAME, Message, PUT_BYTES, Put, Ready, Restore, Save, Saved, StepRequest, StepResult, Store, Trace,
    Traced, Train, Why,
};
use std::time::{Duration, Instant};

/// Words that are asked for at once.
const WINDOW: u32 = 56 * 16;

/// What is put before a step.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Where.
    pub store: Store,
    /// All of it, from its beginning.
    pub words: &'a [u32],
}

/// Where a training stands, to be put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the training.
    pub session: u32,
    /// Steps done.
    pub step: u32,
}

impl Words<'_> {
    /// Bytes of the frames that carry them, at most.
    pub(super) fn bytes(&self) -> usize {
        self.words.len().div_ceil(PUT_BYTES / 4) * MAX_FRAME
    }
}

impl Link {
    /// Gets a device ready to train, or asks where the training of this number stands: `nodes` are the words of its graph and those of its
    /// slots, which are put until they have arrived.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn ready(&mut self, train: &Train, nodes: Words) -> Result<Ready, LinkError> {
        self.with_nodes(train.session, nodes, |link| link.stands(train))
    }

    /// Asks until the nodes that are asked for have arrived.
    pub(super) fn with_nodes<A>(
        &mut self,
        session: u32,
        nodes: Words,
        ask: impl Fn(&mut Self) -> Result<A, LinkError>,
    ) -> Result<A, LinkError> {
        for attempt in 0..ATTEMPTS {
            match ask(self) {
                Err(LinkError::Refused { why: Why::Nodes, .. }) => {
                    // The first request makes room for what is put.
                    add(&mut self.mended.lost, u32::from(attempt > 0));
                    self.put(Position { session, step: 0 }, nodes)?;
                }
                other => return other,
            }
        }
        ask(self)
    }

    fn stands(&mut self, train: &Train) -> Result<Ready, LinkError> {
        let arena = self.identity.arena;
        self.asked(
            MAX_FRAME,
            |link, request, end| link.send(request, Message::Train(*train), end),
            |reply| match reply {
                Reply::Ready { ready, .. } if ready.arena > arena || ready.least > ready.arena => {
                    Err(LinkError::Lie(format!(
                        "a training in {} B of memory, {} B would do, and the device has {arena} B",
                        ready.arena, ready.least
                    )))
                }
                Reply::Ready { ready, .. } => Ok(Some(ready)),
                reply => Err(other(&reply)),
            },
        )
    }

    /// Puts words, without an answer.
    ///
    /// # Errors
    /// A line that is closed, or that does not take them.
    pub fn put(&mut self, at: Position, words: Words) -> Result<(), LinkError> {
        let end = Exchange::new(self, words.bytes()).end();
        self.put_under(self.request, at, words, end)
    }

    /// Says how often the device is to report its progress, if it is to.
    pub(super) fn put_report(
        &mut self,
        request: u32,
        at: Position,
        every: Option<u32>,
        end: Instant,
    ) -> Result<(), LinkError> {
        match every {
            Some(every) => self.put_under(request, at, Words { store: Store::Report, words: &[every] }, end),
            None => Ok(()),
        }
    }

    pub(super) fn put_under(
        &mut self,
        request: u32,
        at: Position,
        Words { store, words }: Words,
        end: Instant,
    ) -> Result<(), LinkError> {
        for (i, words) in words.chunks(PUT_BYTES / 4).enumerate() {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let first = (i * (PUT_BYTES / 4)) as u32;
            let Position { session, step } = at;
            self.send(request, Message::Put(Put { session, step, store, first, bytes: &bytes }), end)?;
        }
        Ok(())
    }

    /// Puts examples and has a step done on them, as often as it takes. A step that is cancelled ends with [`Why::Cancelled`], and the device
    /// stands before it; or it is completed, if it had begun to change the state, and its result is returned.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn teach(
        &mut self,
        teach: &StepRequest,
        inputs: Words,
        labels: Words,
        watched: Watched,
    ) -> Result<StepResult, LinkError> {
        let at = Position { session: teach.session, step: teach.step };
        let after = teach.step.wrapping_add(1);
        let every = watched.reports().then_some(watched.every);
        self.watching(
            inputs.bytes() + labels.bytes() + 2 * MAX_FRAME,
            Some(&mut Work::new(watched)),
            |link, request, end| {
                link.put_report(request, at, every, end)?;
                link.put_under(request, at, inputs, end)?;
                link.put_under(request, at, labels, end)?;
                link.send(request, Message::StepRequest(*teach), end)
            },
            |reply| match reply {
                Reply::StepResult { taught, .. } if taught.step != after => {
                    Err(LinkError::Lie(format!("{} steps done, after step {after} was asked for", taught.step)))
                }
                Reply::StepResult { taught, .. } if taught.correct > teach.count => {
                    let (correct, count) = (taught.correct, teach.count);
                    Err(LinkError::Lie(format!("{correct} right answers for {count} examples")))
                }
                Reply::StepResult { taught, .. } => {
                    check_finite(&[taught.loss.to_bits()], |_| format!("the loss of step {after}"))?;
                    check_ticks(taught.ticks)?;
                    Ok(Some(taught))
                }
                reply => Err(other(&reply)),
            },
        )
    }

    /// Sends examples, has the device compute a step on them, and returns `elements` elements of what was asked of it, and the ticks of the step if the
    /// device has a clock. The training must be right before the step and is after it then. Without `watched` the device reports no progress.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn trace(
        &mut self,
        trace: &Trace,
        inputs: Words,
        labels: Words,
        elements: usize,
        watched: Option<Watched>,
    ) -> Result<(Vec<u64>, Option<u64>), LinkError> {
        let at = Position { session: trace.step.session, step: trace.step.step };
        let each = if matches!(trace.what, Traced::Values { .. }) { 4 } else { 8 };
        let mut all: Vec<Option<u64>> = vec![None; elements];
        let every = watched.as_ref().filter(|watched| watched.reports()).map(|watched| watched.every);
        let mut work = watched.map(Work::new);
        self.watching(
            inputs.bytes() + labels.bytes() + 2 * MAX_FRAME,
            work.as_mut(),
            |link, request, end| {
                link.put_report(request, at, every, end)?;
                link.put_under(request, at, inputs, end)?;
                link.put_under(request, at, labels, end)?;
                link.send(request, Message::Trace(*trace), end)
            },
            |reply| match reply {
                Reply::Value { first, bytes, .. } => {
                    let count = bytes.len() / each;
                    let to = all.get_mut(first as usize..).and_then(|to| to.get_mut(..count));
                    let (Some(to), true) = (to, bytes.len().is_multiple_of(each)) else {
                        return Err(LinkError::Lie(format!(
                            "{} bytes from element {first} on, {elements} elements of {each} bytes were asked for",
                            bytes.len()
                        )));
                    };
                    for (to, bytes) in to.iter_mut().zip(bytes.chunks_exact(each)) {
                        let mut word = [0; 8];
                        word[..each].copy_from_slice(bytes);
                        *to = Some(u64::from_le_bytes(word));
                    }
                    Ok(None)
                }
                Reply::Done { done, .. } => {
                    // A profile without ticks has a name alone.
                    let elements = if trace.what == Traced::Profile && done.elements == 1 { 1 } else { elements };
                    check_elements(elements, &done)?;
                    check_ticks(done.ticks)?;
                    let all = all.iter().copied().take(elements).collect::<Option<Vec<u64>>>();
                    let Some(all) = all else { return Ok(None) };
                    let mut digest = Digest::new();
                    for &element in &all {
                        match trace.what {
                            Traced::Digests | Traced::Profile => digest.push_hash(element),
                            Traced::Values { .. } => digest.push(f32::from_bits(element as u32)),
                        }
                    }
                    match digest == done.digest {
                        true => Ok(Some((all, done.ticks))),
                        false => {
                            Err(LinkError::Lie(format!("a digest {} that its own elements do not have", done.digest)))
                        }
                    }
                }
                reply => Err(other(&reply)),
            },
        )
    }

    /// Has the state kept in the device's flash.
    ///
    /// # Errors
    /// [`LinkError`]; a device without flash refuses.
    pub fn save(&mut self, save: &Save) -> Result<Saved, LinkError> {
        let saved = self.saved(Message::Save(*save))?;
        if (saved.step, saved.batch, saved.rate) != (save.step, save.batch, save.rate) {
            return Err(LinkError::Lie(format!(
                "a state of step {} is saved, not that of step {}",
                saved.step, save.step
            )));
        }
        Ok(saved)
    }

    /// Has the state taken up that lies in the device's flash, before the first step.
    ///
    /// # Errors
    /// [`LinkError`]; a device refuses that has no flash, or no whole state of this training in it.
    pub fn restore(&mut self, session: u32) -> Result<Saved, LinkError> {
        self.saved(Message::Restore(Restore { session }))
    }

    fn saved(&mut self, message: Message) -> Result<Saved, LinkError> {
        self.asked(
            MAX_FRAME,
            |link, request, end| link.send(request, message, end),
            |reply| match reply {
                Reply::Saved { saved, .. } => Ok(Some(saved)),
                reply => Err(other(&reply)),
            },
        )
    }

    /// So many words of a store. They may be anything: the caller knows what they must be.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn words(&mut self, session: u32, store: Store, len: u32) -> Result<Vec<u32>, LinkError> {
        let mut all = Vec::new();
        for first in (0..len).step_by(WINDOW as usize) {
            let count = WINDOW.min(len - first);
            let get = Get { session, store, first, count };
            let mut words = vec![None; count as usize];
            let mut mismatched = false;
            all.extend(self.asked(
                MAX_FRAME,
                |link, request, end| link.send(request, Message::Get(get), end),
                |reply| match reply {
                    Reply::Value { first, bytes, .. } => {
                        let (new, rest) = bytes.as_chunks::<4>();
                        let to = words.get_mut(first as usize..).and_then(|to| to.get_mut(..new.len()));
                        let (Some(to), []) = (to, rest) else {
                            return Err(LinkError::Lie(format!(
                                "{} bytes from word {first} on, {count} words were asked for",
                                bytes.len()
                            )));
                        };
                        to.iter_mut().zip(new).for_each(|(to, word)| *to = Some(u32::from_le_bytes(*word)));
                        Ok(None)
                    }
                    Reply::Done { done, .. } => {
                        check_elements(count as usize, &done)?;
                        let Some(words) = words.iter().copied().collect::<Option<Vec<u32>>>() else { return Ok(None) };
                        let floats: Vec<f32> = words.iter().copied().map(f32::from_bits).collect();
                        if Digest::of_bits(&floats) == done.digest {
                            return Ok(Some(words));
                        }
                        if std::mem::replace(&mut mismatched, true) {
                            return Err(LinkError::Lie(format!(
                                "a digest {} that its own words do not have",
                                done.digest
                            )));
                        }
                        Ok(None)
                    }
                    reply => Err(other(&reply)),
                },
            )?);
        }
        Ok(all)
    }

    /// Sends a request, of so many bytes at most, until an answer comes that `take` takes; the last frame of an answer that it does not
    /// take is asked for again.
    pub(super) fn asked<A>(
        &mut self,
        bytes: usize,
        send: impl FnMut(&mut Self, u32, Instant) -> Result<(), LinkError>,
        take: impl FnMut(Reply) -> Result<Option<A>, LinkError>,
    ) -> Result<A, LinkError> {
        self.watching(bytes, None, send, take)
    }

    /// The same for a request whose progress the device reports.
    pub(super) fn watching<A>(
        &mut self,
        bytes: usize,
        mut work: Option<&mut Work>,
        mut send: impl FnMut(&mut Self, u32, Instant) -> Result<(), LinkError>,
        mut take: impl FnMut(Reply) -> Result<Option<A>, LinkError>,
    ) -> Result<A, LinkError> {
        let mut exchange = Exchange::new(self, bytes);
        for attempt in 0..ATTEMPTS {
            add(&mut self.mended.retries, u32::from(attempt > 0));
            self.request += 1;
            send(self, self.request, exchange.end())?;
            exchange.sent(attempt, ATTEMPTS);
            if let Some(answer) = self.taken(&mut exchange, work.as_deref_mut(), &mut take)? {
                return Ok(answer);
            }
            if exchange.is_over() {
                break;
            }
        }
        Err(exchange.unanswered(self))
    }

    fn taken<A>(
        &mut self,
        exchange: &mut Exchange,
        mut work: Option<&mut Work>,
        take: &mut impl FnMut(Reply) -> Result<Option<A>, LinkError>,
    ) -> Result<Option<A>, LinkError> {
        let request = self.request;
        let (mut next, mut unread) = (0, false);
        if let Some(work) = &mut work {
            work.restart();
        }
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
            if let Reply::Hello(number, identity) = &reply {
                if *number != 0 {
                    self.traffic.useless += 1;
                    continue;
                }
                // Said unasked: the device has started anew, and what it had learned is gone.
                add(&mut self.mended.resets, 1);
                let same = **identity == Ok(self.identity.clone());
                return Err(if same { LinkError::Forgotten } else { LinkError::Changed });
            }
            let Some((number, sequence)) = reply.place() else {
                self.traffic.useless += 1;
                continue;
            };
            if number != request {
                if let (0, Reply::Refused { why: Why::Frame, .. }) = (number, &reply) {
                    add(&mut self.mended.corrupt, 1);
                    // The device could not read something: its answer is awaited for a moment, if that was not the question.
                    if next == 0 && !unread {
                        unread = true;
                        exchange.hurry((self.limit / 4).min(Duration::from_secs(1)));
                    }
                } else {
                    add(&mut self.mended.late, 1);
                }
                continue;
            }
            if !self.is_next(sequence, &mut next)? {
                continue;
            }
            match reply {
                Reply::Refused { why: Why::Examples, .. } => {
                    add(&mut self.mended.lost, 1);
                    return Ok(None);
                }
                Reply::Refused { why, need, have, .. } => {
                    if let Some(work) = &work {
                        work.check_end(&why)?;
                    }
                    return Err(LinkError::Refused { why, need, have });
                }
                Reply::Progress { done, of, .. } if work.is_some() => {
                    if let Some(work) = &mut work {
                        work.report(self, request, (done, of), exchange)?;
                    }
                }
                reply => {
                    let last = !matches!(reply, Reply::Value { .. });
                    match take(reply)? {
                        Some(answer) => return Ok(Some(answer)),
                        None if last => return Ok(None),
                        None => {}
                    }
                }
            }
        }
    }
}

/// An answer to something else than what was asked.
pub(super) fn other(reply: &Reply) -> LinkError {
    LinkError::Lie(format!("an answer of another kind ({})", reply.name()))
}
