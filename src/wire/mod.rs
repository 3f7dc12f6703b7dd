//! The protocol between a host and a device: postcard messages with a CRC-32, in COBS frames of at most 256 bytes.
//!
//! `docs/wire-format.md` writes the format out byte by byte. A host sends a request ([`Message::Hello`],
//! [`Message::Run`], [`Message::Train`], [`Message::Load`], [`Message::Cancel`]) under a number of its own; every frame of the answer carries that number and
//! counts up from 0, so that a lost, repeated or late frame is known as such. Values carry their position besides. Every
//! request may be sent again: an answer is a function of the request alone.
//!
//! A device says what it is:
//!
//! ```
//! use shatterscope::contract::CONTRACT;
//! use shatterscope::wire::{Broken, Decoder, Facts, Frame, Hello, MAX_FRAME, Message, VERSION, encode};
//!
//! let facts = Facts {
//!     board: "a board", core: "Cortex-M4F", fpu: true, clock: 64_000_000, flash: 1 << 20, ram: 1 << 18, arena: 200_000, rows: 4, tile: 4,
//!     failed_checks: 0,
//! };
//! let hello = Hello { wire: VERSION.into(), contract: CONTRACT, commit: "0123abc", compiler: "1.95.0", facts: Some(facts) };
//! let frame = Frame { request: 0, sequence: 0, message: Message::Hello(hello) };
//! let mut buffer = [0; MAX_FRAME];
//! let bytes = encode(&frame, &mut buffer).expect("short texts");
//!
//! // The other side takes byte by byte, and finds what the line has changed.
//! let mut decoder = Decoder::new();
//! let (last, rest) = bytes.split_last().unwrap();
//! assert!(rest.iter().all(|byte| decoder.push(*byte).is_none()));
//! assert_eq!(decoder.push(*last), Some(Ok(frame)));
//! let mut damaged = bytes.to_vec();
//! damaged[20] ^= 0x40;
//! let heard: Vec<Broken> = damaged.iter().filter_map(|byte| decoder.push(*byte)?.err()).collect();
//! assert!(!heard.is_empty(), "{heard:?}");
//! ```
//!
//! A host asks for inference: it loads a graph, puts nodes, parameters and inputs as words, and gets the outputs:
//!
//! ```
//! use shatterscope::contract::Digest;
//! use shatterscope::wire::{Get, Load, Loaded, Message, PUT_BYTES, Predict, Predicted, Put, Store, VALUE_BYTES, Why, words_digest};
//!
//! let words = [2, 0, 0];
//! let load = Load { session: 1, nodes: 1, digest: words_digest(words), batch: 1, ram: 0 };
//! let bytes = words.map(u32::to_le_bytes);
//! let put = Put { session: 1, step: 0, store: Store::Nodes, first: 0, bytes: bytes.as_flattened() };
//! assert!(put.bytes.len() <= PUT_BYTES && put.word() == 2);
//! let predict = Predict { session: 1, count: 1, inputs: words_digest([]) };
//! let get = Get { session: 1, store: Store::Outputs, first: 0, count: 1 };
//! let requests = [Message::Load(load), Message::Put(put), Message::Predict(predict), Message::Get(get)];
//! // What a device may answer to them.
//! let answered = |message: &Message| match message {
//!     Message::Loaded(Loaded { digest, .. }) | Message::Predicted(Predicted { digest, .. }) => Some(*digest),
//!     Message::Value { bytes, .. } => Some(Digest { bytes: bytes.len().min(VALUE_BYTES) as u64, ..Digest::new() }),
//!     Message::Refused { why: Why::Memory, .. } => None,
//!     _ => None,
//! };
//! assert!(requests.iter().all(|request| answered(request).is_none()));
//! ```
//!
//! A host trains on a device, and keeps the state in its flash:
//!
//! ```
//! use shatterscope::train::{Rate, Settings, Initializer};
//! use shatterscope::wire::{
//!     Message, Ready, Restore, Save, Saved, Stage, StepResult, StepRequest, Trace, Traced, Train, TrainConfig, examples_digest, training_tag,
//! };
//!
//! let with = TrainConfig { batch: 1, settings: Settings::default(), start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
//! let tag = training_tag(&["the layers as the host stores them"], &with);
//! let train = Train { session: 1, nodes: 1, digest: 0, tag, with };
//! let teach = StepRequest { session: 1, step: 0, rate: 0.1, count: 1, examples: examples_digest([0.5], [3]) };
//! let trace = Trace { step: teach, what: Traced::Values { stage: Stage::Backward, node: 0 } };
//! let save = Save { session: 1, step: 1, batch: 1, rate: Rate::constant(0.1).start() };
//! let requests = [
//!     Message::Train(train),
//!     Message::StepRequest(teach),
//!     Message::Trace(trace),
//!     Message::Save(save),
//!     Message::Restore(Restore { session: 1 }),
//! ];
//! let steps = |answer: &Message| match answer {
//!     Message::Ready(Ready { step, .. }) | Message::StepResult(StepResult { step, .. }) | Message::Saved(Saved { step, .. }) => Some(*step),
//!     _ => None,
//! };
//! assert!(requests.iter().all(|request| steps(request).is_none()));
//! ```
//!
//! A run over a grid of points:
//!
//! ```
//! use shatterscope::math::Math;
//! use shatterscope::plan::{Derivative, Schedule, Statistics};
//! use shatterscope::random::Normal;
//! use shatterscope::spec::Spec;
//! use shatterscope::wire::{Done, Message, Part, Run, report_interval};
//!
//! let run = Run {
//!     spec: Spec::feedforward(3, 8), seed: 1, run: 0, normal: Normal::IrwinHall, math: Math::Libm, points: 16, from: -2.0, step: 0.25, first: 0,
//!     count: 16, derivative: Derivative::Reverse, statistics: Statistics::Detached, schedule: Schedule::WholeBatch, part: Part::Gradient,
//!     ram: 0, report_every: 0,
//! };
//! assert_eq!((run.part.element_bytes(), run.report_interval()), (4, report_interval(0)));
//! let digest = |answer: &Message| match answer {
//!     Message::Done(Done { digest, .. }) => Some(*digest),
//!     _ => None,
//! };
//! assert!(digest(&Message::Run(run)).is_none());
//! ```
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
    Get, PUT_BYTES, Put, Ready, Restore, Save, Saved, Stage, StepRequest, StepResult, Store, Trace, Traced, Train,
    TrainConfig, examples_digest, training_tag,
};
