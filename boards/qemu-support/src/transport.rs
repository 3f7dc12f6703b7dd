use core::fmt::Arguments;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use semihosting::io::{self, Stdin, Stdout, Write as _, stderr, stdin, stdout};

/// Frames come from standard input and go to standard output of the emulator.
pub struct Semihosting {
    input: Stdin,
    output: Stdout,
}

impl Semihosting {
    /// Opens both.
    ///
    /// # Errors
    /// Where nobody answers semihosting calls.
    pub fn open() -> io::Result<Self> {
        Ok(Self { input: stdin()?, output: stdout()? })
    }
}

impl ErrorType for Semihosting {
    type Error = ErrorKind;
}

impl Read for Semihosting {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        io::Read::read(&mut self.input, buffer).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Semihosting {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        io::Write::write(&mut self.output, bytes).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl ReadReady for Semihosting {
    /// Semihosting cannot say: a host that wants the end of a run ends the emulator.
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(false)
    }
}

/// Last words; nothing is left to do when they cannot be said.
pub(crate) fn complain(text: Arguments) {
    let _ = stderr().and_then(|mut to| to.write_fmt(text));
}
