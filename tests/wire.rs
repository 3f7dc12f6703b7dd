//! The wire format as `docs/wire-format.md` writes it, and what it survives.
use proptest::prelude::*;
use shatterscope::contract::{CONTRACT, Digest};
use shatterscope::math::Math;
use shatterscope::plan::{Derivative, Schedule, Statistics};
use shatterscope::random::Normal;
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};
use shatterscope::train::{Decay, Initializer, Optimiser, RateState, Settings};
use shatterscope::wire::{
    Broken, Decoder, Done, Facts, Frame, Get, Hello, Load, Loaded, MAX_FRAME, Message, PUT_BYTES, Part, Predict,
    Predicted, Put, Ready, Restore, Run, Save, Saved, Stage, StepRequest, StepResult, Store, Trace, Traced, Train,
    TrainConfig, VALUE_BYTES, VERSION, Why, encode, examples_digest, training_tag,
};
use shatterscope::{InvalidConfig, InvalidSpec, NonFinite, Pass};
use std::collections::BTreeMap;
use std::fmt::Debug;

const PAGE: &str = include_str!("../docs/wire-format.md");

fn run() -> Run {
    Run {
        spec: Spec::feedforward(50, 200),
        seed: 1,
        run: 0,
        normal: Normal::IrwinHall,
        math: Math::Libm,
        points: 256,
        from: -2.0,
        step: 0.015625,
        first: 0,
        count: 256,
        derivative: Derivative::Reverse,
        statistics: Statistics::Detached,
        schedule: Schedule::Blocks { resident: 4 },
        part: Part::Gradient,
        ram: 0,
        report_every: 1 << 15,
    }
}

fn hello(facts: Option<Facts<'static>>) -> Message<'static> {
    let compiler = if facts.is_some() { "rustc 1.95.0" } else { "" };
    Message::Hello(Hello { wire: VERSION as u32, contract: CONTRACT, commit: "0123abc", compiler, facts })
}

fn facts() -> Facts<'static> {
    Facts {
        board: "microbit",
        core: "Cortex-M0",
        fpu: false,
        clock: 0,
        flash: 262_144,
        ram: 16_384,
        arena: 12_672,
        rows: 1,
        tile: 1,
        failed_checks: 0,
    }
}

fn train() -> Train {
    let settings = Settings::new(Optimiser::Momentum { mu: 0.5 }).with_decay(Decay::L2(0.25));
    let with = TrainConfig { batch: 1, settings, start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
    Train { session: 9, nodes: 4, digest: HASH, tag: 7, with }
}

/// The frames that the page shows, under the names that it gives them.
fn examples() -> Vec<(&'static str, Frame<'static>)> {
    let done = Done {
        elements: 2,
        digest: Digest::of(&[1.0, -0.5]),
        arena: 12_672,
        panel: 800,
        stack: Some(3_276),
        ticks: None,
    };
    let frame = |request, sequence, message| Frame { request, sequence, message };
    vec![
        ("hello-asked", frame(1, 0, hello(None))),
        ("hello-answered", frame(1, 0, hello(Some(facts())))),
        ("run", frame(2, 0, Message::Run(run()))),
        ("progress", frame(2, 0, Message::Progress { done: 40_400, of: 2_828_800 })),
        ("value", frame(2, 1, Message::Value { first: 0, bytes: &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf] })),
        ("done", frame(2, 2, Message::Done(done))),
        ("refused", frame(3, 0, Message::Refused { why: Why::Memory, need: 16_700, have: 12_672 })),
        ("cancel", frame(4, 0, Message::Cancel)),
        ("train", frame(5, 0, Message::Train(train()))),
        ("ready", frame(5, 0, Message::Ready(ready()))),
        ("put", frame(6, 0, Message::Put(put(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0x3f])))),
        ("get", frame(7, 0, Message::Get(Get { session: 9, store: Store::Parameters, first: 0, count: 1210 }))),
        ("teach", frame(6, 0, Message::StepRequest(teach()))),
        ("taught", frame(6, 0, Message::StepResult(taught()))),
        ("trace", frame(6, 0, Message::Trace(Trace { step: teach(), what: TRACED }))),
        ("save", frame(8, 0, Message::Save(Save { session: 9, step: 1, batch: 1, rate: RATE }))),
        ("restore", frame(9, 0, Message::Restore(Restore { session: 9 }))),
        ("saved", frame(8, 0, Message::Saved(saved()))),
        ("load", frame(10, 0, Message::Load(Load { session: 9, nodes: 10, digest: HASH, batch: 1, ram: 0 }))),
        ("loaded", frame(10, 0, Message::Loaded(loaded()))),
        ("predict", frame(11, 0, Message::Predict(Predict { session: 9, count: 1, inputs: HASH }))),
        ("predicted", frame(11, 0, Message::Predicted(predicted()))),
    ]
}

fn ready() -> Ready {
    let digest = Digest { hash: 0x0123_4567_89ab_cdef, bytes: 4840 };
    Ready { step: 0, parameters: 1210, running: 0, state: 1210, arena: 14_896, least: 10_800, digest }
}

const TRACED: Traced = Traced::Values { stage: Stage::Backward, node: 3 };

const HASH: u64 = 0x0123_4567_89ab_cdef;

/// LeNet of width 4 on a micro:bit.
fn loaded() -> Loaded {
    let digest = Digest { hash: HASH, bytes: 6888 };
    Loaded { parameters: 1722, running: 0, inputs: 64, outputs: 10, values: 320, arena: 9840, least: 8832, digest }
}

fn predicted() -> Predicted {
    Predicted { count: 1, inputs: HASH, digest: Digest { hash: HASH, bytes: 40 }, stack: Some(3388), ticks: None }
}

fn put(bytes: &[u8]) -> Put<'_> {
    Put { session: 9, step: 0, store: Store::Inputs, first: 62, bytes }
}

fn teach() -> StepRequest {
    StepRequest { session: 9, step: 0, rate: 0.5, count: 1, examples: examples_digest([1.0, 0.5], [3]) }
}

fn taught() -> StepResult {
    StepResult { step: 1, loss: 2.5, correct: 0, digest: ready().digest, stack: Some(2_900), ticks: None }
}

const RATE: RateState = RateState { epoch: 0, rate: 0.5, best: f32::INFINITY, waited: 0, drops: 0 };

fn saved() -> Saved {
    Saved { sequence: 3, step: 1, batch: 1, rate: RATE, digest: ready().digest }
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    encode(frame, &mut [0; MAX_FRAME]).expect("it fits").to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(24).map(line).collect::<Vec<_>>().join("\n")
}

/// All frames in a stream, and why others could not be read; `Err` for those.
fn decode(bytes: &[u8]) -> Vec<Result<Vec<u8>, Broken>> {
    let mut decoder = Decoder::new();
    let frames = bytes.iter().filter_map(|&byte| decoder.push(byte).map(|read| read.map(|frame| bytes_of(&frame))));
    frames.collect()
}

/// The fenced blocks of the page whose info string is `frame NAME`.
fn blocks() -> BTreeMap<&'static str, &'static str> {
    let all = PAGE.split("```frame ").skip(1).filter_map(|rest| rest.split_once("\n```"));
    all.filter_map(|(block, _)| block.split_once('\n')).collect()
}

#[test]
fn the_page_shows_these_bytes() {
    let shown = blocks();
    assert_eq!(shown.len(), examples().len(), "every example is tested: {:?}", shown.keys());
    for (name, frame) in examples() {
        let bytes = bytes_of(&frame);
        assert_eq!(shown.get(name).copied().unwrap_or_default(), hex(&bytes), "{name}");
        let mut decoder = Decoder::new();
        let (last, first) = bytes.split_last().unwrap();
        assert!(first.iter().all(|&byte| byte != 0 && decoder.push(byte).is_none()), "{name}");
        assert_eq!(decoder.push(*last), Some(Ok(frame)), "{name}");
    }
}

/// The number that postcard gives a variant: its first byte.
fn number<V: serde::Serialize + Debug>(all: &[V]) -> Vec<(String, u32)> {
    let name = |value: &V| format!("{value:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_owned();
    all.iter().map(|value| (name(value), postcard::to_slice(value, &mut [0; 256]).unwrap()[0] as u32)).collect()
}

/// Numbers that have been sent once mean the same for ever: they are written on the page, and tested against the code.
#[test]
fn the_page_numbers_the_variants() {
    let fault = NonFinite { pass: Pass::Forward, layer: 1 };
    let messages = examples().into_iter().map(|(_, frame)| frame.message).collect::<Vec<_>>();
    let mut numbered = number(&messages);
    numbered.sort_by_key(|(_, number)| *number);
    numbered.dedup();
    let in_order = [
        ("Message", numbered),
        (
            "Part",
            number(&[
                Part::Gradient,
                Part::Outputs,
                Part::Digests { first: 0, count: 1 },
                Part::Values { pass: Pass::Forward, node: 0 },
                Part::Profile { first: 0, count: 1 },
            ]),
        ),
        (
            "Why",
            number(&[
                Why::Network(InvalidSpec::Depth),
                Why::Memory,
                Why::NonFinite(fault),
                Why::Input,
                Why::SelfTest,
                Why::Contract,
                Why::Cancelled,
                Why::Frame,
                Why::Operation,
                Why::Config(InvalidConfig::Classes),
                Why::Layers,
                Why::Session,
                Why::Step,
                Why::Examples,
                Why::Label,
                Why::Loss,
                Why::Store,
                Why::NoFlash,
                Why::Flash,
                Why::Unsaved,
                Why::Stack,
                Why::Node(InvalidSpec::Depth),
                Why::Nodes,
            ]),
        ),
        (
            "InvalidSpec",
            number(&[
                InvalidSpec::Depth,
                InvalidSpec::Width,
                InvalidSpec::Points,
                InvalidSpec::Scale,
                InvalidSpec::UnitCircle,
                InvalidSpec::Eps,
                InvalidSpec::Grid,
                InvalidSpec::LooksLinear,
                InvalidSpec::Slice,
                InvalidSpec::Layers,
                InvalidSpec::Lag,
                InvalidSpec::TooLarge,
                InvalidSpec::Tile,
                InvalidSpec::Window,
                InvalidSpec::Pool,
                InvalidSpec::Rate,
                InvalidSpec::Pairs,
                InvalidSpec::Operand,
                InvalidSpec::Shape,
                InvalidSpec::LastUse,
                InvalidSpec::Operation,
                InvalidSpec::Slot,
                InvalidSpec::Want,
                InvalidSpec::Ends,
                InvalidSpec::Plan,
                InvalidSpec::Inputs,
                InvalidSpec::Feature,
            ]),
        ),
        ("Traced", number(&[Traced::Digests, TRACED, Traced::Profile])),
        ("Stage", number(&[Stage::Forward, Stage::Backward, Stage::Parameters])),
        (
            "Family",
            number(&[
                Family::Feedforward,
                Family::Resnet { alpha: 1.0, beta: 1.0 },
                Family::Highway { carry: 1.0, transform: 0.0 },
                Family::Crelu,
            ]),
        ),
        ("Norm", number(&[Norm::None, Norm::Centre, Norm::Batch])),
        ("Init", number(&[Init::He, Init::Glorot, Init::Orthogonal, Init::LooksLinear])),
        ("Readout", number(&[Readout::Relu, Readout::Linear, Readout::NormRelu])),
        ("Normal", number(&[Normal::IrwinHall, Normal::As241])),
        ("Math", number(&[Math::Libm, Math::Micromath])),
        ("Derivative", number(&[Derivative::Reverse, Derivative::Forward])),
        ("Statistics", number(&[Statistics::Detached, Statistics::Full])),
        ("Schedule", number(&[Schedule::WholeBatch, Schedule::Blocks { resident: 1 }])),
        ("Pass", number(&[Pass::Forward, Pass::Backward])),
        (
            "InvalidConfig",
            number(&[
                InvalidConfig::Classes,
                InvalidConfig::Batch,
                InvalidConfig::Optimiser,
                InvalidConfig::Decay,
                InvalidConfig::Rate,
                InvalidConfig::Decrease,
                InvalidConfig::Limit,
            ]),
        ),
        (
            "Optimiser",
            number(&[
                Optimiser::Sgd,
                Optimiser::Momentum { mu: 0.9 },
                Optimiser::Nesterov { mu: 0.9 },
                Optimiser::Adam { beta1: 0.9, beta2: 0.9, eps: 0.1 },
            ]),
        ),
        ("Decay", number(&[Decay::None, Decay::L2(0.1), Decay::Decoupled(0.1)])),
        (
            "Start",
            number(&[
                Initializer::He,
                Initializer::Glorot,
                Initializer::Orthogonal,
                Initializer::LooksLinear,
                Initializer::LooksLinearPairs,
            ]),
        ),
        (
            "Store",
            number(&[
                Store::Inputs,
                Store::Labels,
                Store::Parameters,
                Store::Running,
                Store::State,
                Store::Powers,
                Store::Nodes,
                Store::Outputs,
                Store::Report,
            ]),
        ),
    ];
    for (name, numbers) in in_order {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let wanted: Vec<String> = numbers.iter().map(|(name, number)| format!("{number} {name}")).collect();
        let wanted = format!("| `{name}` | {} |", wanted.join(", "));
        assert_eq!(row, Some(wanted.as_str()), "the row of {name}");
    }
    let codes: Vec<String> =
        (1..).map_while(|code| Broken::of_code(code).map(|broken| format!("{code} {broken:?}"))).collect();
    assert!(PAGE.contains(&format!("| `Broken` | {} |", codes.join(", "))), "the row of Broken: {codes:?}");
}

/// `host-tools/layers` has the tag of layers.
#[test]
fn the_tag_of_a_training_is_a_hash_of_its_operations() {
    let with = train().with;
    let hashed = |parts: [&[u8]; 2]| {
        let mut digest = Digest::new();
        parts.iter().for_each(|part| digest.push_bytes(part));
        digest.hash
    };
    let mut buffer = [0; 64];
    let rest = postcard::to_slice(&with, &mut buffer).unwrap();
    assert_eq!(training_tag(&[(3u32, true), (4, false)], &with), hashed([&[3, 1, 4, 0], rest]));
    // Where it stands and how much memory there is do not matter; all else does.
    let tag = |with| training_tag(&[1u32], &with);
    assert_eq!(tag(TrainConfig { step: 7, ram: 9, ..with }), tag(with));
    assert_ne!(tag(TrainConfig { seed: 2, ..with }), tag(with));
    assert_ne!(training_tag(&[2u32], &with), tag(with));
    assert_eq!(examples_digest([1.0, 0.5], [3]), 0xe567_e3bf_8456_5756);
}

/// CRC-32/ISO-HDLC, written out.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ byte as u32, |c, _| (c >> 1) ^ (0xedb8_8320 * (c & 1))))
}

/// COBS undone, written out.
fn uncobs(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some((&code, rest)) = bytes.split_first() {
        let (run, rest) = rest.split_at(code as usize - 1);
        plain.extend(run);
        if code != 0xff && !rest.is_empty() {
            plain.push(0);
        }
        bytes = rest;
    }
    plain
}

/// The same frames by an implementation that shares no line with the first.
#[test]
fn a_frame_is_cobs_of_version_body_and_checksum() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    for (name, frame) in examples() {
        let bytes = bytes_of(&frame);
        let plain = uncobs(&bytes[..bytes.len() - 1]);
        let (body, sum) = plain.split_last_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*sum), crc32(body), "{name}");
        assert_eq!(body[0], VERSION, "{name}");
        assert_eq!(u32::from(body[1]), frame.request, "{name}: small numbers are one byte");
        assert_eq!(u32::from(body[2]), frame.sequence, "{name}");
    }
}

#[test]
fn the_largest_of_everything_fits() {
    let spec = Spec {
        family: Family::Highway { carry: f32::MAX, transform: f32::MAX },
        norm: Norm::Batch,
        init: Init::LooksLinear,
        readout: Readout::NormRelu,
        depth: u32::MAX,
        width: u32::MAX,
        ..Spec::feedforward(1, 1)
    };
    assert!(postcard::to_slice(&spec, &mut [0; 64]).is_ok(), "a spec takes at most 64 bytes");
    let most = Run {
        spec,
        seed: u64::MAX,
        run: u32::MAX,
        points: u32::MAX,
        first: u32::MAX,
        count: u32::MAX,
        schedule: Schedule::Blocks { resident: u32::MAX },
        part: Part::Digests { first: u32::MAX, count: u32::MAX },
        ram: u32::MAX,
        report_every: u32::MAX,
        ..run()
    };
    let values = [0x55; VALUE_BYTES];
    let digest = Digest { hash: u64::MAX, bytes: u64::MAX };
    let most_of = |x: Option<u32>| Done {
        elements: u32::MAX,
        digest,
        arena: u32::MAX,
        panel: u32::MAX,
        stack: x,
        ticks: Some(u64::MAX),
    };
    let text = "0123456789abcdef0123456789abcdef01234567";
    let long = Facts {
        board: "a-board-with-a-long-name",
        core: "Cortex-M33F",
        fpu: true,
        clock: u32::MAX,
        flash: u32::MAX,
        ram: u32::MAX,
        arena: u32::MAX,
        rows: u32::MAX,
        tile: u32::MAX,
        failed_checks: u32::MAX,
    };
    let compiler = "rustc 1.95.0-nightly (0123456789 2026-11-23)";
    let most_of_rate = RateState { epoch: u32::MAX, rate: 0.3, best: 0.3, waited: u32::MAX, drops: u32::MAX };
    let messages = [
        Message::Run(most),
        Message::Value { first: u32::MAX, bytes: &values },
        Message::Progress { done: u64::MAX, of: u64::MAX },
        Message::Done(most_of(Some(u32::MAX))),
        Message::Refused {
            why: Why::NonFinite(NonFinite { pass: Pass::Backward, layer: u32::MAX }),
            need: u64::MAX,
            have: u64::MAX,
        },
        Message::Train(Train {
            session: u32::MAX,
            nodes: u32::MAX,
            digest: u64::MAX,
            tag: u64::MAX,
            with: TrainConfig {
                batch: u32::MAX,
                settings: Settings::new(Optimiser::Adam { beta1: 0.3, beta2: 0.3, eps: 0.3 })
                    .with_decay(Decay::Decoupled(0.3))
                    .with_math(Math::Micromath),
                start: Initializer::LooksLinearPairs,
                seed: u64::MAX,
                run: u32::MAX,
                step: u32::MAX,
                ram: u32::MAX,
            },
        }),
        Message::Ready(Ready {
            step: u32::MAX,
            parameters: u32::MAX,
            running: u32::MAX,
            state: u32::MAX,
            arena: u32::MAX,
            least: u32::MAX,
            digest,
        }),
        Message::Trace(Trace {
            step: StepRequest { session: u32::MAX, step: u32::MAX, rate: 0.3, count: u32::MAX, examples: u64::MAX },
            what: Traced::Values { stage: Stage::Parameters, node: u32::MAX },
        }),
        Message::Put(Put {
            session: u32::MAX,
            step: u32::MAX,
            store: Store::Powers,
            first: u32::MAX,
            bytes: &values[..PUT_BYTES],
        }),
        Message::Get(Get { session: u32::MAX, store: Store::Powers, first: u32::MAX, count: u32::MAX }),
        Message::StepRequest(StepRequest {
            session: u32::MAX,
            step: u32::MAX,
            rate: 0.3,
            count: u32::MAX,
            examples: u64::MAX,
        }),
        Message::StepResult(StepResult {
            step: u32::MAX,
            loss: 0.3,
            correct: u32::MAX,
            digest,
            stack: Some(u32::MAX),
            ticks: Some(u64::MAX),
        }),
        Message::Save(Save { session: u32::MAX, step: u32::MAX, batch: u32::MAX, rate: most_of_rate }),
        Message::Restore(Restore { session: u32::MAX }),
        Message::Saved(Saved { sequence: u32::MAX, step: u32::MAX, batch: u32::MAX, rate: most_of_rate, digest }),
        Message::Hello(Hello { wire: u32::MAX, contract: CONTRACT, commit: text, compiler, facts: Some(long) }),
    ];
    for message in messages {
        let frame = Frame { request: u32::MAX, sequence: u32::MAX, message };
        let bytes = bytes_of(&frame);
        assert!(bytes.len() <= MAX_FRAME);
        assert_eq!(decode(&bytes), [Ok(bytes.clone())]);
    }
    let longer = Message::Value { first: 0, bytes: &[0; MAX_FRAME] };
    assert_eq!(encode(&Frame { request: 0, sequence: 0, message: longer }, &mut [0; MAX_FRAME]), None);
}

/// Every single bit of every example turned over, and every pair of neighbours: none of it is ever read as a message.
#[test]
fn no_turned_bit_goes_unnoticed() {
    for (name, frame) in examples() {
        let bytes = bytes_of(&frame);
        for bit in 0..8 * bytes.len() {
            for both in [false, true] {
                let mut wrong = bytes.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                if both && bit + 1 < 8 * bytes.len() {
                    wrong[(bit + 1) / 8] ^= 1 << ((bit + 1) % 8);
                }
                // The next frame comes through: at most one is lost with it.
                wrong.push(0);
                wrong.extend(&bytes);
                let read = decode(&wrong);
                let good = read.iter().filter(|read| read.is_ok()).count();
                assert!(read.iter().all(|read| *read == Ok(bytes.clone()) || read.is_err()), "{name}, bit {bit}");
                assert_eq!(good, 1, "{name}, bit {bit}: {read:?}");
            }
        }
    }
}

#[test]
fn what_is_cut_short_is_no_message() {
    for (name, frame) in examples() {
        let bytes = bytes_of(&frame);
        for len in 0..bytes.len() - 1 {
            let mut cut = bytes[..len].to_vec();
            cut.push(0);
            cut.extend(&bytes);
            let read = decode(&cut);
            assert!(read.len() == 1 || read[0].is_err(), "{name}, {len} bytes: {read:?}");
            assert_eq!(read.last(), Some(&Ok(bytes.clone())), "{name}, {len} bytes");
        }
    }
}

#[test]
fn each_way_to_be_broken_has_its_name() {
    let good = bytes_of(&examples()[2].1);
    let body = |version: u8, message: &[u8]| {
        let mut plain = vec![version];
        plain.extend(message);
        let sum = crc32(&plain).to_le_bytes();
        plain.extend(sum);
        let mut framed = [0; MAX_FRAME];
        let len = cobs::encode(&plain, &mut framed);
        framed[..=len].to_vec()
    };
    assert_eq!(decode(&[5, 1, 0]), [Err(Broken::Truncated)]);
    assert_eq!(decode(&body(VERSION + 1, &[1, 0, 6])), [Err(Broken::Version)]);
    assert_eq!(decode(&body(VERSION, &[1, 0, 13])), [Err(Broken::Message)], "a message of a later version");
    assert_eq!(decode(&body(VERSION, &[1, 0, 6, 0])), [Err(Broken::Message)], "one byte too many");
    let mut changed = good.clone();
    changed[10] ^= 0x40;
    assert_eq!(decode(&changed), [Err(Broken::Checksum)]);
    let mut long = vec![0x01; 2 * MAX_FRAME];
    long.push(0);
    long.extend(&good);
    assert_eq!(decode(&long), [Err(Broken::TooLong), Ok(good.clone())]);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let good = bytes_of(&examples()[4].1);
        let mut stream = noise;
        stream.push(0);
        stream.extend(&good);
        let read = decode(&stream);
        prop_assert_eq!(read.last(), Some(&Ok(good)));
    }

    #[test]
    fn any_run_comes_back(
        (depth, width, points, seed) in any::<(u32, u32, u32, u64)>(),
        (gain, from, step) in any::<(f32, f32, f32)>(),
        (request, sequence) in any::<(u32, u32)>(),
    ) {
        let spec = Spec { depth, width, gain, ..Spec::feedforward(1, 1) };
        let frame = Frame { request, sequence, message: Message::Run(Run { spec, points, seed, from, step, ..run() }) };
        let bytes = bytes_of(&frame);
        prop_assert!(bytes.len() <= MAX_FRAME);
        let mut decoder = Decoder::new();
        let read = bytes.iter().find_map(|&byte| decoder.push(byte).map(|read| read.map(|frame| bytes_of(&frame))));
        prop_assert_eq!(read, Some(Ok(bytes)));
    }
}
