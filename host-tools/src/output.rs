//! Standard output and whoever reads it.
//!
//! A pipe that its reader has closed ends the work, quietly and with exit code [`CLOSED_PIPE`], as users of `head` expect: the next
//! print fails, and a thread watches the pipe, so that hours of work do not continue without a reader. Training ends after the step at hand and
//! writes its checkpoint first. A command that prints nothing (`figures --quiet`) works on: its files are what it is for.
use crate::error::CLOSED_PIPE;
use crate::{Failure, Result, text};
use std::io::{BufWriter, ErrorKind, Write};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Something is still to be printed.
const OPEN: u8 = 0;
/// All is printed; what becomes of the pipe makes no difference.
const DONE: u8 = 1;
/// The reader is gone.
const CLOSED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(OPEN);
/// How many pieces of work end by themselves when the pipe is closed.
static ORDERLY: AtomicUsize = AtomicUsize::new(0);

/// Prints the last of what a command prints to standard output, control characters but line feeds as escapes.
///
/// # Errors
/// A closed pipe; anything else that keeps the text from being written.
pub fn print(text: &str) -> Result<()> {
    let _ = STATE.compare_exchange(OPEN, DONE, Ordering::SeqCst, Ordering::SeqCst);
    print_part(text)
}

/// Prints some of what a command prints.
///
/// # Errors
/// As [`print()`].
pub fn print_part(text: &str) -> Result<()> {
    print_safe(|out| text.split_inclusive('\n').try_for_each(|line| out.write_all(text::lines(line).as_bytes())))
}

/// Lets `write` print, piece by piece: what is made safe to show is never in memory as a whole.
fn print_safe(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    still_read()?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) => {
            // What is still in the buffer cannot be written either.
            let _ = out.into_parts();
            match error.kind() {
                ErrorKind::BrokenPipe => Err(Failure::closed_pipe()),
                _ => Err(Failure::failed(format!("cannot write to standard output: {error}"))),
            }
        }
        Ok(()) => Ok(()),
    }
}

/// Prints one JSON document.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let _ = STATE.compare_exchange(OPEN, DONE, Ordering::SeqCst, Ordering::SeqCst);
    print_safe(|out| {
        serde_json::to_writer_pretty(SafeJson(out), value)?;
        out.write_all(b"\n")
    })
}

/// Escapes what JSON strings may hold and a terminal would act on. The serialiser writes whole characters.
struct SafeJson<'a>(&'a mut dyn Write);

impl Write for SafeJson<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        // Long strings come as one piece.
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            self.0.write_all(text::json(piece).as_bytes())?;
            rest = after;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Bytes of a string that are escaped at once; more than a character has.
const PIECE: usize = 1 << 14;

/// Says one line on standard error, if anyone listens; control characters are escaped.
pub fn say(line: &str) {
    let _ = std::io::stderr().lock().write_all((text::line(line) + "\n").as_bytes());
}

/// Whether standard output still has a reader, as far as a watched pipe tells.
///
/// # Errors
/// A closed pipe.
pub fn still_read() -> Result<()> {
    match STATE.load(Ordering::SeqCst) {
        CLOSED => Err(Failure::closed_pipe()),
        _ => Ok(()),
    }
}

/// Work that asks [`still_read`] now and then, and so ends in order: its files are written, its devices let go.
#[derive(Debug)]
pub struct Orderly(());

/// Begins such work.
pub fn orderly() -> Orderly {
    ORDERLY.fetch_add(1, Ordering::SeqCst);
    Orderly(())
}

impl Drop for Orderly {
    fn drop(&mut self) {
        // Work that ends because of the pipe is on its way to the program's end.
        if STATE.load(Ordering::SeqCst) != CLOSED {
            ORDERLY.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Watches standard output, if it is a pipe, from a thread that takes no time.
pub fn watch() {
    #[cfg(unix)]
    std::thread::spawn(|| {
        if wait_for_the_end() && STATE.compare_exchange(OPEN, CLOSED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            while ORDERLY.load(Ordering::SeqCst) > 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            crate::ending::end(|| std::process::exit(i32::from(CLOSED_PIPE)));
        }
    });
}

/// Returns when the reader of standard output is gone: true; or false where there is no reader that could go.
#[cfg(unix)]
fn wait_for_the_end() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let out = std::io::stdout();
    let kind = out.as_fd().try_clone_to_owned().and_then(|out| std::fs::File::from(out).metadata());
    if !kind.is_ok_and(|kind| kind.file_type().is_fifo() || kind.file_type().is_socket()) {
        return false;
    }
    loop {
        // Nothing is asked for: a lost reader is reported all the same.
        let mut watched = [PollFd::new(&out, PollFlags::empty())];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => return watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
        }
    }
}
