//! Frames as bytes, written from docs/wire-format.md with other people's COBS and CRC.
use shatterscope::wire::{Broken, Decoder, MAX_FRAME, VERSION, encode};

/// The frame around a body: postcard of request, sequence and message.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let mut plain = vec![VERSION];
    plain.extend(body);
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&plain);
    plain.extend(sum.to_le_bytes());
    let mut frame = cobs::encode_vec(&plain);
    frame.push(0);
    frame
}

/// Whether a frame has one zero, its last byte.
pub fn closed(frame: &[u8]) -> bool {
    frame.iter().position(|&byte| byte == 0) == Some(frame.len() - 1)
}

/// Every frame of a stream, written anew.
pub fn frames_in(stream: &[u8]) -> Vec<Result<Vec<u8>, Broken>> {
    let (mut decoder, mut buffer) = (Decoder::new(), [0; MAX_FRAME]);
    let read = |&byte: &u8| {
        let frame = decoder.push(byte)?;
        Some(frame.map(|frame| encode(&frame, &mut buffer).expect("a frame fits into a frame").to_vec()))
    };
    stream.iter().filter_map(read).collect()
}
