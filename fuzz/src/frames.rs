use crate::line::{closed, framed, frames_in};
use shatterscope::wire::{Decoder, Frame, MAX_FRAME, encode};

/// As a stream, and as the body of a frame that is otherwise whole: what is read can be written, and reads as the same;
/// after the next zero the decoder reads good frames again.
pub fn frames(data: &[u8]) {
    let mut decoder = Decoder::new();
    for &byte in data {
        if let Some(Ok(frame)) = decoder.push(byte) {
            survives(&frame);
        }
    }
    let good = framed(&[0, 0, 6]);
    // The zero may close a frame of the input; the next frame is whole.
    decoder.push(0);
    let mut after = None;
    for &byte in &good {
        after = decoder.push(byte).map(|frame| frame.is_ok_and(|frame| survives(&frame) == good));
    }
    assert_eq!(after, Some(true), "after a zero, the frame that follows is read");
    let whole = framed(data);
    assert!(closed(&whole));
    for frame in frames_in(&whole).into_iter().flatten() {
        assert!(frame.len() <= MAX_FRAME);
    }
    for &byte in &whole {
        if let Some(Ok(frame)) = decoder.push(byte) {
            survives(&frame);
        }
    }
}

/// Writes a frame, reads it, writes it again: the same bytes, compared so that a NaN equals itself.
fn survives(frame: &Frame) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let bytes = encode(frame, &mut buffer).expect("what came in a frame fits into one").to_vec();
    let again = frames_in(&bytes);
    assert_eq!(again, [Ok(bytes.clone())], "{frame:?}");
    bytes
}
