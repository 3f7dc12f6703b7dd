use crate::line::framed;
use crate::serve::greeting;
use shatterscope::Pass;
use shatterscope::graph::Graph;
use shatterscope::spec::Spec;
use shatterscope::train::{Initializer, RateState, Settings};
use shatterscope::wire::{Facts, Frame, Hello, Message, Part, Run, Save, StepRequest, Store, Train, TrainConfig};
use shatterscope_host::device::channel::{Channel, Received};
use shatterscope_host::device::link::{Link, Watched, Words};
use std::collections::VecDeque;
use std::time::Duration;

/// Points of the run that is asked for.
const POINTS: u32 = 9;

/// Words of a store that are asked for.
const WORDS: u32 = 18;

/// Facts of the device that speaks.
pub const FACTS: Facts<'static> = Facts {
    board: "fuzzed",
    core: "host",
    fpu: true,
    clock: 1,
    flash: 0,
    ram: 0,
    arena: 1 << 16,
    rows: 2,
    tile: 4,
    failed_checks: 0,
};

/// A device says the input, then it is gone. Whatever it says, the host comes to an end, and a result is of what was asked for.
///
/// The first byte says what is asked for (the lowest three bits), and whether the input is all, or comes after the greeting of a good
/// device (8). The rest is a list of pieces, as in [`serve`](crate::serve).
pub fn device(data: &[u8]) {
    let Some((&asked, mut rest)) = data.split_first() else { return };
    let mut pieces = VecDeque::new();
    if asked & 8 == 0 {
        pieces.push_back(framed(&hello()));
    }
    while let [kind, len, after @ ..] = rest {
        let (piece, after) = after.split_at((*len as usize).min(after.len()));
        pieces.push_back(if kind % 2 == 0 { piece.to_vec() } else { framed(piece) });
        rest = after;
    }
    // Far longer than any input takes: silence is no part of this.
    let Ok(mut link) = Link::open(Box::new(Said(pieces)), Duration::from_secs(1000)) else { return };
    let identity = link.identity();
    assert!((1..=64).contains(&identity.rows) && (1..=64).contains(&identity.tile) && identity.arena > 0);
    ask(&mut link, asked & 7);
}

fn ask(link: &mut Link, asked: u8) {
    let part = match asked {
        0 => Part::Gradient,
        1 => Part::Outputs,
        2 => Part::Digests { first: 1, count: 2 },
        3 => Part::Profile { first: 0, count: 1 },
        4 => Part::Values { pass: Pass::Backward, node: 2 },
        _ => return train(link, asked),
    };
    let run = Run { spec: Spec::feedforward(3, 4), points: POINTS, count: POINTS, part, ..crate::seeds::run() };
    let Ok(answer) = link.part(&run, |done, of| done <= of) else { return };
    let graph = Graph::family(&run.spec).expect("the spec runs");
    let operand = graph.node(2).and_then(|node| graph.node(node.x));
    let units = operand.and_then(|operand| operand.shape.units()).unwrap_or(0);
    let (elements, values) = match part {
        Part::Gradient | Part::Outputs => (POINTS, true),
        Part::Digests { .. } => (4, false),
        Part::Profile { .. } => (3, false),
        Part::Values { .. } => (POINTS * units, true),
    };
    assert_eq!(answer.elements.len(), elements as usize);
    assert_eq!(answer.done.elements, elements);
    assert!(!values || answer.elements.iter().all(|&bits| f32::from_bits(bits as u32).is_finite()));
}

fn train(link: &mut Link, asked: u8) {
    let settings = Settings::default();
    let with = TrainConfig { batch: 1, settings, start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
    match asked {
        5 => {
            if let Ok(ready) = link.ready(
                &Train { session: 1, nodes: 2, digest: 5, tag: 6, with },
                Words { store: Store::Nodes, words: &[7; 30] },
            ) {
                assert!(ready.least <= ready.arena && ready.arena <= link.identity().arena);
            }
            let rate = RateState { epoch: 0, rate: 0.5, best: f32::MAX, waited: 0, drops: 0 };
            let save = Save { session: 1, step: 4, batch: 0, rate };
            if let Ok(saved) = link.save(&save) {
                assert_eq!((saved.step, saved.batch), (4, 0));
            }
        }
        6 => {
            let teach = StepRequest { session: 1, step: 4, rate: 0.5, count: 1, examples: 0 };
            let inputs = Words { store: Store::Inputs, words: &[0; 8] };
            let watched = Watched { multiply_adds: 1 << 16, every: 1 << 10, progress: &mut |done, of| done <= of };
            let labels = Words { store: Store::Labels, words: &[1] };
            if let Ok(taught) = link.teach(&teach, inputs, labels, watched) {
                assert!(taught.step == 5 && taught.correct <= 1 && taught.loss.is_finite());
            }
        }
        _ => {
            if let Ok(words) = link.words(1, Store::Parameters, WORDS) {
                assert_eq!(words.len(), WORDS as usize);
            }
        }
    }
}

/// The body of a good device's greeting, in answer to the first question.
pub fn hello() -> Vec<u8> {
    let Message::Hello(asked) = greeting() else { return Vec::new() };
    let message = Message::Hello(Hello { facts: Some(FACTS), ..asked });
    postcard::to_stdvec(&Frame { request: 1, sequence: 0, message }).expect("messages have a postcard form")
}

/// A line on which all is said at once, whatever is asked.
struct Said(VecDeque<Vec<u8>>);

impl Channel for Said {
    fn send(&mut self, _: &[u8], _: Duration) -> std::io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> Received {
        self.0.pop_front().map_or_else(|| Received::Closed("all is said".to_owned()), Received::Bytes)
    }
}
