use super::Message;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use postcard::ser_flavors::{Cobs, Flavor, Slice};
use serde::{Deserialize, Serialize};

/// Version of the wire format: the first byte of every frame.
pub const VERSION: u8 = 1;

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
    let flavor = Checked { to: Cobs::try_new(Slice::new(buffer)).ok()?, digest: CRC.digest() };
    let bytes = postcard::serialize_with_flavor(&(VERSION, frame), flavor).ok()?;
    Some(bytes)
}

/// Adds the CRC behind what goes through; postcard's own wants a table of a kilobyte.
struct Checked<'a, F> {
    to: F,
    digest: crc::Digest<'a, u32, NoTable>,
}

impl<F: Flavor> Flavor for Checked<'_, F> {
    type Output = F::Output;

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.digest.update(&[data]);
        self.to.try_push(data)
    }

    fn finalize(mut self) -> postcard::Result<F::Output> {
        for byte in self.digest.finalize().to_le_bytes() {
            self.to.try_push(byte)?;
        }
        self.to.finalize()
    }
}
