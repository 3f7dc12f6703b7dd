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
//!
//! ```
//! # #[derive(Debug)] struct Ram([u8; 4096]);
//! # impl embedded_storage::nor_flash::ErrorType for Ram { type Error = core::convert::Infallible; }
//! # impl embedded_storage::nor_flash::ReadNorFlash for Ram {
//! #     const READ_SIZE: usize = 1;
//! #     fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
//! #         bytes.copy_from_slice(&self.0[at as usize..][..bytes.len()]); Ok(())
//! #     }
//! #     fn capacity(&self) -> usize { 4096 }
//! # }
//! # impl embedded_storage::nor_flash::NorFlash for Ram {
//! #     const WRITE_SIZE: usize = 4;
//! #     const ERASE_SIZE: usize = 1024;
//! #     fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> { self.0[from as usize..to as usize].fill(0xff); Ok(()) }
//! #     fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Self::Error> {
//! #         self.0[at as usize..][..bytes.len()].copy_from_slice(bytes); Ok(())
//! #     }
//! # }
//! # let flash = Ram([0xff; 4096]);
//! use shatterscope::train::slots::{Content, FORMAT, Held, Progress, SlotError, Slots, slot_len};
//! use shatterscope::train::{Powers, Rate};
//!
//! // `flash` has units of 4 bytes and sectors of 1 KB; the state has 3 parameters and nothing else.
//! let len = slot_len((3, 0, 0), (1, 4, 1024)).unwrap();
//! let tag = 0x1234;
//! let mut slots = Slots::open(flash, 0, len, tag)?;
//! assert_eq!(slots.contents(), [Content::Empty; 2]);
//! let progress = Progress { step: 7, batch: 0, powers: Powers::new(), rate: Rate::constant(0.1).start() };
//! slots.save(&[1.0, 2.0, 3.0], &[], &[], &progress)?;
//!
//! // After a loss of power.
//! let mut slots = Slots::open(slots.free(), 0, len, tag)?;
//! let held: Held = slots.newest().unwrap();
//! assert_eq!((FORMAT, held.parameters), (1, 3));
//! let mut parameters = [0.0; 3];
//! assert_eq!(slots.load(&mut parameters, &mut [], &mut [])?.unwrap().step, 7);
//! assert_eq!(parameters, [1.0, 2.0, 3.0]);
//! # Ok::<(), SlotError<core::convert::Infallible>>(())
//! ```
use super::word;
use crate::contract::{CONTRACT, Digest};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use embedded_storage::nor_flash::NorFlash;

mod content;
mod error;
mod length;
mod progress;
mod writer;

pub use content::{Content, Held};
pub use error::SlotError;
pub use length::slot_len;
use length::{head, unit};
pub use progress::Progress;
use progress::{PROGRESS, taken};
use writer::Writer;

/// Version of a slot's format.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"shatters";
/// Bytes of the fields.
const FIELDS: usize = 48;
/// Bytes that are read or written at once, at most.
const CHUNK: usize = 256;
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

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
        let mut writer = Writer::new(&mut self.flash, at + head(Self::UNIT as u64) as u32);
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
            let bytes = invariant!(bytes.get_mut(..whole));
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
