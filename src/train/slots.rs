//! A training state in flash, in two slots, so that no loss of power loses both.
//!
//! A slot is `fields, CRC, state`, each at a multiple of the unit: the largest of the flash's write size, its read size and 4 bytes. The
//! state is written first, then the fields, and the CRC of both at last, in a unit of its own: until all its bits are there, it matches
//! nothing. The slot that is written is always the one that does not hold the newest state. What pads a unit is 0xFF; no unit is written
//! twice between two erasures, as flash with an error-correcting code wants it.
//!
//! | fields, little-endian | bytes |
//! |---|---|
//! | `shatters` | 8 |
//! | [`FORMAT`] | 4 |
//! | sequence number, counted up by each save; the newer of two whole slots counts | 4 |
//! | FNV-1a-64 of the contract's id | 8 |
//! | tag, the caller's: which network and settings | 8 |
//! | number of parameters, running statistics, state of the optimiser | 12 |
//! | bytes of the state | 4 |
//!
//! The state is [`Progress::to_le_bytes`], then parameters, running statistics and the optimiser's state as f32.
use super::{Powers, RateState, word};
use crate::contract::{CONTRACT, Digest};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use embedded_storage::nor_flash::NorFlash;

/// Version of a slot's format.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"shatters";
/// Bytes of the fields.
const FIELDS: usize = 48;
/// Bytes of [`Progress`].
const PROGRESS: usize = 36;
/// Bytes that are read or written at once, at most.
const CHUNK: usize = 256;
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Where training stands, besides its floats.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// Steps done, over all epochs.
    pub step: u32,
    /// Batches done of the epoch at hand.
    pub batch: u32,
    /// Of Adam.
    pub powers: Powers,
    /// Of the learning rate.
    pub rate: RateState,
}

impl Progress {
    /// step, batch, powers, rate.
    pub fn to_le_bytes(&self) -> [u8; PROGRESS] {
        let mut bytes = [0; PROGRESS];
        let parts = [&self.step.to_le_bytes()[..], &self.batch.to_le_bytes(), &self.powers.to_le_bytes()];
        let rate = self.rate.to_le_bytes();
        let all = parts.into_iter().chain([&rate[..]]).flatten();
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// What [`Self::to_le_bytes`] gave.
    pub fn from_le_bytes(bytes: [u8; PROGRESS]) -> Self {
        let mut rest = &bytes[..];
        let (step, batch, powers, rate) = (taken(&mut rest), taken(&mut rest), taken(&mut rest), taken(&mut rest));
        Self {
            step: u32::from_le_bytes(step),
            batch: u32::from_le_bytes(batch),
            powers: Powers::from_le_bytes(powers),
            rate: RateState::from_le_bytes(rate),
        }
    }
}

/// The next bytes; zeros past the end.
fn taken<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((first, after)) => {
            *rest = after;
            *first
        }
        None => [0; N],
    }
}

/// A state that lies whole in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Held {
    /// The number of its save.
    pub sequence: u32,
    /// Parameters.
    pub parameters: u32,
    /// Running statistics.
    pub running: u32,
    /// Floats of the optimiser's state.
    pub state: u32,
}

/// What lies in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Content {
    /// Nothing: erased.
    Empty,
    /// A state that was cut off or has decayed, or what was never one.
    Damaged,
    /// A state of another version of the format.
    Format(u32),
    /// A state under another numeric contract.
    Contract,
    /// A state of another network or of other settings.
    Tag(u64),
    /// A state.
    Whole(Held),
}

/// Why a state cannot be saved or taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SlotError<E> {
    /// The flash wrote, read or erased not as asked.
    Flash(E),
    /// Units of the flash that do not divide 256 bytes, or an erase size that is none of whole units.
    Units,
    /// Slots that do not begin and end where the flash can erase, or that reach past its end.
    Place,
    /// The slots are too small: bytes.
    TooSmall {
        /// What a state needs.
        need: u64,
        /// What a slot has.
        have: u64,
    },
    /// The state in the slot has other lengths than the buffers.
    Lengths(Held),
    /// What was read is not what was written: cells that are worn, or power that sags.
    Unsound,
}

impl<E: core::fmt::Debug> core::fmt::Display for SlotError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SlotError::Flash(error) => write!(f, "the flash failed: {error:?}"),
            SlotError::Units => f.write_str("the flash's units do not divide 256 bytes and its erase size"),
            SlotError::Place => {
                f.write_str("both slots must begin and end where the flash can erase, and lie in the flash")
            }
            SlotError::TooSmall { need, have } => write!(f, "a slot has {have} B, the state needs {need} B"),
            SlotError::Lengths(held) => write!(
                f,
                "the slot holds {} parameters, {} running statistics and {} floats of state: other buffers",
                held.parameters, held.running, held.state
            ),
            SlotError::Unsound => f.write_str("the flash gives back other bytes than were written"),
        }
    }
}

impl<E: core::fmt::Debug> core::error::Error for SlotError<E> {}

/// Bytes of a slot in flash with these units, a multiple of the erase size: what [`Slots::open`] wants at least. None past 2^32 - 1, and
/// for an erase size of 0.
pub const fn slot_len(
    (parameters, running, state): (u64, u64, u64),
    (read, write, erase): (usize, usize, usize),
) -> Option<u32> {
    let unit = unit(read, write) as u64;
    let Some(floats) = parameters.saturating_add(running).saturating_add(state).checked_mul(4) else { return None };
    let Some(len) = floats.checked_add(PROGRESS as u64 + head(unit)) else { return None };
    let Some(len) = len.checked_next_multiple_of(unit) else { return None };
    match len.checked_next_multiple_of(erase as u64) {
        Some(len) if len <= u32::MAX as u64 => Some(len as u32),
        _ => None,
    }
}

const fn unit(read: usize, write: usize) -> usize {
    let larger = if read > write { read } else { write };
    if larger > 4 { larger } else { 4 }
}

/// Where the state begins.
const fn head(unit: u64) -> u64 {
    (FIELDS as u64).div_ceil(unit) * unit + unit
}

/// Two slots, one behind the other.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    at: u32,
    len: u32,
    tag: u64,
    /// The slot that counts, and what it holds.
    newest: Option<(bool, Held)>,
    contents: [Content; 2],
}

impl<F: NorFlash> Slots<F> {
    const UNIT: usize = unit(F::READ_SIZE, F::WRITE_SIZE);

    /// Looks at two slots of `len` bytes from `at` on. `tag` is the caller's: a state under another one does not count.
    ///
    /// # Errors
    /// [`SlotError::Units`], [`SlotError::Place`], [`SlotError::Flash`].
    pub fn open(flash: F, at: u32, len: u32, tag: u64) -> Result<Self, SlotError<F::Error>> {
        let divides = |part: usize, whole: usize| part > 0 && whole.is_multiple_of(part);
        let units = [F::READ_SIZE, F::WRITE_SIZE].iter().all(|&part| divides(part, CHUNK));
        if !units || !divides(Self::UNIT, F::ERASE_SIZE) {
            return Err(SlotError::Units);
        }
        let aligned = divides(F::ERASE_SIZE, at as usize) && divides(F::ERASE_SIZE, len as usize);
        let end = at as u64 + 2 * len as u64;
        if !aligned || len == 0 || end > flash.capacity() as u64 || end > u32::MAX as u64 {
            return Err(SlotError::Place);
        }
        let mut slots = Self { flash, at, len, tag, newest: None, contents: [Content::Empty; 2] };
        let contents = [slots.look(false)?, slots.look(true)?];
        slots.contents = contents;
        slots.newest = match contents {
            // Numbers go round: the newer one is ahead by less than half of them.
            [Content::Whole(first), Content::Whole(second)] => {
                let later = (second.sequence.wrapping_sub(first.sequence) as i32) > 0;
                Some(if later { (true, second) } else { (false, first) })
            }
            [Content::Whole(first), _] => Some((false, first)),
            [_, Content::Whole(second)] => Some((true, second)),
            _ => None,
        };
        Ok(slots)
    }

    /// The state that counts.
    pub fn newest(&self) -> Option<Held> {
        self.newest.map(|(_, held)| held)
    }

    /// What lay in the two slots when they were opened, or lies there since the last save.
    pub fn contents(&self) -> [Content; 2] {
        self.contents
    }

    /// The flash again.
    pub fn free(self) -> F {
        self.flash
    }

    /// Writes a state to the slot that does not count, and then lets it count; its sequence number.
    ///
    /// # Errors
    /// [`SlotError::TooSmall`], [`SlotError::Flash`], [`SlotError::Unsound`]: the state that counted before still does.
    pub fn save(
        &mut self,
        parameters: &[f32],
        running: &[f32],
        state: &[f32],
        progress: &Progress,
    ) -> Result<u32, SlotError<F::Error>> {
        let lengths = (parameters.len() as u64, running.len() as u64, state.len() as u64);
        let have = self.len as u64;
        let erased = match slot_len(lengths, (F::READ_SIZE, F::WRITE_SIZE, F::ERASE_SIZE)) {
            Some(erased) if erased <= self.len => erased,
            need => return Err(SlotError::TooSmall { need: need.map_or(u64::MAX, u64::from), have }),
        };
        let second = self.newest.is_some_and(|(second, _)| !second);
        let held = Held {
            sequence: self.newest.map_or(0, |(_, held)| held.sequence.wrapping_add(1)),
            parameters: parameters.len() as u32,
            running: running.len() as u32,
            state: state.len() as u32,
        };
        let at = self.start(second);
        if let Some(content) = self.contents.get_mut(usize::from(second)) {
            *content = Content::Damaged;
        }
        self.flash.erase(at, at + erased).map_err(SlotError::Flash)?;
        let fields = self.fields(&held);
        let mut digest = CRC.digest();
        digest.update(&fields);
        let floats = parameters.iter().chain(running).chain(state);
        let progress = progress.to_le_bytes();
        let words = progress.as_chunks::<4>().0.iter().copied().map(u32::from_le_bytes);
        let mut writer =
            Writer { flash: &mut self.flash, at: at + head(Self::UNIT as u64) as u32, len: 0, bytes: [0xff; CHUNK] };
        for word in words.chain(floats.map(|&x| word(x))) {
            let bytes = word.to_le_bytes();
            digest.update(&bytes);
            writer.put(bytes).map_err(SlotError::Flash)?;
        }
        writer.end(Self::UNIT).map_err(SlotError::Flash)?;
        writer.at = at;
        for word in fields.as_chunks::<4>().0 {
            writer.put(*word).map_err(SlotError::Flash)?;
        }
        writer.end(Self::UNIT).map_err(SlotError::Flash)?;
        writer.put(digest.finalize().to_le_bytes()).map_err(SlotError::Flash)?;
        writer.end(Self::UNIT).map_err(SlotError::Flash)?;
        let content = self.look(second)?;
        if let Some(to) = self.contents.get_mut(usize::from(second)) {
            *to = content;
        }
        if content != Content::Whole(held) {
            return Err(SlotError::Unsound);
        }
        self.newest = Some((second, held));
        Ok(held.sequence)
    }

    /// Takes up the state that counts; None where there is none.
    ///
    /// # Errors
    /// [`SlotError::Lengths`], and nothing is read then; [`SlotError::Flash`], [`SlotError::Unsound`]: the buffers are worth nothing then.
    pub fn load(
        &mut self,
        parameters: &mut [f32],
        running: &mut [f32],
        state: &mut [f32],
    ) -> Result<Option<Progress>, SlotError<F::Error>> {
        let Some((second, held)) = self.newest else { return Ok(None) };
        let lengths = [parameters.len(), running.len(), state.len()];
        if lengths != [held.parameters, held.running, held.state].map(|len| len as usize) {
            return Err(SlotError::Lengths(held));
        }
        let mut progress = [0; PROGRESS];
        let mut words = progress.as_chunks_mut::<4>().0.iter_mut();
        let mut floats = parameters.iter_mut().chain(running).chain(state);
        let content = self.walk(second, |bytes| match words.next() {
            Some(word) => *word = bytes,
            None => {
                if let Some(float) = floats.next() {
                    *float = f32::from_le_bytes(bytes);
                }
            }
        })?;
        if content == Content::Whole(held) {
            Ok(Some(Progress::from_le_bytes(progress)))
        } else {
            Err(SlotError::Unsound)
        }
    }

    fn start(&self, second: bool) -> u32 {
        if second { self.at + self.len } else { self.at }
    }

    fn look(&mut self, second: bool) -> Result<Content, SlotError<F::Error>> {
        self.walk(second, |_| {})
    }

    /// What a slot holds; `each` gets every word of the state of one that may be whole.
    fn walk(&mut self, second: bool, mut each: impl FnMut([u8; 4])) -> Result<Content, SlotError<F::Error>> {
        let (at, unit) = (self.start(second), Self::UNIT as u64);
        let mut fields = [0; FIELDS];
        let mut words = fields.as_chunks_mut::<4>().0.iter_mut();
        self.read(at, FIELDS as u32, |bytes| {
            if let Some(word) = words.next() {
                *word = bytes;
            }
        })?;
        let mut sum = [0; 4];
        self.read(at + (head(unit) - unit) as u32, 4, |bytes| sum = bytes)?;
        if fields == [0xff; FIELDS] && sum == [0xff; 4] {
            return Ok(Content::Empty);
        }
        let mut rest = &fields[..];
        let magic: [u8; 8] = taken(&mut rest);
        let mut number = || u32::from_le_bytes(taken(&mut rest));
        let (format, sequence, low, high) = (number(), number(), number(), number());
        let tag = u64::from(number()) | u64::from(number()) << 32;
        let contract = u64::from(low) | u64::from(high) << 32;
        let held = Held { sequence, parameters: number(), running: number(), state: number() };
        let len = number();
        let words = u64::from(held.parameters) + u64::from(held.running) + u64::from(held.state);
        if magic != MAGIC {
            return Ok(Content::Damaged);
        }
        // Another format may have its sum elsewhere.
        if format != FORMAT {
            return Ok(Content::Format(format));
        }
        if words * 4 + PROGRESS as u64 != u64::from(len) || head(unit) + u64::from(len) > u64::from(self.len) {
            return Ok(Content::Damaged);
        }
        let mut digest = CRC.digest();
        digest.update(&fields);
        self.read(at + head(unit) as u32, len, |bytes| {
            digest.update(&bytes);
            each(bytes);
        })?;
        Ok(if digest.finalize() != u32::from_le_bytes(sum) {
            Content::Damaged
        } else if contract != contract_hash() {
            Content::Contract
        } else if tag != self.tag {
            Content::Tag(tag)
        } else {
            Content::Whole(held)
        })
    }

    /// Reads `len` bytes, a multiple of 4, word by word.
    fn read(&mut self, at: u32, len: u32, mut each: impl FnMut([u8; 4])) -> Result<(), SlotError<F::Error>> {
        let mut bytes = [0; CHUNK];
        let mut done = 0;
        while done < len {
            let wanted = (len - done).min(CHUNK as u32) as usize;
            let whole = wanted.next_multiple_of(Self::UNIT).min(CHUNK);
            let bytes = bytes.get_mut(..whole).unwrap_or_default();
            self.flash.read(at + done, bytes).map_err(SlotError::Flash)?;
            bytes.as_chunks::<4>().0.iter().take(wanted / 4).for_each(|word| each(*word));
            done += wanted as u32;
        }
        Ok(())
    }

    fn fields(&self, held: &Held) -> [u8; FIELDS] {
        let len = 4 * (held.parameters + held.running + held.state) + PROGRESS as u32;
        let (contract, tag) = (contract_hash().to_le_bytes(), self.tag.to_le_bytes());
        let numbers = [held.parameters, held.running, held.state, len].map(u32::to_le_bytes);
        let (format, sequence) = (FORMAT.to_le_bytes(), held.sequence.to_le_bytes());
        let parts = [&MAGIC[..], &format, &sequence, &contract, &tag, numbers.as_flattened()];
        let mut fields = [0; FIELDS];
        fields.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        fields
    }
}

fn contract_hash() -> u64 {
    let mut digest = Digest::new();
    digest.push_bytes(CONTRACT.as_bytes());
    digest.hash
}

/// Collects words to chunks.
struct Writer<'f, F> {
    flash: &'f mut F,
    at: u32,
    len: usize,
    bytes: [u8; CHUNK],
}

impl<F: NorFlash> Writer<'_, F> {
    fn put(&mut self, word: [u8; 4]) -> Result<(), F::Error> {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + 4) {
            to.copy_from_slice(&word);
        }
        self.len += 4;
        if self.len >= CHUNK { self.flush(CHUNK) } else { Ok(()) }
    }

    /// Fills the unit at hand.
    fn end(&mut self, unit: usize) -> Result<(), F::Error> {
        if self.len == 0 { Ok(()) } else { self.flush(self.len.next_multiple_of(unit)) }
    }

    fn flush(&mut self, len: usize) -> Result<(), F::Error> {
        self.flash.write(self.at, self.bytes.get(..len).unwrap_or_default())?;
        self.at += len as u32;
        self.len = 0;
        self.bytes = [0xff; CHUNK];
        Ok(())
    }
}
