use crate::line::framed;
use crate::specs::{DEPTH, affordable};
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use shatterscope::contract::{CONTRACT, Digest};
use shatterscope::spec::Spec;
use shatterscope::wire::{Decoder, Frame, Hello, MAX_FRAME, Message, Part, Run, VERSION, encode};
use shatterscope_firmware::device::{Board, Device, NoClock, NoDelay, NoFlash, NoPin, NoStack, Status};
use shatterscope_firmware::{End, layout, serve as firmware};
use std::sync::OnceLock;

/// Words of the arena.
const WORDS: usize = 4096;

/// Points of the register tile.
const TILE: usize = 4;

const BOARD: Board = Board { name: "fuzzed", core: "host", fpu: true, clock: 0, flash: 0, ram: 0 };

/// Number of the request that follows the input.
const LAST: u32 = 0xffff_fff0;

/// The firmware hears the input, then a request that it knows. Whatever the input was, it says only whole frames, counts
/// them, and answers the request with the right digest.
///
/// The input is a list of pieces: a byte that says what the next is (even: bytes as they are, odd: the body of a whole
/// frame), its length, and so many bytes.
pub fn serve(data: &[u8]) {
    let mut stream = Vec::new();
    let mut rest = data;
    while let [kind, len, after @ ..] = rest {
        let (piece, after) = after.split_at((*len as usize).min(after.len()));
        stream.extend(if kind % 2 == 0 { piece.to_vec() } else { framed(piece) });
        rest = after;
    }
    if !cheap(&stream) {
        return;
    }
    let said = answers(&stream);
    let (mut asked, mut next, mut found) = (None, 0, None);
    let mut decoder = Decoder::new();
    for byte in said {
        let Some(frame) = decoder.push(byte) else { continue };
        let Frame { request, sequence, message } = frame.expect("the firmware says whole frames only");
        // Every answer starts at 0, also one to a number that was used before.
        if sequence == 0 {
            (asked, next) = (Some(request), 0);
        }
        assert_eq!((asked, sequence), (Some(request), next), "answers do not mix");
        next += 1;
        if let (LAST, Message::Done(done)) = (request, message) {
            found = Some(done.digest);
        }
    }
    assert_eq!(found, Some(*good()), "after the input it serves as before");
}

/// The request that follows, and whose answer is known.
fn question() -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let run = Run { spec: Spec::feedforward(3, 4), ..crate::seeds::run() };
    let frame = Frame { request: LAST, sequence: 0, message: Message::Run(Run { part: Part::Gradient, ..run }) };
    encode(&frame, &mut buffer).expect("a run fits into a frame").to_vec()
}

/// Its answer, from a device that has heard nothing else.
fn good() -> &'static Digest {
    static GOOD: OnceLock<Digest> = OnceLock::new();
    GOOD.get_or_init(|| {
        let (said, mut decoder) = (answers(&[]), Decoder::new());
        let done = said.iter().find_map(|&byte| match decoder.push(byte) {
            Some(Ok(Frame { message: Message::Done(done), .. })) => Some(done.digest),
            _ => None,
        });
        done.expect("a good line gives an answer")
    })
}

/// Whether all runs in a stream are short, or refused for want of memory: a long one is no fault, but it stops the search.
fn cheap(stream: &[u8]) -> bool {
    let mut decoder = Decoder::new();
    let mut work = 0;
    stream.iter().all(|&byte| match decoder.push(byte) {
        Some(Ok(Frame { message: Message::Run(run), .. })) => {
            work += 1;
            let refused = || !matches!(layout(&run, TILE as u32, WORDS as u64), Ok((_, Ok(_))));
            work < 20 && run.spec.depth <= DEPTH && (refused() || affordable(&run))
        }
        _ => true,
    })
}

/// What the firmware says to a stream, and then to the question.
fn answers(stream: &[u8]) -> Vec<u8> {
    let status = Status { led: NoPin, timing: NoPin, delay: NoDelay };
    let last = [&[0], &question()[..]].concat();
    let bytes = Line { input: stream, last: &last, output: Vec::new() };
    let mut device = Device { board: BOARD, bytes, clock: NoClock, stack: NoStack, status, flash: NoFlash };
    let end = firmware::<2, TILE, _, _, _, _, _, _, _>(&mut device, &mut vec![f32::NAN; WORDS]);
    assert_eq!(end, End::Closed);
    device.bytes.output
}

/// A host that says everything at once, closes what is open when it has been heard, asks its question and hangs up. (What
/// comes in during a run is not heard, unless it is `Cancel`: the question has to wait for its end.)
struct Line<'a> {
    input: &'a [u8],
    last: &'a [u8],
    output: Vec<u8>,
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let from = if self.input.is_empty() { &mut self.last } else { &mut self.input };
        from.read(buffer).map_err(|never| match never {})
    }
}

impl ReadReady for Line<'_> {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.input.is_empty())
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.output.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// The greeting of a host.
pub fn greeting() -> Message<'static> {
    let hello = Hello { wire: VERSION as u32, contract: CONTRACT, commit: "fuzz", compiler: "rustc", facts: None };
    Message::Hello(hello)
}
