//! The bytes between this program and a device.
use std::time::Duration;

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// Nothing within the time.
    Silence,
    /// The other side is gone; how it ended, if that is known.
    Closed(String),
}

/// A line to a device.
pub trait Channel {
    /// Sends all bytes.
    ///
    /// # Errors
    /// The other side is gone; [`TimedOut`](std::io::ErrorKind::TimedOut) where it has not taken all of them within the limit.
    fn send(&mut self, bytes: &[u8], limit: Duration) -> std::io::Result<()>;

    /// Waits for bytes, for so long at most. An implementation keeps a bounded number of bytes that have not been received yet, and lets
    /// the device wait when there are more.
    fn receive(&mut self, limit: Duration) -> Received;

    /// Ends a run that does not listen: only where the device is a process of ours.
    fn kill(&mut self) -> bool {
        false
    }
}
