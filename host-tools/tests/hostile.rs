//! Devices that lie, flood and drip in whole frames: each exchange ends in time with one line that says what is wrong, none gives a
//! result, and none makes the host take memory. The firmware refuses a hostile host as fast.
use crate::common;
use rayon::prelude::*;
use shatterscope::contract::Digest;
use shatterscope::plan::{Plan, Want};
use shatterscope::train::{Initializer, RateState, Settings};
use shatterscope::wire::{
    Done, Facts, Load, Message, Part, Predict, Predicted, Ready, Run, Save, Saved, Stage, StepRequest, StepResult,
    Store, Trace, Traced, Train, TrainConfig, Why, words_digest,
};
use shatterscope::{NonFinite, Pass};
use shatterscope_host::device::link::{Link, LinkError, Standing, Watched, Words};
use shatterscope_host::predict::Placed;
use shatterscope_layers::Layer;
use shatterscope_simulated::hostile::{Answer, FACTS, Peer, Say, frame, hello};
use shatterscope_simulated::{Fate, Made, Simulated};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(400);

/// An exchange ends within its limit and a second; a machine that is busy gets more.
const BOUND: Duration = Duration::from_secs(12);

const NONE: Duration = Duration::ZERO;

/// 130 points.
fn run(part: Part) -> Run {
    Run { report_every: 1 << 10, ..common::run(part) }
}

fn total(run: &Run) -> u64 {
    let options = run.options();
    Plan::family(&run.spec, options.want()).unwrap().run(&options, FACTS.tile).unwrap().multiply_adds
}

fn done(values: &[f32]) -> Done {
    Done { elements: values.len() as u32, digest: Digest::of(values), arena: 64, panel: 16, stack: None, ticks: None }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// All values, then `done`.
fn whole(number: u32, values: &[f32], done: Done) -> Vec<u8> {
    let mut said = Vec::new();
    for (i, part) in values.chunks(56).enumerate() {
        said.extend(frame(number, i as u32, Message::Value { first: 56 * i as u32, bytes: &bytes(part) }));
    }
    said.extend(frame(number, values.len().div_ceil(56) as u32, Message::Done(done)));
    said
}

fn once(say: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Answer {
    Box::new(move |number, _| Some(Say::Once(say(number))))
}

fn forever(say: impl Fn(u32, u32) -> Vec<u8> + Send + Clone + 'static, pause: Duration) -> Answer {
    Box::new(move |number, _| {
        let say = say.clone();
        Some(Say::Forever(Box::new(move |i| say(number, i)), pause))
    })
}

fn ended<T: std::fmt::Debug>(name: &str, hint: &str, ask: impl FnOnce() -> Result<T, LinkError>) {
    let start = Instant::now();
    let error = ask().expect_err(name).to_string();
    assert!(start.elapsed() < BOUND, "{name}: {:?}", start.elapsed());
    assert!(error.contains(hint), "{name}: {error}");
    assert!(!error.contains(['\n', '\x1b']), "{name}: {error}");
}

/// The most memory that this process ever had.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

const SERIES: [f32; 130] = [0.5; 130];

/// What a device says to a run for its gradient, and a part of the error.
fn lies() -> Vec<(&'static str, &'static str, Answer)> {
    let honest = done(&SERIES);
    let ends = move |change: fn(Done) -> Done| once(move |n| whole(n, &SERIES, change(honest)));
    let progress = |d, of| once(move |n| frame(n, 0, Message::Progress { done: d, of }));
    let refused = |why| once(move |n| frame(n, 0, Message::Refused { why, need: u64::MAX, have: u64::MAX }));
    let value = |first, len: usize| once(move |n| frame(n, 0, Message::Value { first, bytes: &vec![1; len] }));
    let with = |at: usize, x: f32| {
        once(move |n| {
            let mut values = SERIES;
            values[at] = x;
            whole(n, &values, done(&values))
        })
    };
    let fault = |layer| refused(Why::NonFinite(NonFinite { pass: Pass::Forward, layer }));
    let all = total(&run(Part::Gradient));
    vec![
        ("no elements", "0 elements, 130 were asked for", once(|n| frame(n, 0, Message::Done(done(&[]))))),
        ("one element", "1 elements, 130", once(|n| whole(n, &[1.0], done(&[1.0])))),
        ("more elements", "from element 112 on, 130", once(|n| whole(n, &[0.5; 140], done(&[0.5; 140])))),
        ("4 billion elements", "4294967295 elements", ends(|done| Done { elements: u32::MAX, ..done })),
        ("far", "from element 1073741764 on", value((1 << 30) - 60, 16)),
        ("farther", "from element 4294967295 on", value(u32::MAX, 8)),
        ("half an element", "6 bytes of elements of 4", value(0, 6)),
        ("nan", "NaN (bits 7fc00000) as the gradient at point 77 of run 0", with(77, f32::NAN)),
        (
            "signalling nan",
            "NaN (bits 7f800001) as the gradient at point 0",
            once(|n| {
                let said = [frame(n, 0, Message::Value { first: 0, bytes: &0x7f80_0001u32.to_le_bytes() })];
                let rest = SERIES[1..].chunks(56).enumerate().map(|(i, part)| {
                    frame(n, 1 + i as u32, Message::Value { first: 1 + 56 * i as u32, bytes: &bytes(part) })
                });
                said.into_iter().chain(rest).chain([frame(n, 4, Message::Done(done(&SERIES)))]).flatten().collect()
            }),
        ),
        ("infinity", "infinity (bits ff800000) as the gradient at point 129", with(129, f32::NEG_INFINITY)),
        ("another digest", "its own elements do not have", ends(|done| Done { digest: Digest::of(&[1.0]), ..done })),
        ("memory", "4294967295 B of memory", ends(|done| Done { arena: u32::MAX, ..done })),
        ("panel", "9999 B of them", ends(|done| Done { panel: 9999, ..done })),
        ("stack", "1048577 B of stack", ends(|done| Done { stack: Some(FACTS.ram + 1), ..done })),
        ("ticks", "a time of", ends(|done| Done { ticks: Some(u64::MAX), ..done })),
        ("progress of nothing", "5 of 0 multiply-adds", progress(5, 0)),
        ("progress of all", "18446744073709551615 of", progress(u64::MAX, u64::MAX)),
        ("progress past the end", "multiply-adds done", progress(all + 1, all)),
        ("progress of another run", "multiply-adds done", progress(1, all + 1)),
        ("far sequence", "frame 4294967295", once(move |n| frame(n, u32::MAX, Message::Progress { done: 1, of: all }))),
        ("gap", "frame 9000000", once(move |n| frame(n, 9_000_000, Message::Progress { done: 1, of: all }))),
        ("layer 0", "in layer 0 of a network of 4", fault(0)),
        ("layer 4 billion", "in layer 4294967295", fault(u32::MAX)),
        ("cancelled", "was not cancelled", refused(Why::Cancelled)),
        ("refused", "needs 18446744073709551615 B", refused(Why::Memory)),
        (
            "refuses frames",
            "no whole answer",
            once(|_| frame(0, 0, Message::Refused { why: Why::Frame, need: u64::MAX, have: 0 })),
        ),
        ("restarts", "restarts", once(|_| hello(0, FACTS))),
        ("becomes another", "another firmware", once(|_| hello(0, Facts { tile: 8, ..FACTS }))),
        ("a training's answer", "as if it were a training", once(|n| frame(n, 0, Message::Ready(READY)))),
        ("silent", "said nothing", Box::new(|_, _| None)),
    ]
}

/// What a device says without end.
fn floods() -> Vec<(&'static str, &'static str, Answer)> {
    let all = total(&run(Part::Gradient));
    let progress = move |d| Message::Progress { done: d, of: all };
    let dripped =
        |pause| -> Answer { Box::new(move |number, _| Some(Say::Drip(whole(number, &SERIES, done(&SERIES)), pause))) };
    let slow = LIMIT / 8;
    vec![
        ("progress that stands", "do not advance", forever(move |n, i| frame(n, i, progress(7)), NONE)),
        (
            "progress that falls",
            "do not advance",
            forever(move |n, i| frame(n, i, progress(all - u64::from(i).min(all))), NONE),
        ),
        ("progress by ones", "no whole answer", forever(move |n, i| frame(n, i, progress(u64::from(i) + 1)), slow)),
        ("late answers", "that answer something else", forever(move |n, i| frame(n + 7, i, progress(1)), NONE)),
        ("the same frame", "repeated", forever(move |n, _| frame(n, 0, progress(1)), NONE)),
        ("no bytes", "say nothing new", forever(|n, i| frame(n, i, Message::Value { first: 0, bytes: &[] }), NONE)),
        (
            "one value",
            "say nothing new",
            forever(|n, i| frame(n, i, Message::Value { first: 3, bytes: &[1; 4] }), NONE),
        ),
        (
            "values one by one",
            "no whole answer",
            forever(|n, i| frame(n, i, Message::Value { first: i % 130, bytes: &[1; 4] }), slow),
        ),
        ("a host's messages", "say nothing new", forever(|n, _| frame(n, 0, Message::Cancel), NONE)),
        ("hellos", "say nothing new", forever(|n, _| hello(n, FACTS), NONE)),
        ("broken frames", "no frames: wrong baud rate", forever(|_, _| b"\x05abcd\0".to_vec(), NONE)),
        ("no zeros", "bytes that are no frames", forever(|_, _| vec![b'A'; 1024], NONE)),
        ("zeros", "bytes that are no frames", forever(|_, _| vec![0; 1024], NONE)),
        ("a byte at a time", "no frames: wrong baud", dripped(LIMIT / 9)),
        ("a log", "bytes that are no frames", forever(|_, i| format!("[{i}] tick\n").into_bytes(), LIMIT / 5)),
    ]
}

/// Set in a process that does this test alone, whose memory is that of the test.
const ALONE: &str = "SHATTERSCOPE_HOSTILE_ALONE";

#[test]
fn a_run_ends_in_time_and_without_a_result() {
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "hostile::a_run_ends_in_time_and_without_a_result"]).env(ALONE, "1");
        let output = alone.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    lies().into_par_iter().chain(floods()).for_each(|(name, hint, answer)| {
        let mut link = Link::open(Peer::new(FACTS, answer), LIMIT).expect(name);
        ended(name, hint, || link.part(&run(Part::Gradient), |_, _| true));
    });
    // Two of the lies are about 68 GB.
    assert!(peak() < 200 << 10, "{} kB", peak());
}

/// The other parts have lengths of their own.
#[test]
fn every_part_has_the_length_that_was_asked_for() {
    let parts = [
        (Part::Outputs, 130u32),
        (Part::Digests { first: 1, count: 4 }, 8),
        (Part::Profile { first: 0, count: 3 }, 7),
        (Part::Values { pass: Pass::Forward, node: 0 }, 0),
        (Part::Values { pass: Pass::Backward, node: 0 }, 0),
        (Part::Values { pass: Pass::Forward, node: 1 }, 650),
        (Part::Values { pass: Pass::Backward, node: 1 }, 130),
        (Part::Values { pass: Pass::Backward, node: 2 }, 650),
    ];
    for (part, elements) in parts {
        for claimed in [0, elements.wrapping_sub(1), elements + 1, u32::MAX].into_iter().filter(|&n| n != elements) {
            let say = once(move |n| frame(n, 0, Message::Done(Done { elements: claimed, ..done(&[]) })));
            let mut link = Link::open(Peer::new(FACTS, say), LIMIT).unwrap();
            ended("length", &format!("{elements} were asked for"), || link.part(&run(part), |_, _| true));
        }
    }
    let profile = |elements: [u64; 3], ticks| {
        let say = once(move |n| {
            let mut digest = Digest::new();
            elements.iter().for_each(|&element| digest.push_hash(element));
            let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
            let done = Done { elements: 3, digest, ticks, ..done(&[]) };
            [frame(n, 0, Message::Value { first: 0, bytes: &bytes }), frame(n, 1, Message::Done(done))].concat()
        });
        let mut link = Link::open(Peer::new(FACTS, say), LIMIT).unwrap();
        move || link.part(&run(Part::Profile { first: 0, count: 1 }), |_, _| true)
    };
    ended("ticks", "a time of 18446744073709551615", profile([0, 1, u64::MAX], None));
    ended("shares", "operations took 1001 ticks, and the whole run 1000", profile([7, 1, 1000], Some(1000)));
    assert_eq!(profile([7, 1, 999], Some(1000))().unwrap().elements, [7, 1, 999]);
}

/// A device that takes longer than the limit, and says how far it is.
#[test]
fn honest_progress_extends_the_time() {
    let asked = run(Part::Gradient);
    let all = total(&asked);
    let steps = 6;
    let answer: Answer = Box::new(move |number, _| {
        Some(Say::Forever(
            Box::new(move |i| match i {
                i if i < steps => {
                    let done = all * u64::from(i + 1) / u64::from(steps + 1);
                    frame(number, i, Message::Progress { done, of: all })
                }
                i if i == steps => {
                    let said = whole(0, &SERIES, done(&SERIES));
                    let parts = said.split_inclusive(|&byte| byte == 0).count() as u32;
                    let values = SERIES.chunks(56).enumerate().flat_map(|(k, part)| {
                        let message = Message::Value { first: 56 * k as u32, bytes: &bytes(part) };
                        frame(number, steps + k as u32, message)
                    });
                    values.chain(frame(number, steps + parts - 1, Message::Done(done(&SERIES)))).collect()
                }
                _ => Vec::new(),
            }),
            Duration::from_millis(450),
        ))
    });
    let limit = Duration::from_millis(1200);
    let start = Instant::now();
    let mut link = Link::open(Peer::new(FACTS, answer), limit).unwrap();
    let answer = link.part(&asked, |_, _| true).unwrap();
    assert_eq!(answer.elements.len(), 130);
    assert!(start.elapsed() > 2 * limit, "longer than the limit: {:?}", start.elapsed());
}

#[test]
fn facts_that_no_device_has_are_refused() {
    let long = "b".repeat(150).leak();
    let facts = [
        (Facts { rows: 0, ..FACTS }, "0 rows"),
        (Facts { rows: 65, ..FACTS }, "65 rows"),
        (Facts { tile: 0, ..FACTS }, "0 points"),
        (Facts { tile: u32::MAX, ..FACTS }, "4294967295 points"),
        (Facts { arena: 0, ..FACTS }, "0 B of memory for runs"),
        (Facts { arena: 1 << 21, ..FACTS }, "2097152 B of memory for runs"),
        (Facts { arena: 1001, ..FACTS }, "1001 B"),
        (Facts { board: long, ..FACTS }, "its board has 150 bytes"),
        (Facts { core: &long[..80], ..FACTS }, "its core has 80 bytes"),
    ];
    for (facts, hint) in facts {
        ended(hint, hint, || {
            Link::open(Peer::new(facts, Box::new(|_, _| None)), LIMIT).map(|link| link.identity().clone())
        });
    }
    let odd = Facts { board: "\x1b[2Jx\nPASS\u{202e}", ..FACTS };
    let link = Link::open(Peer::new(odd, Box::new(|_, _| None)), LIMIT).unwrap();
    assert_eq!(link.identity().board, "\\u{1b}[2Jx\\nPASS\\u{202e}");
}

#[test]
fn a_device_that_does_not_read_is_named() {
    let mut peer = Peer::new(FACTS, Box::new(|_, _| None));
    peer.deaf = true;
    let mut link = Link::open(peer, LIMIT).unwrap();
    ended("deaf", "has not read", || link.part(&run(Part::Gradient), |_, _| true));
}

const READY: Ready = Ready {
    step: 0,
    parameters: 18,
    running: 0,
    state: 0,
    arena: 512,
    least: 256,
    digest: Digest { hash: 1, bytes: 72 },
};

const RATE: RateState = RateState { epoch: 0, rate: 0.5, best: f32::MAX, waited: 0, drops: 0 };

const TAUGHT: StepResult =
    StepResult { step: 5, loss: 0.5, correct: 1, digest: Digest { hash: 1, bytes: 72 }, stack: None, ticks: None };

fn ready(link: &mut Link) -> Result<(), LinkError> {
    let settings = Settings::default();
    let with = TrainConfig { batch: 1, settings, start: Initializer::He, seed: 1, run: 0, step: 0, ram: 0 };
    let nodes = Words { store: Store::Nodes, words: &[7; 30] };
    link.ready(&Train { session: 1, nodes: 2, digest: 5, tag: 6, with }, nodes).map(|_| ())
}

fn teach(link: &mut Link) -> Result<(), LinkError> {
    let teach = StepRequest { session: 1, step: 4, rate: 0.5, count: 1, examples: 0 };
    let inputs = Words { store: Store::Inputs, words: &[0; 8] };
    link.teach(&teach, inputs, Words { store: Store::Labels, words: &[1] }, watched(&mut |_, _| true)).map(|_| ())
}

/// Multiply-adds of the step, and of the forward pass.
const WORK: u64 = 1 << 16;

fn watched(progress: &mut dyn FnMut(u64, u64) -> bool) -> Watched<'_> {
    Watched { multiply_adds: WORK, every: 1 << 10, progress }
}

fn predict(link: &mut Link) -> Result<(), LinkError> {
    let predict = Predict { session: 1, count: 1, inputs: 0 };
    let inputs = Words { store: Store::Inputs, words: &[0; 8] };
    link.predict(&predict, inputs, watched(&mut |_, _| true)).map(|_| ())
}

fn profile(link: &mut Link) -> Result<(), LinkError> {
    let step = StepRequest { session: 1, step: 4, rate: 0.5, count: 1, examples: 0 };
    let inputs = Words { store: Store::Inputs, words: &[0; 8] };
    let trace = Trace { step, what: Traced::Profile };
    let labels = Words { store: Store::Labels, words: &[1] };
    link.trace(&trace, inputs, labels, 3, Some(watched(&mut |_, _| true))).map(|_| ())
}

fn trace(link: &mut Link) -> Result<(), LinkError> {
    let step = StepRequest { session: 1, step: 4, rate: 0.5, count: 1, examples: 0 };
    let inputs = Words { store: Store::Inputs, words: &[0; 8] };
    let what = Traced::Values { stage: Stage::Backward, node: 1 };
    link.trace(&Trace { step, what }, inputs, Words { store: Store::Labels, words: &[1] }, 18, None).map(|_| ())
}

fn words(link: &mut Link) -> Result<(), LinkError> {
    link.words(1, Store::Parameters, 18).map(|_| ())
}

fn save(link: &mut Link) -> Result<(), LinkError> {
    link.save(&Save { session: 1, step: 4, batch: 0, rate: RATE }).map(|_| ())
}

type Ask = fn(&mut Link) -> Result<(), LinkError>;

#[test]
fn a_training_ends_in_time_and_without_a_result() {
    let taught = |taught| once(move |n| frame(n, 0, Message::StepResult(taught)));
    let says = |ready| once(move |n| frame(n, 0, Message::Ready(ready)));
    let value = |first, len| once(move |n| frame(n, 0, Message::Value { first, bytes: &vec![0; len] }));
    let saved = Saved { sequence: 1, step: 4, batch: 0, rate: RATE, digest: Digest { hash: 1, bytes: 72 } };
    let eighteen = done(&[0.5; 18]);
    let wrong = Done { digest: Digest::of(&[1.0]), ..eighteen };
    let cases: Vec<(&str, Ask, Answer)> = vec![
        ("4294967295 B of memory", ready, says(Ready { arena: u32::MAX, ..READY })),
        ("600 B would do", ready, says(Ready { least: 600, ..READY })),
        ("of another kind (Done)", ready, once(|n| frame(n, 0, Message::Done(done(&[]))))),
        ("of another kind (Taught)", ready, taught(TAUGHT)),
        ("4294967295 steps done", teach, taught(StepResult { step: u32::MAX, ..TAUGHT })),
        ("4 steps done", teach, taught(StepResult { step: 4, ..TAUGHT })),
        ("2 right answers for 1 examples", teach, taught(StepResult { correct: 2, ..TAUGHT })),
        ("NaN (bits 7fc00000) as the loss of step 5", teach, taught(StepResult { loss: f32::NAN, ..TAUGHT })),
        ("infinity (bits 7f800000) as the loss", teach, taught(StepResult { loss: f32::INFINITY, ..TAUGHT })),
        ("a time of", teach, taught(StepResult { ticks: Some(u64::MAX), ..TAUGHT })),
        ("of another kind (Ready)", teach, says(READY)),
        (
            "no whole answer to 6 requests",
            teach,
            once(|n| frame(n, 0, Message::Refused { why: Why::Examples, need: 0, have: 0 })),
        ),
        ("no whole answer", teach, once(|_| frame(0, 0, Message::Refused { why: Why::Frame, need: 0, have: 0 }))),
        ("that answer something else", teach, forever(|n, _| frame(n ^ 8, 0, Message::StepResult(TAUGHT)), NONE)),
        (
            "no whole answer",
            teach,
            forever(|_, _| frame(0, 0, Message::Refused { why: Why::Frame, need: 0, have: 0 }), NONE),
        ),
        ("has started anew", teach, once(|_| hello(0, FACTS))),
        ("another firmware", teach, once(|_| hello(0, Facts { rows: 2, ..FACTS }))),
        ("no frames", teach, forever(|_, _| vec![0x55; 1024], NONE)),
        ("from element 17 on, 18 elements of 4 bytes", trace, value(17, 8)),
        ("from element 4294967295 on", trace, value(u32::MAX, 4)),
        ("7 bytes from element 0", trace, value(0, 7)),
        ("0 elements, 18 were asked for", trace, once(|n| frame(n, 0, Message::Done(done(&[]))))),
        ("its own elements do not have", trace, once(move |n| whole(n, &[0.5; 18], wrong))),
        ("of another kind (Taught)", trace, taught(TAUGHT)),
        ("no whole answer", trace, once(|n| frame(n, 0, Message::Refused { why: Why::Examples, need: 0, have: 0 }))),
        (
            "did not arrive whole",
            ready,
            forever(|n, _| frame(n, 0, Message::Refused { why: Why::Nodes, need: 0, have: 0 }), NONE),
        ),
        ("from word 17 on, 18 words", words, value(17, 8)),
        ("from word 4294967295 on", words, value(u32::MAX, 4)),
        ("7 bytes from word 0", words, value(0, 7)),
        ("0 elements, 18 were asked for", words, once(|n| frame(n, 0, Message::Done(done(&[]))))),
        ("its own words do not have", words, once(move |n| whole(n, &[0.5; 18], wrong))),
        ("of another kind (Progress)", words, once(|n| frame(n, 0, Message::Progress { done: 1, of: 2 }))),
        ("of another kind (Progress)", trace, once(|n| frame(n, 0, Message::Progress { done: 1, of: 2 }))),
        ("5 elements, 3 were asked for", profile, once(move |n| frame(n, 0, Message::Done(done(&[0.5; 5]))))),
        (
            "a time of",
            profile,
            once(move |n| {
                let name = [frame(n, 0, Message::Value { first: 0, bytes: &[1; 8] })];
                let all = Done { elements: 1, ticks: Some(u64::MAX), ..eighteen };
                name.into_iter().chain([frame(n, 1, Message::Done(all))]).flatten().collect()
            }),
        ),
        ("a state of step 3 is saved", save, once(move |n| frame(n, 0, Message::Saved(Saved { step: 3, ..saved })))),
        ("said nothing", save, Box::new(|_, _| None)),
    ];
    cases.into_par_iter().for_each(|(hint, ask, answer)| {
        let mut link = Link::open(Peer::new(FACTS, answer), LIMIT).expect(hint);
        ended(hint, hint, || ask(&mut link));
    });
    let mut peer = Peer::new(FACTS, Box::new(|_, _| None));
    peer.deaf = true;
    let mut link = Link::open(peer, LIMIT).unwrap();
    ended("deaf", "has not read", || teach(&mut link));
    let put = Words { store: Store::Parameters, words: &[0; 5000] };
    ended("deaf", "has not read", || link.put(Standing { session: 1, step: 0 }, put));
}

/// Progress of a step, of a traced one and of a forward pass is held to the multiply-adds that this machine has planned, and extends the time only
/// if it advances.
#[test]
fn a_lying_progress_of_a_step_ends_in_time() {
    let progress = |done, of| once(move |n| frame(n, 0, Message::Progress { done, of }));
    let flood = |done: fn(u32) -> u64, pause| {
        forever(move |n, i| frame(n, i, Message::Progress { done: done(i), of: WORK }), pause)
    };
    let cancelled = || once(|n| frame(n, 0, Message::Refused { why: Why::Cancelled, need: 0, have: 0 }));
    type Lie<'a> = (&'a str, Box<dyn Fn() -> Answer + Sync + 'a>);
    let lies: Vec<Lie> = vec![
        ("5 of 0 multiply-adds done, the run has 65536", Box::new(|| progress(5, 0))),
        ("18446744073709551615 of", Box::new(|| progress(u64::MAX, u64::MAX))),
        ("65537 of 65536 multiply-adds done", Box::new(|| progress(WORK + 1, WORK))),
        ("1 of 65537 multiply-adds done", Box::new(|| progress(1, WORK + 1))),
        ("1 of 65535 multiply-adds done", Box::new(|| progress(1, WORK - 1))),
        ("was not cancelled", Box::new(cancelled)),
        ("do not advance", Box::new(|| flood(|_| 7, NONE))),
        ("do not advance", Box::new(|| flood(|i| WORK - u64::from(i).min(WORK), NONE))),
        // By less than an honest device: the time is not extended.
        ("no whole answer", Box::new(|| flood(|i| u64::from(i) + 1, LIMIT / 8))),
        // All is done, and no answer comes.
        ("do not advance", Box::new(|| flood(|_| WORK, LIMIT / 8))),
        ("repeated", Box::new(|| forever(|n, _| frame(n, 0, Message::Progress { done: 1, of: WORK }), NONE))),
        (
            "answer something else",
            Box::new(|| forever(|n, i| frame(n + 7, i, Message::Progress { done: 1, of: WORK }), NONE)),
        ),
        ("frame 4294967295", Box::new(|| once(|n| frame(n, u32::MAX, Message::Progress { done: 1, of: WORK })))),
    ];
    let asks: [Ask; 3] = [teach, predict, profile];
    let all: Vec<(&Lie, Ask)> = lies.iter().flat_map(|lie| asks.map(|ask| (lie, ask))).collect();
    all.into_par_iter().for_each(|((hint, answer), ask)| {
        let mut link = Link::open(Peer::new(FACTS, answer()), LIMIT).expect(hint);
        ended(hint, hint, || ask(&mut link));
    });
}

/// A step that takes longer than the limit, on a device that says how far it is.
#[test]
fn honest_progress_extends_the_time_of_a_step() {
    let steps = 6;
    let answer: Answer = Box::new(move |number, message| {
        let Message::StepRequest(_) = message else { return None };
        let said = move |i: u32| match i {
            i if i < steps => {
                let done = WORK * u64::from(i + 1) / u64::from(steps + 1);
                frame(number, i, Message::Progress { done, of: WORK })
            }
            i if i == steps => frame(number, steps, Message::StepResult(TAUGHT)),
            _ => Vec::new(),
        };
        Some(Say::Forever(Box::new(said), Duration::from_millis(450)))
    });
    let limit = Duration::from_millis(1200);
    let start = Instant::now();
    let mut link = Link::open(Peer::new(FACTS, answer), limit).unwrap();
    teach(&mut link).unwrap();
    assert!(start.elapsed() > 2 * limit, "longer than the limit: {:?}", start.elapsed());
    // Cancelled again with every report, and completed: the result is that of the step.
    let mut told = 0;
    let step = StepRequest { session: 1, step: 4, rate: 0.5, count: 1, examples: 0 };
    let inputs = Words { store: Store::Inputs, words: &[0; 8] };
    let mut stop = |_, _| {
        told += 1;
        false
    };
    let taught = link.teach(&step, inputs, Words { store: Store::Labels, words: &[1] }, watched(&mut stop)).unwrap();
    assert_eq!((taught.step, told), (5, steps));
}

/// The firmware itself, asked for steps on a number of examples that its memory was not planned for, and for graphs that would keep it busy.
#[test]
fn a_hostile_training_is_refused() {
    let placed =
        Placed::of_layers(&[Layer::Dense { inputs: 8, outputs: 2, bias: true }], Want::ParameterGradient).unwrap();
    let words = placed.words();
    let with = TrainConfig {
        batch: 3,
        settings: Settings::default(),
        start: Initializer::He,
        seed: 1,
        run: 0,
        step: 0,
        ram: 0,
    };
    let (nodes, digest) = (placed.nodes.len() as u32, words_digest(words.iter().copied()));
    let train = Train { session: 1, nodes, digest, tag: 0, with };
    let nodes = Words { store: Store::Nodes, words: &words };
    let mut link = Link::open(Simulated::new(Made::default(), Box::new(|_, _| Fate::Pass)), LIMIT).unwrap();
    link.ready(&train, nodes).unwrap();
    let mut teach = |count: u32| {
        let step = StepRequest { session: 1, step: 0, rate: 0.5, count, examples: 0 };
        let inputs = Words { store: Store::Inputs, words: &[0; 24] };
        let labels = Words { store: Store::Labels, words: &[0; 3] };
        link.teach(&step, inputs, labels, watched(&mut |_, _| true))
    };
    ended("no examples", "there must be between 1 and 16777216 examples", || teach(0));
    ended("an example more", "the run needs 128 B of memory, 96 B are there", || teach(4));
    ended("4 billion examples", "the run needs 137438953440 B of memory, 96 B are there", || teach(u32::MAX));
    // More nodes than a device verifies, whether they arrive or not.
    let many = Train { session: 2, nodes: 1025, ..train };
    ended("1025 nodes", "the graph has 1025 nodes, and the device takes at most 1024", || link.ready(&many, nodes));
    let most = Train { session: 3, nodes: u32::MAX, ..train };
    ended("4 billion nodes", "takes at most 1024", || link.ready(&most, nodes));
    // A plan for something else is no plan for a training, and two outputs have no loss.
    let output = Placed::of_layers(&[Layer::Dense { inputs: 8, outputs: 2, bias: true }], Want::Output).unwrap();
    let words = [output.words(), vec![0; 4]].concat();
    let other = Train { session: 4, digest: words_digest(words.iter().copied()), ..train };
    ended("slots of a plan for outputs", "overlaps another one", || {
        link.ready(&other, Words { store: Store::Nodes, words: &words })
    });
    assert_eq!(link.ready(&Train { session: 5, ..train }, nodes).unwrap().step, 0);
}

/// The firmware itself, asked for inference on a number of points that its memory was not planned for. Hashing the inputs of 2^32 - 1 points
/// would take minutes: the count is compared first.
#[test]
fn a_hostile_count_of_points_is_refused() {
    const BATCH: u32 = 3;
    let placed = Placed::of_layers(&[Layer::Dense { inputs: 8, outputs: 2, bias: true }], Want::Output).unwrap();
    let words = placed.words();
    let digest = words_digest(words.iter().copied());
    let load = Load { session: 1, nodes: placed.nodes.len() as u32, digest, batch: BATCH, ram: 0 };
    let mut link = Link::open(Simulated::new(Made::default(), Box::new(|_, _| Fate::Pass)), LIMIT).unwrap();
    link.load(&load, Words { store: Store::Nodes, words: &words }).unwrap();
    let inputs = [0; 8 * BATCH as usize];
    let mut predict = |count: u32| {
        let predict = Predict { session: 1, count, inputs: words_digest(inputs.iter().copied()) };
        link.predict(&predict, Words { store: Store::Inputs, words: &inputs }, watched(&mut |_, _| true))
    };
    ended("no points", "there must be between 1 and 16777216 examples", || predict(0));
    ended("a point more", "the run needs 128 B of memory, 96 B are there", || predict(BATCH + 1));
    ended("4 billion points", "the run needs 137438953440 B of memory, 96 B are there", || predict(u32::MAX));
    // The device is still usable.
    assert_eq!(predict(BATCH).unwrap().digest, Digest::of(&[0.0; 2 * BATCH as usize]));
}

/// What a device says of a request or of its stack is believed no further than it can be.
#[test]
fn a_device_that_cannot_read_or_names_a_strange_stack_is_told_plainly() {
    let unread = LinkError::Refused { why: Why::Frame, need: 77, have: 0 }.to_string();
    assert_eq!(unread, "the device cannot read a request: the device does not say why");
    let stack = once(|n| {
        let predicted =
            Predicted { count: 1, inputs: 0, digest: Digest::of(&[0.0]), stack: Some(FACTS.ram + 1), ticks: None };
        frame(n, 0, Message::Predicted(predicted))
    });
    let mut link = Link::open(Peer::new(FACTS, stack), LIMIT).unwrap();
    let predict = Predict { session: 1, count: 1, inputs: 0 };
    ended("stack", "1048577 B of stack", || {
        link.predict(&predict, Words { store: Store::Inputs, words: &[0; 8] }, watched(&mut |_, _| true))
    });
}
