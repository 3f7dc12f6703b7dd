//! One RTT control block: up channel 0 carries logs, up channel 1 and down channel 0 carry frames.
#![allow(unsafe_code)]

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use rtt_target::{ChannelMode, DownChannel, UpChannel, rtt_init, set_defmt_channel};

/// Frames through the memory that a debug probe reads and writes while the core runs: nothing is lost while it computes.
pub struct Rtt {
    up: UpChannel,
    down: DownChannel,
    /// A byte that `read_ready` has found.
    peeked: Option<u8>,
}

/// Sets up the control block: logs go to channel 0 from now on, frames come back. To be called once.
pub fn logs_and_frames() -> Rtt {
    let channels = rtt_init! {
        up: {
            // Logs that nobody reads are dropped; frames wait for their reader.
            0: { size: 1024, mode: ChannelMode::NoBlockSkip, name: "defmt" }
            1: { size: 1024, mode: ChannelMode::BlockIfFull, name: "frames" }
        }
        down: { 0: { size: 512, name: "frames" } }
    };
    set_defmt_channel(channels.up.0);
    Rtt { up: channels.up.1, down: channels.down.0, peeked: None }
}

impl ErrorType for Rtt {
    type Error = ErrorKind;
}

impl Read for Rtt {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match (self.peeked.take(), buffer) {
            (Some(byte), [first, ..]) => {
                *first = byte;
                Ok(1)
            }
            (_, buffer) => loop {
                match self.down.read(buffer) {
                    0 => core::hint::spin_loop(),
                    len => return Ok(len),
                }
            },
        }
    }
}

impl ReadReady for Rtt {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        let mut byte = [0];
        if self.peeked.is_none() && self.down.read(&mut byte) == 1 {
            self.peeked = Some(byte[0]);
        }
        Ok(self.peeked.is_some())
    }
}

impl Write for Rtt {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(self.up.write(bytes))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
