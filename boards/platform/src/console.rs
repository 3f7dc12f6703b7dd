use core::fmt::{Arguments, Debug};
use semihosting::io::{Write, stderr, stdout};
use semihosting::process::exit;
use shatterscope_firmware::Console;

/// Results on standard output, failures on standard error.
pub struct Semihosting;

impl Semihosting {
    /// One line of a name and an integer.
    pub fn number(&mut self, name: &str, value: usize) {
        say(format_args!("{name} {value}\n"));
    }
}

impl Console for Semihosting {
    fn line(&mut self, name: &str, digest: &str) {
        say(format_args!("{name} {digest}\n"));
    }

    fn failure(&mut self, name: &str, reason: &dyn Debug) {
        complain(format_args!("{name}: {reason:?}\n"));
    }
}

/// A result that cannot be said must not look like success.
fn say(text: Arguments) {
    if stdout().and_then(|mut to| to.write_fmt(text)).is_err() {
        exit(1);
    }
}

/// Last words; nothing is left to do when they cannot be said.
pub fn complain(text: Arguments) {
    let _ = stderr().and_then(|mut to| to.write_fmt(text));
}
