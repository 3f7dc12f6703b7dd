//! A device that is a child process of ours.
use super::channel::{Channel, Received};
use super::pump::{Tail, Writer, reader};
use crate::ending::{self, Ending};
use crate::{Failure, Result, text};
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long a process may take to end by itself once its input is closed.
const PATIENCE: Duration = Duration::from_millis(400);

/// A child process that reads frames on its standard input and writes them to its standard output. It leads a process group of its
/// own; whatever is left of the group at its end is killed.
pub struct Process {
    child: Child,
    input: Option<Writer>,
    output: Receiver<Vec<u8>>,
    words: Tail,
    ended: bool,
    /// Dropped before the process is reaped.
    ending: Option<Ending>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// A program that does not start.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, ending) = ending::begin(|| {
            let child = command.spawn()?;
            let id = child.id();
            Ok((child, move || kill_group(id)))
        })
        .map_err(|error: io::Error| Failure::failed(format!("cannot start {name}: {error}; {}", hint(&name))))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Failure::failed(format!("cannot start {name}: no pipes to it")));
        };
        let (input, output, words) = (Some(Writer::new(stdin)), reader(stdout), Tail::of(stderr));
        Ok(Self { child, input, output, words, ended: false, ending: Some(ending) })
    }

    /// Closes its input, waits for its end, kills what is left of it and its children, and says how it ended: status and last line on
    /// standard error.
    fn finish(&mut self) -> String {
        self.input = None;
        self.ended = true;
        let end = Instant::now() + PATIENCE;
        while self.running() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        let stayed = self.running();
        // Before the process is reaped: afterwards another group could have its number.
        kill_group(self.child.id());
        self.ending = None;
        let status = self.reaped();
        let last = text::last_line(&self.words.bytes(PATIENCE / 2)).unwrap_or("no message".to_owned());
        match status {
            _ if stayed => format!("it closed its output, and was ended: {last}"),
            Some(status) => format!("{status}: {last}"),
            None => last,
        }
    }

    #[cfg(unix)]
    fn running(&self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let Some(pid) = Pid::from_raw(self.child.id() as i32) else { return false };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(pid), options), Ok(None))
    }

    #[cfg(not(unix))]
    fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The status of a process that has been killed. One that is stuck in the system is left behind.
    fn reaped(&mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        let end = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
                status => return status.ok().flatten(),
            }
        }
    }
}

#[cfg(unix)]
fn kill_group(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = Pid::from_raw(id as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: u32) {}

fn hint(program: &str) -> &'static str {
    match program {
        "qemu-system-arm" | "qemu-system-aarch64" => "install it: sudo apt-get install qemu-system-arm",
        "qemu-system-riscv32" | "qemu-system-riscv64" => "install it: sudo apt-get install qemu-system-misc",
        "node" => "install it: sudo apt-get install nodejs",
        _ => "is it installed?",
    }
}

impl Channel for Process {
    fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write(bytes, limit),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn receive(&mut self, limit: Duration) -> Received {
        match self.output.recv_timeout(limit) {
            Ok(bytes) => Received::Bytes(bytes),
            Err(RecvTimeoutError::Timeout) => Received::Silence,
            Err(RecvTimeoutError::Disconnected) => Received::Closed(self.finish()),
        }
    }

    fn kill(&mut self) -> bool {
        kill_group(self.child.id());
        self.child.kill().is_ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            // Further output is not read: a process that writes without end ends by itself.
            self.output = sync_channel(0).1;
            self.finish();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    /// Waits until a process with this id is gone, or is a zombie that another process has to reap.
    fn ends(pid: &str) -> bool {
        let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
            Err(_) => true,
        };
        (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            gone()
        })
    }

    /// A process that ignores signals and the end of its input, and a child of its own that has its output.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_ignores_its_end_is_killed_with_its_children() {
        let mut process = sh("trap '' TERM INT HUP; sleep 1000 & echo $!; while :; do sleep 1; done");
        let Received::Bytes(words) = process.receive(Duration::from_secs(30)) else { panic!("it says a number") };
        let child = String::from_utf8(words).unwrap().trim().to_owned();
        let own = process.child.id().to_string();
        let start = Instant::now();
        drop(process);
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(ends(&own) && ends(&child), "{own} {child}");
    }

    #[test]
    fn what_does_not_read_is_named_and_ended() {
        let mut process = sh("exec sleep 1000");
        let error = process.send(&[1; 1 << 20], Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let start = Instant::now();
        drop(process);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_last_words_are_one_short_line() {
        let mut process = sh("yes 'a line' | head -n 100000 >&2; printf '\\033[31mred\\n' >&2; exit 3");
        let how = loop {
            match process.receive(Duration::from_secs(30)) {
                Received::Closed(how) => break how,
                other => assert_eq!(other, Received::Silence),
            }
        };
        assert_eq!(how, "exit status: 3: \\u{1b}[31mred");
    }
}
