//! Errors as the user meets them: one line that says what, where and what to do, and an exit code.
use std::fmt;

/// A failure with its exit code: 2 for wrong use, 1 for anything else.
#[derive(Debug)]
pub struct Failure {
    /// 2: the command was not understood; 1: it failed, or the answer is no; [`CLOSED_PIPE`].
    pub code: u8,
    /// One line.
    pub message: String,
    /// NaN or infinity arose: of networks that learn, divergence.
    pub non_finite: bool,
}

/// The exit code of a program whose output is no longer read: what a shell gives for a death by SIGPIPE, as of other programs in
/// front of `head`.
pub const CLOSED_PIPE: u8 = 141;

/// A result that ends as one line on standard error.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Wrong use: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), non_finite: false }
    }

    /// A failure: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), non_finite: false }
    }

    /// NaN or infinity: exit code 1.
    pub fn non_finite(message: impl Into<String>) -> Self {
        Self { non_finite: true, ..Self::failed(message) }
    }

    /// The reader of the output is gone: nothing is said, and the exit code is [`CLOSED_PIPE`].
    pub fn closed_pipe() -> Self {
        Self { code: CLOSED_PIPE, ..Self::failed("the reader closed the output") }
    }

    /// The failure of an operation on a file.
    pub fn file(path: &std::path::Path, what: &str, error: impl fmt::Display) -> Self {
        Self::failed(format!("{what} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The core refuses specs (wrong use) and names what went wrong in a run.
impl From<shatterscope::Error> for Failure {
    fn from(error: shatterscope::Error) -> Self {
        match error {
            shatterscope::Error::InvalidSpec(_) | shatterscope::Error::InvalidConfig(_) => {
                Self::usage(error.to_string())
            }
            shatterscope::Error::NonFinite(_) | shatterscope::Error::Loss { .. } => Self::non_finite(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}
