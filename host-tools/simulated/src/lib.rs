//! A device on a line whose faults are chosen: the real firmware in a thread, frames carried by channels.
//!
//! A package, so that the firmware is compiled with optimisation whatever the tests are.
#![allow(missing_docs, reason = "read by tests alone")]
mod flash;
pub mod hostile;

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
pub use flash::{FLASH, Flash};
use shatterscope::Pass;
use shatterscope_firmware::device::{Board, Clock, Device, InFlash, NoDelay, NoPin, NoStack, Status};
use shatterscope_firmware::serve;
use shatterscope_host::device::channel::{Channel, Received};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::{Duration, Instant};

pub const BOARD: Board = Board { name: "simulated", core: "host", fpu: true, clock: 1, flash: 0, ram: 0 };

/// The direction of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToDevice,
    ToHost,
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    Lost,
    Twice,
    /// It arrives after the next one of its way.
    Late,
    /// This bit is turned over.
    Turned(usize),
    /// Only so many bytes arrive, then the closing zero.
    Cut(usize),
    /// Only so many bytes arrive, and no zero.
    Torn(usize),
    /// Noise before it.
    Noise,
    /// The device starts anew before it arrives.
    Reset,
    /// The device is gone.
    Gone,
}

/// The looks of a device at its line while it computes.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Looks that came to nothing so far.
    done: Arc<AtomicU64>,
    /// The look at which the device waits until it hears something, and before which it hears nothing; the greatest number for a device that
    /// hears at every look what is there.
    hears: Arc<AtomicU64>,
}

impl Default for Looks {
    fn default() -> Self {
        Self { done: Arc::default(), hears: Arc::new(AtomicU64::new(u64::MAX)) }
    }
}

impl Looks {
    /// Looks since the last call, after which the device hears whatever is there.
    pub fn take(&self) -> u64 {
        self.hears.store(u64::MAX, Ordering::SeqCst);
        self.done.swap(0, Ordering::SeqCst)
    }

    /// From here on the device hears nothing at so many looks, and waits at the next one until it hears something.
    pub fn hear_after(&self, looks: u64) {
        self.done.store(0, Ordering::SeqCst);
        self.hears.store(looks, Ordering::SeqCst);
    }
}

/// The device's end of the line.
struct Line {
    input: Receiver<Vec<u8>>,
    pending: VecDeque<u8>,
    output: SyncSender<Vec<u8>>,
    looks: Looks,
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        while self.pending.is_empty() {
            match self.input.recv() {
                Ok(bytes) => self.pending.extend(bytes),
                Err(_) => return Ok(0),
            }
        }
        self.pending.read(buffer).map_err(|_| ErrorKind::Other)
    }
}

impl ReadReady for Line {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        while self.pending.is_empty() {
            let (looks, hears) = (self.looks.done.load(Ordering::SeqCst), self.looks.hears.load(Ordering::SeqCst));
            let heard = match looks.cmp(&hears) {
                std::cmp::Ordering::Less if hears < u64::MAX => Err(TryRecvError::Empty),
                std::cmp::Ordering::Equal => self.input.recv().map_err(|_| TryRecvError::Disconnected),
                _ => self.input.try_recv(),
            };
            match heard {
                Ok(bytes) => self.pending.extend(bytes),
                Err(TryRecvError::Empty) => {
                    self.looks.done.fetch_add(1, Ordering::SeqCst);
                    return Ok(false);
                }
                // The read then says that this is the end.
                Err(TryRecvError::Disconnected) => return Ok(true),
            }
        }
        Ok(true)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.output.send(bytes.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Counts the runs of the executor, and ten ticks an operation.
struct Runs(Arc<AtomicU64>, u64);

impl Clock for Runs {
    fn start(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1 = 0;
    }

    fn stop(&mut self) -> Option<u64> {
        // A run takes no less than its operations.
        Some(self.0.load(Ordering::SeqCst).max(self.1))
    }

    fn mark(&mut self, _: Pass, _: u32) -> Option<u64> {
        self.1 += 10;
        Some(self.1)
    }
}

/// The firmware at the end of a serial port, until the process ends.
#[cfg(unix)]
pub fn behind(mut port: serialport::TTYPort) {
    use serialport::SerialPort;
    use std::io::{Read as _, Write as _};
    let ((to, input), (output, from)) = (channel(), sync_channel::<Vec<u8>>(0));
    let mut writer = port.try_clone_native().unwrap();
    std::thread::spawn(move || {
        while let Ok(frame) = from.recv() {
            writer.write_all(&frame).and_then(|()| writer.flush()).unwrap();
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        port.set_timeout(Duration::from_secs(60)).unwrap();
        while let Ok(len @ 1..) = port.read(&mut buffer) {
            to.send(buffer[..len].to_vec()).unwrap();
        }
    });
    Made::default().serve(Line { input, pending: VecDeque::new(), output, looks: Looks::default() });
}

/// What the device is made of.
#[derive(Clone)]
pub struct Made {
    pub board: Board,
    /// Words of the arena.
    pub words: usize,
    /// Runs of the executor so far.
    pub runs: Arc<AtomicU64>,
    /// It outlives a reset.
    pub flash: Flash,
    /// Its looks at the line.
    pub looks: Looks,
}

impl Default for Made {
    fn default() -> Self {
        Self { board: BOARD, words: 1 << 16, runs: Arc::default(), flash: Flash::default(), looks: Looks::default() }
    }
}

impl Made {
    fn start(&self) -> Ends {
        // A line without buffers: the device waits until the host takes each frame, so it is never far ahead of it.
        let ((to, input), (output, from)) = (channel(), sync_channel(0));
        self.serve(Line { input, pending: VecDeque::new(), output, looks: self.looks.clone() });
        (to, from)
    }

    fn serve(&self, bytes: Line) {
        let made = self.clone();
        std::thread::spawn(move || {
            let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
            let (clock, len) = (Runs(made.runs, 0), (FLASH / 2) as u32);
            let flash = InFlash { flash: made.flash, at: 0, len };
            let mut device = Device { board: made.board, bytes, clock, stack: NoStack, status, flash };
            serve::<2, 16, _, _, _, _, _, _, _>(&mut device, &mut vec![0.0; made.words]);
        });
    }
}

/// Both ends of a line of frames, as the host holds them.
type Ends = (Sender<Vec<u8>>, Receiver<Vec<u8>>);

/// Decides over each frame: its way, and its number of this way from 0.
pub type Faults = Box<dyn FnMut(Way, usize) -> Fate>;

/// The host's end of the line.
pub struct Simulated {
    made: Made,
    /// What a reset starts.
    next: Made,
    line: Option<Ends>,
    faults: Faults,
    seen: [usize; 2],
    held: [Option<Vec<u8>>; 2],
}

impl Simulated {
    pub fn new(made: Made, faults: Faults) -> Box<Self> {
        Self::that_becomes(made.clone(), made, faults)
    }

    /// After a reset, `next` answers.
    pub fn that_becomes(made: Made, next: Made, faults: Faults) -> Box<Self> {
        let line = Some(made.start());
        Box::new(Self { made, next, line, faults, seen: [0; 2], held: [None, None] })
    }

    /// What arrives of a frame.
    fn carry(&mut self, way: Way, frame: Vec<u8>) -> Vec<u8> {
        let at = way as usize;
        let fate = (self.faults)(way, self.seen[at]);
        self.seen[at] += 1;
        let held = self.held[at].take();
        let mut arrives = match fate {
            Fate::Pass => frame,
            Fate::Lost => Vec::new(),
            Fate::Twice => [frame.clone(), frame].concat(),
            Fate::Late => {
                self.held[at] = Some(frame);
                Vec::new()
            }
            Fate::Turned(bit) => {
                let mut frame = frame;
                let bit = bit % (8 * frame.len());
                frame[bit / 8] ^= 1 << (bit % 8);
                frame
            }
            Fate::Cut(len) => [&frame[..len % frame.len()], &[0]].concat(),
            Fate::Torn(len) => frame[..len % frame.len()].to_vec(),
            Fate::Noise => [vec![0x55; 300], vec![0], frame].concat(),
            Fate::Reset => {
                self.made = self.next.clone();
                self.line = Some(self.made.start());
                if way == Way::ToHost { Vec::new() } else { frame }
            }
            Fate::Gone => {
                self.line = None;
                Vec::new()
            }
        };
        arrives.extend(held.unwrap_or_default());
        arrives
    }
}

impl Channel for Simulated {
    fn send(&mut self, bytes: &[u8], _: Duration) -> std::io::Result<()> {
        let bytes = self.carry(Way::ToDevice, bytes.to_vec());
        match &self.line {
            Some((to, _)) => to.send(bytes).map_err(|_| std::io::ErrorKind::BrokenPipe.into()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn receive(&mut self, limit: Duration) -> Received {
        let end = Instant::now() + limit;
        loop {
            let Some((_, from)) = &self.line else { return Received::Closed("pulled out".to_owned()) };
            let left = end.saturating_duration_since(Instant::now());
            match from.recv_timeout(left) {
                Ok(frame) => {
                    let bytes = self.carry(Way::ToHost, frame);
                    if !bytes.is_empty() {
                        return Received::Bytes(bytes);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Received::Silence,
                Err(RecvTimeoutError::Disconnected) => return Received::Closed("ended".to_owned()),
            }
        }
    }
}

/// A peer that says given bytes to every question: for what the real firmware never says.
pub struct Scripted<A>(A, VecDeque<Vec<u8>>);

impl<A: FnMut(&[u8]) -> Vec<u8>> Scripted<A> {
    pub fn new(answer: A) -> Box<Self> {
        Box::new(Self(answer, VecDeque::new()))
    }
}

impl<A: FnMut(&[u8]) -> Vec<u8>> Channel for Scripted<A> {
    fn send(&mut self, bytes: &[u8], _: Duration) -> std::io::Result<()> {
        let answer = (self.0)(bytes);
        self.1.push_back(answer);
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Received {
        match self.1.pop_front() {
            Some(bytes) => Received::Bytes(bytes),
            None => {
                std::thread::sleep(limit);
                Received::Silence
            }
        }
    }
}
