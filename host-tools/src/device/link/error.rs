use crate::text;
use shatterscope::contract::CONTRACT;
use shatterscope::wire::{Broken, VERSION, Why};
use shatterscope_engine::{OUT_OF_RANGE, Placed};
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

impl Mended {
    /// What came after an earlier state.
    pub(super) fn since(&self, before: &Mended) -> Mended {
        Mended {
            lost: self.lost - before.lost,
            repeated: self.repeated - before.repeated,
            corrupt: self.corrupt - before.corrupt,
            late: self.late - before.late,
            resets: self.resets - before.resets,
            retries: self.retries - before.retries,
        }
    }
}

/// What came instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The time that the exchange had.
    pub limit: Duration,
    /// Requests sent.
    pub requests: u32,
    /// Bytes received.
    pub bytes: u64,
    /// Frames among them that could be read.
    pub frames: u64,
    /// Reports of progress that did not advance.
    pub stalled: u64,
    /// Messages that only a host sends, and elements that had come before.
    pub useless: u64,
    /// What was wrong on the line.
    pub mended: Mended,
}

/// With more bytes a frame than a frame has, most of them are noise.
const NOISE: u64 = 2 * shatterscope::wire::MAX_FRAME as u64;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unanswered { limit, requests, bytes, frames, stalled, useless, mended } = self;
        let attempts = requests;
        let requests = if *requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") };
        // A few frames may still answer an earlier request.
        if *bytes > NOISE * *frames {
            return write!(
                f,
                "the device sent {bytes} bytes that are no frames: wrong baud rate or other firmware? ({requests}, none answered)"
            );
        }
        write!(f, "no whole answer to {requests} within {:.1} s", limit.as_secs_f64())?;
        let seen = [
            (u64::from(mended.lost), "frames lost"),
            (u64::from(mended.corrupt), "corrupt"),
            (u64::from(mended.repeated), "repeated"),
            (u64::from(mended.late), "that answer something else"),
            (u64::from(mended.resets), "restarts"),
            (*stalled, "reports of progress that do not advance"),
            (*useless, "that say nothing new"),
        ];
        let seen: Vec<_> = seen.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let seen = if seen.is_empty() { "it ends too early".to_owned() } else { seen.join(", ") };
        let advice = if mended.corrupt > 0 || mended.lost > *attempts {
            "look at the cable, lower the baud rate"
        } else {
            "does it run the firmware of this version?"
        };
        write!(f, ", {frames} frames in {bytes} bytes: {seen}; {advice}")
    }
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
    /// No whole answer came: what came instead.
    GaveUp(Box<Unanswered>),
    /// The device does not take what is sent to it.
    Deaf(Duration),
    /// What the device says cannot be: a whole frame with a good checksum that no firmware of this version sends. What it is.
    Lie(String),
    /// The device gave NaN or infinity as a result, and no fault: where, and the bits.
    NonFinite {
        /// The run, or the store of a training, and the element.
        place: String,
        /// Bits.
        bits: u32,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Silent(limit) => write!(
                f,
                "the device said nothing for {:.1} s: is it powered, flashed and on this port? --timeout waits longer",
                limit.as_secs_f64()
            ),
            LinkError::Closed(how) => write!(f, "the device is gone ({})", text::visible(how)),
            LinkError::OtherContract(id) => {
                write!(
                    f,
                    "the device computes by contract {}, this program by {CONTRACT}: flash the firmware of this version",
                    text::visible(id)
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
            LinkError::GaveUp(seen) => seen.fmt(f),
            LinkError::Deaf(limit) => write!(
                f,
                "the device has not read what was sent to it for {:.1} s: does it run the firmware of this version?",
                limit.as_secs_f64()
            ),
            LinkError::Lie(what) => {
                write!(f, "the device does not keep to the wire format: {what}; flash the firmware of this version")
            }
            LinkError::NonFinite { place, bits } => write!(
                f,
                "the device gave {} (bits {bits:08x}) as {place}, and reported no fault: its numbers cannot be trusted",
                match f32::from_bits(*bits) {
                    x if x.is_nan() => "NaN",
                    _ => "infinity",
                }
            ),
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, why: Why, need: u64, have: u64) -> fmt::Result {
    match why {
        Why::Network(reason) => write!(f, "the device refuses: {reason}"),
        Why::Memory => write!(
            f,
            "the device refuses: the run needs {need} B of memory, {have} B are there; `plan` shows what fits"
        ),
        Why::NonFinite(fault) => write!(f, "{}", shatterscope::Error::NonFinite(fault)),
        Why::Input => f.write_str("the device refuses: the ends of the grid must be finite"),
        Why::SelfTest => write!(f, "the device fails its self-test (checks {have:#b}): its numbers cannot be trusted"),
        Why::Contract => f.write_str("the device computes by another contract: flash the firmware of this version"),
        Why::Cancelled => f.write_str("the request was cancelled"),
        Why::Frame => {
            let broken = match Broken::of_code(need) {
                Some(Broken::Truncated) => "it ended early",
                Some(Broken::TooLong) => "it was longer than a frame",
                Some(Broken::Checksum) => "its checksum was wrong",
                Some(Broken::Version) => "it was of another version of the wire format",
                Some(Broken::Message) => "its message is unknown to the firmware",
                None => "the device does not say why",
            };
            write!(f, "the device cannot read a request: {broken}")
        }
        Why::Config(setting) => write!(f, "the device refuses: {}", shatterscope::Error::InvalidConfig(setting)),
        Why::Layers => write!(f, "the graph has {need} nodes, and the device takes at most {have}"),
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
        Why::Stack => f.write_str(
            "stack overflow on the device: reset it, and give its firmware more stack (in its board.toml) or a smaller network",
        ),
        Why::Node(reason) => write!(f, "the device refuses node {need} of the graph: {reason}"),
        Why::Nodes => f.write_str("the graph did not arrive whole"),
        Why::Operation => write!(
            f,
            "the device refuses: the network has {have} nodes, and node {} was asked for",
            need.saturating_sub(1)
        ),
    }
}

impl LinkError {
    /// The message for a device that runs this graph: a device knows nodes by their indices only, and the message has their names.
    pub fn about(&self, placed: &Placed) -> String {
        match *self {
            LinkError::Refused { why: Why::NonFinite(fault), .. } => {
                placed.failure(shatterscope::Error::NonFinite(fault), OUT_OF_RANGE).message
            }
            LinkError::Refused { why: Why::Node(reason), need, .. } => {
                let node = placed.names().shown(need.min(u64::from(u32::MAX)) as u32);
                format!("the device refuses node {node} of the graph: {reason}")
            }
            _ => self.to_string(),
        }
    }
}

impl From<LinkError> for crate::Failure {
    fn from(error: LinkError) -> Self {
        crate::Failure::failed(error.to_string())
    }
}
