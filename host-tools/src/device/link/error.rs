use super::ATTEMPTS;
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Broken, VERSION, Why};
use std::fmt;
use std::time::Duration;

/// What went wrong on the line and was mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Mended {
    /// Frames that were missing.
    pub lost: u32,
    /// Frames that came twice.
    pub repeated: u32,
    /// Frames whose bytes were wrong.
    pub corrupt: u32,
    /// Frames of an earlier answer.
    pub late: u32,
    /// Times that the device started anew.
    pub resets: u32,
    /// Requests sent again.
    pub retries: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// Nothing came for so long.
    Silent(Duration),
    /// The other side is gone.
    Closed(String),
    /// Another contract.
    OtherContract(String),
    /// Another wire format.
    OtherWire,
    /// After a reset the device is not the same.
    Changed,
    /// A reset in the middle of a training.
    Forgotten,
    /// The self-test failed: bits of the checks.
    SelfTest(u32),
    /// The device refuses the request.
    Refused {
        /// Why.
        why: Why,
        /// Asked for.
        need: u64,
        /// There.
        have: u64,
    },
    /// The line is too bad: what was seen on it.
    GaveUp(Mended),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Silent(limit) => write!(
                f,
                "the device said nothing for {:.1} s: is it powered, flashed and on this port? --timeout waits longer",
                limit.as_secs_f64()
            ),
            LinkError::Closed(how) => write!(f, "the device is gone ({how})"),
            LinkError::OtherContract(id) => {
                write!(
                    f,
                    "the device computes by contract {id}, this program by {CONTRACT}: flash the firmware of this version"
                )
            }
            LinkError::OtherWire => write!(
                f,
                "the device does not speak version {VERSION} of the wire format: flash the firmware of this version"
            ),
            LinkError::Changed => f.write_str("after a reset another firmware answers: start again"),
            LinkError::Forgotten => f.write_str(
                "the device has started anew, and what it learned is gone: go on from the last checkpoint with --resume",
            ),
            LinkError::SelfTest(checks) => {
                write!(f, "the device fails its self-test (checks {checks:#b}): its numbers cannot be trusted")
            }
            LinkError::Refused { why, need, have } => refused(f, *why, *need, *have),
            LinkError::GaveUp(seen) => write!(
                f,
                "no whole answer after {ATTEMPTS} requests: {} frames lost, {} corrupt, {} resets; look at the cable, lower the baud rate",
                seen.lost, seen.corrupt, seen.resets
            ),
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, why: Why, need: u64, have: u64) -> fmt::Result {
    match why {
        Why::Network(refusal) => write!(f, "the device refuses: {refusal}"),
        Why::Memory => write!(
            f,
            "the device refuses: the run needs {need} B of memory, {have} B are there; `plan` shows what fits"
        ),
        Why::NonFinite(fault) => write!(f, "{}", shatterscope::Error::NonFinite(fault)),
        Why::Input => f.write_str("the device refuses: the ends of the grid must be finite"),
        Why::SelfTest => write!(f, "the device fails its self-test (checks {have:#b}): its numbers cannot be trusted"),
        Why::Contract => f.write_str("the device computes by another contract: flash the firmware of this version"),
        Why::Cancelled => f.write_str("the run was cancelled"),
        Why::Frame => write!(f, "the device cannot read a request ({:?})", Broken::of_code(need)),
        Why::Setting(setting) => write!(f, "the device refuses: {}", shatterscope::Error::Setting(setting)),
        Why::Layers => write!(f, "the device cannot read the layers: it trains at most {have}"),
        Why::Session => f.write_str("the device knows nothing of this training: it was begun anew"),
        Why::Step => write!(f, "the device has done {have} steps, and step {need} was asked for"),
        Why::Examples => f.write_str("the examples did not arrive whole"),
        Why::Label => write!(f, "the label {need} is none of the {have} classes: labels count from 0"),
        Why::Loss => f.write_str("the loss is NaN or infinite: lower the learning rate"),
        Why::Store => write!(f, "the device has {have} words there, and {need} were asked for"),
        Why::NoFlash => f.write_str("the device has no flash to keep a training in"),
        Why::Flash if need > have => {
            write!(f, "the state needs {need} B of flash, and a slot of the device has {have} B")
        }
        Why::Flash => f.write_str("the flash of the device failed: the state was not kept, or is worth nothing"),
        Why::Unsaved => f.write_str("no whole state of this training lies in the flash of the device"),
        Why::Operation => write!(f, "the device refuses: operation {need} of a network of {have}"),
    }
}

impl From<LinkError> for crate::Failure {
    fn from(error: LinkError) -> Self {
        crate::Failure::failed(error.to_string())
    }
}
