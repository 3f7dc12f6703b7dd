use super::Message;
use cobs::{EncoderState, PushResult};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Version of the wire format: the first byte of every frame.
pub const VERSION: u8 = 3;

/// Bytes of the longest frame, its closing zero included.
pub const MAX_FRAME: usize = 256;

/// Bytes of values that fit into one frame, whatever their numbers; a multiple of 8.
pub const VALUE_BYTES: usize = 224;

pub(super) const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A message and its place in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frame<'a> {
    /// Number of the request, chosen by the host; 0 where a device speaks unasked.
    pub request: u32,
    /// Place in the answer, from 0; 0 in requests.
    pub sequence: u32,
    /// What is said.
    #[serde(borrow)]
    pub message: Message<'a>,
}

/// The bytes of a frame: COBS of version, postcard of the frame, CRC-32 of both, then a zero. None where they do not fit,
/// which happens only to values longer than [`VALUE_BYTES`] and to texts of more than 150 bytes together.
pub fn encode<'b>(frame: &Frame, buffer: &'b mut [u8; MAX_FRAME]) -> Option<&'b [u8]> {
    let framed = Framed { buffer, len: 1, cobs: EncoderState::default(), digest: CRC.digest() };
    postcard::serialize_with_flavor(&(VERSION, frame), framed).ok()
}

/// Frees what goes through of zeros, adds the CRC behind it. Postcard's own flavours index, which can panic, and its CRC
/// wants a table of a kilobyte.
struct Framed<'b, 'c> {
    buffer: &'b mut [u8; MAX_FRAME],
    /// Bytes written, with a place kept for the code of the run at hand.
    len: usize,
    cobs: EncoderState,
    digest: crc::Digest<'c, u32, NoTable>,
}

impl Framed<'_, '_> {
    fn set(&mut self, at: usize, byte: u8) -> postcard::Result<()> {
        *self.buffer.get_mut(at).ok_or(postcard::Error::SerializeBufferFull)? = byte;
        Ok(())
    }

    fn put(&mut self, byte: u8) -> postcard::Result<()> {
        match self.cobs.push(byte) {
            PushResult::AddSingle(byte) => self.set(self.len, byte)?,
            PushResult::ModifyFromStartAndSkip((at, code)) => self.set(at, code)?,
            PushResult::ModifyFromStartAndPushAndSkip((at, code, byte)) => {
                self.set(at, code)?;
                self.set(self.len, byte)?;
                self.len = self.len.saturating_add(1);
            }
        }
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}

impl<'b> Flavor for Framed<'b, '_> {
    type Output = &'b [u8];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.digest.update(&[byte]);
        self.put(byte)
    }

    fn finalize(mut self) -> postcard::Result<&'b [u8]> {
        for byte in self.digest.clone().finalize().to_le_bytes() {
            self.put(byte)?;
        }
        let (at, code) = core::mem::take(&mut self.cobs).finalize();
        self.set(at, code)?;
        self.set(self.len, 0)?;
        self.buffer.get(..=self.len).ok_or(postcard::Error::SerializeBufferFull)
    }
}
