//! Faults of the line, each one detected and named, and never a wrong number.

use crate::common::run;
use proptest::prelude::*;
use rayon::prelude::*;
use shatterscope::Pass;
use shatterscope::contract::CONTRACT;
use shatterscope::graph::Graph;
use shatterscope::plan::Schedule;
use shatterscope::spec::{Norm, Spec};
use shatterscope::wire::{Decoder, Facts, Frame, Hello, MAX_FRAME, Message, Part, Run, VERSION, Why, encode};
use shatterscope_host::device::channel::Channel;
use shatterscope_host::device::fit::request;
use shatterscope_host::device::link::{Link, LinkError, Mended};
use shatterscope_host::spec::Norm::Centre;
use shatterscope_host::spec::Overrides;
use shatterscope_simulated::{Fate, Faults, Made, Scripted, Simulated, Way};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time of an exchange: half of it, the first silence that is borne, is far longer than the runs here take.
const LIMIT: Duration = Duration::from_millis(800);

/// 130 points: three frames of values.
const PARTS: [Part; 5] = [
    Part::Gradient,
    Part::Outputs,
    Part::Digests { first: 0, count: 7 },
    Part::Values { pass: Pass::Backward, node: 3 },
    Part::Profile { first: 2, count: 5 },
];

fn open(faults: Faults) -> Result<Link, LinkError> {
    Link::open(Simulated::new(Made::default(), faults), LIMIT)
}

fn clean(part: Part) -> Vec<u64> {
    let mut link = open(Box::new(|_, _| Fate::Pass)).unwrap();
    let elements = link.part(&run(part), |_, _| true).unwrap().elements;
    assert_eq!(link.mended(), Mended::default(), "a good line needs no mending");
    elements
}

/// One fate for one frame.
fn once(at: (Way, usize), fate: Fate) -> Faults {
    Box::new(move |way, number| if (way, number) == at { fate } else { Fate::Pass })
}

#[test]
fn every_single_fault_is_mended() {
    let fates = [
        Fate::Lost,
        Fate::Twice,
        Fate::Late,
        Fate::Turned(0),
        Fate::Turned(43),
        Fate::Turned(777),
        Fate::Cut(1),
        Fate::Cut(7),
        Fate::Torn(9),
        Fate::Noise,
        Fate::Reset,
    ];
    for part in PARTS {
        let wanted = clean(part);
        // To the device: its Hello, the run; to the host: two Hellos, the values, Done, and a frame that is not there.
        let frames = (0..2).map(|i| (Way::ToDevice, i)).chain((0..7).map(|i| (Way::ToHost, i)));
        let cases: Vec<_> = frames.flat_map(|at| fates.map(|fate| (at, fate))).collect();
        cases.par_iter().for_each(|&(at, fate)| {
            let mut link = open(once(at, fate)).unwrap_or_else(|error| panic!("{at:?} {fate:?}: {error}"));
            let answer = link.part(&run(part), |_, _| true);
            assert_eq!(answer.map(|answer| answer.elements), Ok(wanted.clone()), "{part:?} {at:?} {fate:?}");
            // And it goes on.
            let again = link.part(&run(part), |_, _| true);
            assert_eq!(again.map(|answer| answer.elements), Ok(wanted.clone()), "{part:?} {at:?} {fate:?}");
        });
    }
}

/// What happened is said by its name.
#[test]
fn faults_are_counted_under_their_names() {
    // Frames to the host: 0 and 1 are Hellos, 2 to 4 values, 5 is Done.
    let mended = |fate, number| {
        let mut link = open(once((Way::ToHost, number), fate)).unwrap();
        link.part(&run(Part::Gradient), |_, _| true).unwrap();
        link.mended()
    };
    let none = Mended::default();
    assert_eq!(mended(Fate::Lost, 3), Mended { lost: 1, retries: 1, ..none });
    assert_eq!(mended(Fate::Lost, 5), Mended { lost: 1, retries: 1, ..none });
    assert_eq!(mended(Fate::Twice, 3), Mended { repeated: 1, ..none });
    assert_eq!(mended(Fate::Turned(100), 3), Mended { corrupt: 1, lost: 1, retries: 1, ..none });
    assert_eq!(mended(Fate::Cut(100), 3), Mended { corrupt: 1, lost: 1, retries: 1, ..none });
    assert_eq!(mended(Fate::Noise, 3), Mended { corrupt: 1, ..none });
    let reset = mended(Fate::Reset, 3);
    assert_eq!((reset.resets, reset.retries), (1, 1));
}

/// After a lost frame only the points of that frame are asked for again, and nothing is computed again.
#[test]
fn what_has_come_is_not_asked_for_again() {
    let made = Made::default();
    let runs = made.runs.clone();
    let mut link = Link::open(Simulated::new(made, once((Way::ToHost, 3), Fate::Lost)), LIMIT).unwrap();
    let answer = link.part(&run(Part::Gradient), |_, _| true).unwrap();
    assert_eq!(answer.elements, clean(Part::Gradient));
    assert_eq!(answer.done.elements, 130);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    link.part(&run(Part::Outputs), |_, _| true).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1, "outputs lie beside the gradient");
    let slice = Run { first: 100, count: 30, ..run(Part::Gradient) };
    assert_eq!(link.part(&slice, |_, _| true).unwrap().elements, answer.elements[100..]);
    assert_eq!(runs.load(Ordering::SeqCst), 1, "a slice of what is there");
    link.part(&Run { seed: 2, ..run(Part::Gradient) }, |_, _| true).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2, "another run");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// A bad line: either the right answer or an error with a name.
    #[test]
    fn a_bad_line_gives_no_wrong_number(seed in any::<u64>(), badness in 1u64..12, part in 0usize..5) {
        let part = PARTS[part];
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let faults = move |_: Way, _: usize| {
            let word = next();
            if word % 24 >= badness {
                return Fate::Pass;
            }
            let size = (word >> 40) as usize;
            let fates = [
                Fate::Twice, Fate::Late, Fate::Turned(size), Fate::Cut(size), Fate::Torn(size), Fate::Noise, Fate::Lost,
            ];
            fates[(word >> 20) as usize % fates.len()]
        };
        if let Ok(mut link) = Link::open(Simulated::new(Made::default(), Box::new(faults)), Duration::from_millis(60))
            && let Ok(answer) = link.part(&run(part), |_, _| true)
        {
            prop_assert_eq!(answer.elements, clean(part));
        }
    }
}

#[test]
fn a_line_that_loses_everything_is_given_up() {
    let silent = open(Box::new(|way, _| if way == Way::ToHost { Fate::Lost } else { Fate::Pass }));
    assert!(matches!(silent, Err(LinkError::Silent(LIMIT))));
    let mut link = open(Box::new(|way, i| if way == Way::ToHost && i > 1 { Fate::Lost } else { Fate::Pass })).unwrap();
    assert_eq!(link.part(&run(Part::Gradient), |_, _| true), Err(LinkError::Silent(LIMIT)));
    let corrupt = Box::new(|way, i| if way == Way::ToHost && i > 1 { Fate::Turned(99) } else { Fate::Pass });
    match open(corrupt).unwrap().part(&run(Part::Gradient), |_, _| true) {
        Err(LinkError::GaveUp(seen)) => assert!(seen.mended.corrupt > 6, "{seen:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_that_is_gone_is_named() {
    for number in 2..6 {
        let mut link = open(once((Way::ToHost, number), Fate::Gone)).unwrap();
        let gone = link.part(&run(Part::Gradient), |_, _| true);
        assert_eq!(gone, Err(LinkError::Closed("pulled out".to_owned())));
    }
    let gone = open(once((Way::ToDevice, 0), Fate::Gone));
    assert!(matches!(gone, Err(LinkError::Closed(_))));
}

#[test]
fn another_firmware_after_a_reset_is_noticed() {
    let other = Made { words: 1 << 15, ..Made::default() };
    let faults = once((Way::ToHost, 3), Fate::Reset);
    let mut link = Link::open(Simulated::that_becomes(Made::default(), other, faults), LIMIT).unwrap();
    assert_eq!(link.part(&run(Part::Gradient), |_, _| true), Err(LinkError::Changed));
}

/// A peer that answers every frame with a Hello of these words.
fn peer(wire: u32, contract: &'static str, failed_checks: u32) -> Box<dyn Channel> {
    Scripted::new(move |bytes| {
        let mut decoder = Decoder::new();
        let request = bytes.iter().find_map(|&byte| decoder.push(byte)?.ok().map(|frame| frame.request)).unwrap();
        let facts = Facts {
            board: "peer",
            core: "x",
            fpu: true,
            clock: 0,
            flash: 0,
            ram: 0,
            arena: 4,
            rows: 1,
            tile: 1,
            failed_checks,
        };
        let hello = Hello { wire, contract, commit: "0", compiler: "x", facts: Some(facts) };
        let frame = Frame { request, sequence: 0, message: Message::Hello(hello) };
        encode(&frame, &mut [0; MAX_FRAME]).unwrap().to_vec()
    })
}

#[test]
fn a_device_of_another_kind_is_refused_before_it_computes() {
    let open = |peer: Box<dyn Channel>| Link::open(peer, LIMIT).err();
    assert_eq!(open(peer(VERSION as u32, "strict-2", 0)), Some(LinkError::OtherContract("strict-2".to_owned())));
    assert_eq!(open(peer(VERSION as u32 + 1, CONTRACT, 0)), Some(LinkError::OtherWire));
    assert_eq!(open(peer(VERSION as u32, CONTRACT, 1 << 9)), Some(LinkError::SelfTest(1 << 9)));
    assert!(open(peer(VERSION as u32, CONTRACT, 0)).is_none());
    // Frames of the versions before and after with good checksums: the CRC of 02 01 00 06 and of 04 01 00 06.
    let earlier = Scripted::new(|_| vec![0x03, 0x02, 0x01, 0x06, 0x06, 0x95, 0xd8, 0xec, 0x63, 0x00]);
    assert_eq!(open(earlier), Some(LinkError::OtherWire));
    let later = Scripted::new(|_| vec![0x03, 0x04, 0x01, 0x06, 0x06, 0x49, 0x87, 0x87, 0x46, 0x00]);
    assert_eq!(open(later), Some(LinkError::OtherWire));
    let echo = Scripted::new(<[u8]>::to_vec);
    assert!(matches!(open(echo), Some(LinkError::OtherWire | LinkError::Silent(_) | LinkError::GaveUp(_))));
}

/// The firmware's side of the same: a host of another contract is refused, frames that cannot be read are answered.
/// A profile has every visit to a node: each block, each way, each sweep that finds statistics.
#[test]
fn a_profile_counts_every_visit() {
    let spec =
        Overrides { depth: Some(3), width: Some(5), points: Some(130), norm: Some(Centre), ..Overrides::default() };
    let schedule = Schedule::Blocks { resident: 28 };
    let centred = Run { schedule, ..request(&spec.resolve().unwrap(), 0, 0).unwrap() };
    let graph = Graph::family(&centred.spec).unwrap();
    let len = graph.len() as u32;
    let part = Part::Profile { first: 0, count: len };
    let mut link = open(Box::new(|_, _| Fate::Pass)).unwrap();
    let elements = link.part(&Run { part, ..centred }, |_, _| true).unwrap().elements;
    // 130 points are five blocks; each norm has a sweep up to it before the last, which alone goes all the way and back.
    let norms = |from: u32| (from..len).filter(|&i| graph.node(i).unwrap().op.norm().is_some()).count() as u64;
    assert_eq!(elements[1..3], [0, 0], "an input");
    for i in 1..len {
        let [forward, backward] = [elements[1 + 2 * i as usize], elements[2 + 2 * i as usize]];
        assert_eq!((forward, backward), (50 * (1 + norms(i)), 50), "node {i}");
    }
    assert!(norms(0) > 0);
}

#[test]
fn the_device_refuses_and_goes_on_serving() {
    let refused = |run: Run| match open(Box::new(|_, _| Fate::Pass)).unwrap().part(&run, |_, _| true) {
        Err(LinkError::Refused { why, need, have }) => (why, need, have),
        other => panic!("{other:?}"),
    };
    let good = run(Part::Gradient);
    let (why, need, have) = refused(Run { spec: Spec { width: 1 << 20, ..good.spec }, ..good });
    assert_eq!((why, have), (Why::Memory, 4 << 16));
    assert!(need > 4 << 20);
    assert!(matches!(refused(Run { spec: Spec { depth: 0, ..good.spec }, ..good }).0, Why::Network(_)));
    assert_eq!(refused(Run { from: f32::NAN, ..good }).0, Why::Input);
    assert_eq!(refused(run(Part::Digests { first: 3, count: 40 })).0, Why::Operation);
    assert!(matches!(refused(Run { spec: Spec { gain: 1e30, depth: 9, ..good.spec }, ..good }).0, Why::NonFinite(_)));
    let mut link = open(Box::new(|_, _| Fate::Pass)).unwrap();
    assert!(link.part(&Run { count: 0, ..good }, |_, _| true).is_err());
    assert_eq!(link.part(&good, |_, _| true).unwrap().elements, clean(Part::Gradient));
}

/// The bytes that a refusal names are exact: with them it runs, with a word less it does not.
#[test]
fn the_memory_asked_for_is_the_memory_needed() {
    for (norm, schedule) in [
        (Norm::None, Schedule::WholeBatch),
        (Norm::Batch, Schedule::WholeBatch),
        (Norm::Centre, Schedule::Blocks { resident: 16 }),
    ] {
        let run = run(Part::Gradient);
        let run = Run { spec: Spec { norm, ..run.spec }, schedule, ..run };
        let ask = |words: usize| {
            let made = Made { words, ..Made::default() };
            let mut link = Link::open(Simulated::new(made, Box::new(|_, _| Fate::Pass)), LIMIT).unwrap();
            link.part(&run, |_, _| true)
        };
        let need = match ask(10) {
            Err(LinkError::Refused { why: Why::Memory, need, have: 40 }) => need,
            other => panic!("{other:?}"),
        };
        let refused = Err(LinkError::Refused { why: Why::Memory, need, have: need - 4 });
        assert_eq!(ask(need as usize / 4 - 1), refused);
        assert_eq!(ask(need as usize / 4).unwrap().done.arena as u64, need);
    }
}

#[test]
fn a_run_is_cancelled_between_steps() {
    let mut link = open(Box::new(|_, _| Fate::Pass)).unwrap();
    let good = run(Part::Gradient);
    let long = Run { report_every: 1, spec: Spec { depth: 24, ..good.spec }, ..good };
    let mut told = 0;
    let cancelled = link.part(&long, |done, of| {
        assert!(done <= of);
        told += 1;
        told < 3
    });
    assert_eq!(cancelled, Err(LinkError::Refused { why: Why::Cancelled, need: 0, have: 0 }));
    assert_eq!(link.part(&run(Part::Gradient), |_, _| true).unwrap().elements, clean(Part::Gradient));
}
