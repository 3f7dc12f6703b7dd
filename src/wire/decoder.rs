use super::frame::CRC;
use super::{Frame, MAX_FRAME, VERSION};
use cobs::{DecodeResult, DecoderState};

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Broken {
    /// It ended early: bytes were lost.
    Truncated = 1,
    /// More bytes than a frame has: a closing zero was lost.
    TooLong = 2,
    /// The CRC does not match: bytes were changed.
    Checksum = 3,
    /// Another version of the wire format.
    Version = 4,
    /// Whole, but not a message of this version.
    Message = 5,
}

impl Broken {
    /// The reason with this code.
    pub const fn of_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(Broken::Truncated),
            2 => Some(Broken::TooLong),
            3 => Some(Broken::Checksum),
            4 => Some(Broken::Version),
            5 => Some(Broken::Message),
            _ => None,
        }
    }
}

/// Finds the frames in a stream of bytes. Whatever comes in, it is ready again after the next zero.
pub struct Decoder {
    bytes: [u8; MAX_FRAME],
    len: usize,
    state: DecoderState,
    /// The frame at hand is too long; what is left of it is skipped.
    overlong: bool,
}

impl Decoder {
    /// At the start of a frame.
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_FRAME], len: 0, state: DecoderState::Idle, overlong: false }
    }

    /// Takes one byte; a frame, or why it cannot be read, when that byte closed one.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<'_>, Broken>> {
        if self.overlong {
            if byte != 0 {
                return None;
            }
            self.restart();
            return Some(Err(Broken::TooLong));
        }
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataContinue(byte)) => {
                match self.bytes.get_mut(self.len) {
                    Some(to) => {
                        *to = byte;
                        self.len = self.len.saturating_add(1);
                    }
                    None => self.overlong = true,
                }
                None
            }
            Ok(DecodeResult::DataComplete) => {
                let len = core::mem::take(&mut self.len);
                Some(read(invariant!(self.bytes.get(..len))))
            }
            Err(_) => {
                self.restart();
                Some(Err(Broken::Truncated))
            }
        }
    }

    /// Forgets the frame at hand.
    pub fn restart(&mut self) {
        self.len = 0;
        self.state = DecoderState::Idle;
        self.overlong = false;
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The frame in the bytes between two zeros, freed from COBS.
fn read(bytes: &[u8]) -> Result<Frame<'_>, Broken> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Broken::Truncated)?;
    if CRC.checksum(body) != u32::from_le_bytes(*sum) {
        return Err(Broken::Checksum);
    }
    let (&version, body) = body.split_first().ok_or(Broken::Truncated)?;
    if version != VERSION {
        return Err(Broken::Version);
    }
    match postcard::take_from_bytes(body) {
        Ok((frame, [])) => Ok(frame),
        _ => Err(Broken::Message),
    }
}
