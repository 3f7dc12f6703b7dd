//! The bytes between this program and a device.
use crate::{Failure, Result};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

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
    /// The other side is gone.
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// Waits for bytes, for so long at most.
    fn receive(&mut self, limit: Duration) -> Received;

    /// Ends a run that does not listen: only where the device is a process of ours.
    fn kill(&mut self) -> bool {
        false
    }
}

/// A child process that reads frames on its standard input and writes them to its standard output.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    words: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// A program that does not start.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::failed(format!("cannot start {name}: {error}; {}", hint(&name))))?;
        let (sender, output) = channel();
        let mut stdout = child.stdout.take();
        spawn(move || {
            let mut buffer = [0; 4096];
            while let Some(Ok(len @ 1..)) = stdout.as_mut().map(|stdout| stdout.read(&mut buffer)) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take();
        let words = spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.as_mut().map(|stderr| stderr.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self { input: child.stdin.take(), child, output, words: Some(words) })
    }

    /// Closes its input, waits for its end, and says how it ended: status and last line on standard error.
    fn finish(&mut self, limit: Duration) -> String {
        self.input = None;
        let end = Instant::now() + limit;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
                _ => {
                    let _ = self.child.kill();
                    break self.child.wait().ok();
                }
            }
        };
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim().to_owned();
        match status {
            Some(status) => format!("{status}: {last}"),
            None => last,
        }
    }
}

fn hint(program: &str) -> &'static str {
    match program {
        "qemu-system-arm" | "qemu-system-aarch64" => "install it: sudo apt-get install qemu-system-arm",
        "qemu-system-riscv32" | "qemu-system-riscv64" => "install it: sudo apt-get install qemu-system-misc",
        "node" => "install it: sudo apt-get install nodejs",
        _ => "is it installed?",
    }
}

impl Channel for Process {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(bytes).and_then(|()| input.flush()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn receive(&mut self, limit: Duration) -> Received {
        match self.output.recv_timeout(limit) {
            Ok(bytes) => Received::Bytes(bytes),
            Err(RecvTimeoutError::Timeout) => Received::Silence,
            Err(RecvTimeoutError::Disconnected) => Received::Closed(self.finish(Duration::from_secs(1))),
        }
    }

    fn kill(&mut self) -> bool {
        self.child.kill().is_ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.words.is_some() {
            self.finish(Duration::from_millis(500));
        }
    }
}
