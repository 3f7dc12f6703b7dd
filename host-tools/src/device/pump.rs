//! Threads that carry bytes from and to what may block for ever, each with a bounded queue.
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::Duration;

/// Most bytes of one read.
const CHUNK: usize = 4096;

/// Reads that wait to be received: with more the reader waits, then the pipe is full, then the device waits.
const CHUNKS: usize = 16;

/// The last bytes that are kept of a text that only matters at its end.
const TAIL: usize = 8 << 10;

/// Reads in a thread until the end of the input, or until the receiver is dropped.
pub(super) fn reader(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(CHUNKS);
    spawn(move || {
        let mut buffer = [0; CHUNK];
        while let Some(len @ 1..) = read(&mut from, &mut buffer) {
            if sender.send(buffer[..len].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn read(from: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            len => return len.ok(),
        }
    }
}

/// Writes in a thread, and says when that is done: a write to a pipe that is not read never ends.
pub(super) struct Writer {
    bytes: SyncSender<Vec<u8>>,
    written: Receiver<Result<()>>,
    /// A write has not ended in time. It still holds the thread, so no other is begun.
    stuck: bool,
}

impl Writer {
    pub fn new(mut to: impl Write + Send + 'static) -> Self {
        let (bytes, asked) = sync_channel::<Vec<u8>>(1);
        let (done, written) = sync_channel(1);
        spawn(move || {
            for bytes in asked {
                let outcome = to.write_all(&bytes).and_then(|()| to.flush());
                if done.send(outcome).is_err() {
                    break;
                }
            }
        });
        Self { bytes, written, stuck: false }
    }

    /// Writes all of it within the limit, or fails.
    pub fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<()> {
        if self.stuck {
            return Err(ErrorKind::TimedOut.into());
        }
        self.bytes.send(bytes.to_vec()).map_err(|_| Error::from(ErrorKind::BrokenPipe))?;
        match self.written.recv_timeout(limit) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Disconnected) => Err(ErrorKind::BrokenPipe.into()),
            Err(RecvTimeoutError::Timeout) => {
                self.stuck = true;
                Err(ErrorKind::TimedOut.into())
            }
        }
    }
}

/// The last bytes of a stream, which a thread reads to its end.
pub(super) struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    end: Receiver<()>,
}

impl Tail {
    pub fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(VecDeque::new()));
        let (ended, end) = sync_channel::<()>(1);
        let kept = bytes.clone();
        spawn(move || {
            let mut buffer = [0; CHUNK];
            while let Some(len @ 1..) = read(&mut from, &mut buffer) {
                let Ok(mut kept) = kept.lock() else { break };
                kept.extend(&buffer[..len]);
                let more = kept.len().saturating_sub(TAIL);
                kept.drain(..more);
            }
            drop(ended);
        });
        Self { bytes, end }
    }

    /// The last bytes, after the end of the stream or after the limit.
    pub fn bytes(&self, limit: Duration) -> Vec<u8> {
        let _ = self.end.recv_timeout(limit);
        self.bytes.lock().map(|bytes| bytes.iter().copied().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    /// An input without end that counts what was read of it.
    struct Endless(Arc<AtomicU64>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            buffer.fill(b'y');
            self.0.fetch_add(buffer.len() as u64, Ordering::SeqCst);
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_reader_waits_for_the_receiver() {
        let read = Arc::new(AtomicU64::new(0));
        let receiver = reader(Endless(read.clone()));
        std::thread::sleep(Duration::from_millis(100));
        let most = (CHUNK * (CHUNKS + 2)) as u64;
        assert!(read.load(Ordering::SeqCst) <= most, "a bounded queue");
        assert_eq!(receiver.recv().unwrap().len(), CHUNK);
    }

    #[test]
    fn a_tail_is_short() {
        let text: Vec<u8> = (0..3 * TAIL).map(|i| (i % 251) as u8).collect();
        let tail = Tail::of(std::io::Cursor::new(text.clone()));
        assert_eq!(tail.bytes(Duration::from_secs(20)), text[text.len() - TAIL..]);
        let start = Instant::now();
        let endless = Tail::of(Endless(Arc::default()));
        assert!(endless.bytes(Duration::from_millis(50)).len() <= TAIL);
        assert!(start.elapsed() < Duration::from_secs(10), "a stream without end is not waited for");
    }

    /// Takes nothing and never returns.
    struct Full(Receiver<()>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_write_that_blocks_times_out() {
        let (release, full) = sync_channel(0);
        let mut writer = Writer::new(Full(full));
        for _ in 0..2 {
            let error = writer.write(b"x", Duration::from_millis(20)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
        drop(release);
        let mut writer = Writer::new(Vec::new());
        assert!(writer.write(&[7; 100_000], Duration::from_secs(20)).is_ok());
    }
}
