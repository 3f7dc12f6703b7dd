//! Frames: any bytes in, any message out.
use crate::slice;
use core::hint::black_box;
use shatterscope::contract::Digest;
use shatterscope::wire::{Broken, Decoder, Done, Frame, MAX_FRAME, Message, encode, examples_digest, words_digest};

pub fn everything() {
    let mut decoder = Decoder::new();
    for &byte in slice(&[3u8, 1, 4, 6, 6, 0x90, 0xb5, 0x92, 0x77, 0]) {
        match decoder.push(byte) {
            Some(Ok(frame)) => {
                black_box(frame);
                if let Message::Run(run) = frame.message {
                    black_box((run.options(), run.part.element_bytes()));
                }
            }
            other => {
                black_box(other.is_some());
            }
        }
    }
    decoder.restart();
    black_box(examples_digest(slice(&[1.0]).iter().copied(), slice(&[1]).iter().copied()));
    black_box(words_digest(slice(&[1]).iter().copied()));
    black_box(Broken::of_code(black_box(3)));
    let mut buffer = [0; MAX_FRAME];
    let done = Done { elements: 2, digest: Digest::new(), arena: 1, panel: 1, stack: Some(1), ticks: Some(1) };
    for message in [Message::Value { first: 0, bytes: slice(&[1, 2, 3, 4]) }, Message::Done(done), Message::Cancel] {
        let frame = Frame { request: 1, sequence: 2, message };
        black_box(encode(&black_box(frame), &mut buffer).is_some());
    }
}
