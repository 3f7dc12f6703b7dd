//! What host and device say to each other: postcard messages with a CRC-32, in COBS frames of at most 256 bytes.
//!
//! `docs/wire-format.md` writes the format out byte by byte. A host sends a request ([`Message::Hello`],
//! [`Message::Run`], [`Message::Train`], [`Message::Load`], [`Message::Cancel`]) under a number of its own; every frame of the answer carries that number and
//! counts up from 0, so that a lost, repeated or late frame is known as such. Values carry their position besides. Every
//! request may be sent again: an answer is a function of the request alone.
mod decoder;
mod frame;
mod message;
mod model;
mod request;
mod train;

pub use decoder::{Broken, Decoder};
pub use frame::{Frame, MAX_FRAME, VALUE_BYTES, VERSION, encode};
pub use message::{Done, Facts, Hello, Message, Why};
pub use model::{Load, Loaded, Predict, Predicted, words_digest};
pub use request::{Part, Run, report_interval};
pub use train::{
    Get, PUT_BYTES, Put, Ready, Restore, Save, Saved, Stage, Store, Taught, Teach, Trace, Traced, Train, With,
    examples_digest, training_tag,
};
