use super::{Identity, LinkError};
use shatterscope::wire::{Broken, Done, Frame, Loaded, Message, Predicted, Ready, Saved, StepResult, Why};

/// What a frame came to.
pub(super) enum Heard {
    Frame(Reply),
    Corrupt(Broken),
    /// Nothing before the time was over.
    Silence,
    Closed(String),
}

/// A device's message, owned.
pub(super) enum Reply {
    Hello(u32, Box<Result<Identity, LinkError>>),
    Value { request: u32, sequence: u32, first: u32, bytes: Vec<u8> },
    Progress { request: u32, sequence: u32, done: u64, of: u64 },
    Done { request: u32, sequence: u32, done: Done },
    Refused { request: u32, sequence: u32, why: Why, need: u64, have: u64 },
    Ready { request: u32, sequence: u32, ready: Ready },
    StepResult { request: u32, sequence: u32, taught: StepResult },
    Saved { request: u32, sequence: u32, saved: Saved },
    Loaded { request: u32, sequence: u32, loaded: Loaded },
    Predicted { request: u32, sequence: u32, predicted: Predicted },
    Other,
}

impl Reply {
    pub fn of(frame: &Frame) -> Self {
        let Frame { request, sequence, message } = *frame;
        match message {
            Message::Hello(hello) => Reply::Hello(request, Box::new(Identity::of(&hello))),
            Message::Value { first, bytes } => Reply::Value { request, sequence, first, bytes: bytes.to_vec() },
            Message::Progress { done, of } => Reply::Progress { request, sequence, done, of },
            Message::Done(done) => Reply::Done { request, sequence, done },
            Message::Refused { why, need, have } => Reply::Refused { request, sequence, why, need, have },
            Message::Ready(ready) => Reply::Ready { request, sequence, ready },
            Message::StepResult(taught) => Reply::StepResult { request, sequence, taught },
            Message::Saved(saved) => Reply::Saved { request, sequence, saved },
            Message::Loaded(loaded) => Reply::Loaded { request, sequence, loaded },
            Message::Predicted(predicted) => Reply::Predicted { request, sequence, predicted },
            Message::Run(_)
            | Message::Cancel
            | Message::Train(_)
            | Message::Put(_)
            | Message::Get(_)
            | Message::StepRequest(_)
            | Message::Trace(_)
            | Message::Save(_)
            | Message::Restore(_)
            | Message::Load(_)
            | Message::Predict(_) => Reply::Other,
        }
    }

    /// What it is.
    pub fn name(&self) -> &'static str {
        match self {
            Reply::Hello(..) => "Hello",
            Reply::Value { .. } => "Value",
            Reply::Progress { .. } => "Progress",
            Reply::Done { .. } => "Done",
            Reply::Refused { .. } => "Refused",
            Reply::Ready { .. } => "Ready",
            Reply::StepResult { .. } => "Taught",
            Reply::Saved { .. } => "Saved",
            Reply::Loaded { .. } => "Loaded",
            Reply::Predicted { .. } => "Predicted",
            Reply::Other => "a host's message",
        }
    }

    /// (request, sequence) of what belongs to an answer.
    pub fn place(&self) -> Option<(u32, u32)> {
        match *self {
            Reply::Value { request, sequence, .. }
            | Reply::Progress { request, sequence, .. }
            | Reply::Done { request, sequence, .. }
            | Reply::Refused { request, sequence, .. }
            | Reply::Ready { request, sequence, .. }
            | Reply::StepResult { request, sequence, .. }
            | Reply::Saved { request, sequence, .. }
            | Reply::Loaded { request, sequence, .. }
            | Reply::Predicted { request, sequence, .. } => Some((request, sequence)),
            Reply::Hello(..) | Reply::Other => None,
        }
    }
}
