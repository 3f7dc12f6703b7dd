//! Training over a line: words are put without an answer, and a step names the digest of what it wants to be there.
use super::reply::{Heard, Reply};
use super::{ATTEMPTS, Link, LinkError};
use shatterscope::contract::Digest;
use shatterscope::wire::{Get, Message, PUT_BYTES, Put, Ready, Restore, Save, Saved, Store, Taught, Teach, Train, Why};
use std::time::Instant;

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
pub struct Place {
    /// Number of the training.
    pub session: u32,
    /// Steps done.
    pub step: u32,
}

impl Link {
    /// Gets a device ready to train, or asks where the training of this number stands.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn ready(&mut self, train: &Train) -> Result<Ready, LinkError> {
        self.asked(
            |link, request| link.send(request, Message::Train(*train)),
            |reply| match reply {
                Reply::Ready { ready, .. } => Some(ready),
                _ => None,
            },
        )
    }

    /// Puts words, without an answer.
    ///
    /// # Errors
    /// A line that is closed.
    pub fn put(&mut self, at: Place, words: Words) -> Result<(), LinkError> {
        let request = self.request;
        self.put_under(request, at, words)
    }

    fn put_under(&mut self, request: u32, at: Place, Words { store, words }: Words) -> Result<(), LinkError> {
        for (i, words) in words.chunks(PUT_BYTES / 4).enumerate() {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let first = (i * (PUT_BYTES / 4)) as u32;
            let Place { session, step } = at;
            self.send(request, Message::Put(Put { session, step, store, first, bytes: &bytes }))?;
        }
        Ok(())
    }

    /// Puts examples and has a step done on them, as often as it takes.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn teach(&mut self, teach: &Teach, inputs: Words, labels: Words) -> Result<Taught, LinkError> {
        let at = Place { session: teach.session, step: teach.step };
        self.asked(
            |link, request| {
                link.put_under(request, at, inputs)?;
                link.put_under(request, at, labels)?;
                link.send(request, Message::Teach(*teach))
            },
            |reply| match reply {
                Reply::Taught { taught, .. } if taught.step == teach.step.wrapping_add(1) => Some(taught),
                _ => None,
            },
        )
    }

    /// Has the state kept in the device's flash.
    ///
    /// # Errors
    /// [`LinkError`]; a device without flash refuses.
    pub fn save(&mut self, save: &Save) -> Result<Saved, LinkError> {
        self.saved(Message::Save(*save))
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
            |link, request| link.send(request, message),
            |reply| match reply {
                Reply::Saved { saved, .. } => Some(saved),
                _ => None,
            },
        )
    }

    /// So many words of a store.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn words(&mut self, session: u32, store: Store, len: u32) -> Result<Vec<u32>, LinkError> {
        let mut all = Vec::with_capacity(len as usize);
        for first in (0..len).step_by(WINDOW as usize) {
            let count = WINDOW.min(len - first);
            let get = Get { session, store, first, count };
            let mut words = vec![None; count as usize];
            all.extend(self.asked(
                |link, request| link.send(request, Message::Get(get)),
                |reply| match reply {
                    Reply::Value { first, bytes, .. } => {
                        let to = words.get_mut(first as usize..).unwrap_or_default();
                        for (to, word) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                            *to = Some(u32::from_le_bytes(*word));
                        }
                        None
                    }
                    Reply::Done { done, .. } => {
                        let words: Vec<u32> = words.iter().copied().collect::<Option<_>>()?;
                        let floats: Vec<f32> = words.iter().copied().map(f32::from_bits).collect();
                        (Digest::of(&floats) == done.digest).then_some(words)
                    }
                    _ => None,
                },
            )?);
        }
        Ok(all)
    }

    /// Sends until an answer comes that `take` takes; the last frame of an answer that it does not take is asked for again.
    fn asked<A>(
        &mut self,
        mut send: impl FnMut(&mut Self, u32) -> Result<(), LinkError>,
        mut take: impl FnMut(Reply) -> Option<A>,
    ) -> Result<A, LinkError> {
        for attempt in 0..ATTEMPTS {
            self.mended.retries += u32::from(attempt > 0);
            self.request += 1;
            let request = self.request;
            send(self, request)?;
            if let Some(answer) = self.taken(request, attempt, &mut take)? {
                return Ok(answer);
            }
        }
        Err(LinkError::GaveUp(self.mended))
    }

    fn taken<A>(
        &mut self,
        request: u32,
        attempt: u32,
        take: &mut impl FnMut(Reply) -> Option<A>,
    ) -> Result<Option<A>, LinkError> {
        let (mut next, corrupt) = (0, self.mended.corrupt);
        loop {
            let reply = match self.hear(Instant::now() + self.limit) {
                Heard::Frame(reply) => reply,
                Heard::Corrupt(_) => {
                    self.mended.corrupt += 1;
                    continue;
                }
                Heard::Silence if next == 0 && corrupt == self.mended.corrupt && attempt > 1 => {
                    return Err(LinkError::Silent(self.limit));
                }
                Heard::Silence => {
                    self.mended.lost += 1;
                    return Ok(None);
                }
                Heard::Closed(how) => return Err(LinkError::Closed(how)),
            };
            if let Reply::Hello(number, identity) = &reply {
                if *number != 0 {
                    self.mended.late += 1;
                    continue;
                }
                // Said unasked: the device has started anew, and what it had learned is gone.
                self.mended.resets += 1;
                let same = **identity == Ok(self.identity.clone());
                return Err(if same { LinkError::Forgotten } else { LinkError::Changed });
            }
            let Some((number, sequence)) = reply.place() else { continue };
            if number != request {
                // Request 0: the device could not read something; what came of it is known at the end.
                if let (0, Reply::Refused { why: Why::Frame, .. }) = (number, &reply) {
                    self.mended.corrupt += 1;
                } else {
                    self.mended.late += 1;
                }
                if number == 0 && next == 0 {
                    return self.drained(request, take);
                }
                continue;
            }
            if sequence < next {
                self.mended.repeated += 1;
                continue;
            }
            self.mended.lost += sequence - next;
            next = sequence + 1;
            match reply {
                Reply::Refused { why: Why::Examples, .. } => {
                    self.mended.lost += 1;
                    return Ok(None);
                }
                Reply::Refused { why, need, have, .. } => return Err(LinkError::Refused { why, need, have }),
                reply => {
                    let last = !matches!(reply, Reply::Value { .. });
                    match take(reply) {
                        Some(answer) => return Ok(Some(answer)),
                        None if last => return Ok(None),
                        None => {}
                    }
                }
            }
        }
    }

    /// After a frame that the device could not read: its answer, if that frame was not the question.
    fn drained<A>(&mut self, request: u32, take: &mut impl FnMut(Reply) -> Option<A>) -> Result<Option<A>, LinkError> {
        let patience = (self.limit / 4).min(std::time::Duration::from_secs(1));
        let whole = std::mem::replace(&mut self.limit, patience);
        let answer = self.taken(request, 0, take);
        self.limit = whole;
        answer
    }
}
