//! Faults of the line, each one detected and named, and never a wrong number.
mod simulated;

use proptest::prelude::*;
use rayon::prelude::*;
use shatterscope::Pass;
use shatterscope::contract::CONTRACT;
use shatterscope::network::{Network, Norm, Schedule, Spec};
use shatterscope::wire::{Decoder, Facts, Frame, Hello, MAX_FRAME, Message, Part, Run, VERSION, Why, encode};
use shatterscope_host::device::channel::Channel;
use shatterscope_host::device::fit::request;
use shatterscope_host::device::link::{Link, LinkError, Mended};
use shatterscope_host::spec::Overrides;
use simulated::{Fate, Faults, Made, Scripted, Simulated, Way};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Silence that is borne: far longer than the runs here take.
const LIMIT: Duration = Duration::from_millis(400);

/// 130 points: three frames of values.
fn run(part: Part) -> Run {
    let spec = Overrides { depth: Some(3), width: Some(5), points: Some(130), ..Overrides::default() };
    Run { part, ..request(&spec.resolve().unwrap(), 0, 0).unwrap() }
}

const PARTS: [Part; 5] = [
    Part::Gradient,
    Part::Outputs,
    Part::Digests { first: 0, count: 6 },
    Part::Values { pass: Pass::Backward, operation: 2 },
    Part::Profile { first: 1, count: 5 },
];

fn open(faults: Faults) -> Result<Link, LinkError> {
    Link::open(Simulated::new(Made::default(), faults), LIMIT)
}

fn clean(part: Part) -> Vec<u64> {
    let network = Network::Family(centred.spec);
    let part = Part::Profile { first: 0, count: network.len() };
    let mut link = open(Box::new(|_, _| Fate::Pass)).unwrap();
    let elements = link.part(&Run { part, ..centred }, |_, _| true).unwrap().elements;
    // 130 points are five blocks; each norm has a sweep up to it before the last, which alone goes all the way and back.
    let norms = |from: u32| (from..network.len()).filter(|&i| network.layer(i).unwrap().is_norm()).count() as u64;
    for i in 0..network.len() {
        let [forward, backward] = [elements[1 + 2 * i as usize], elements[2 + 2 * i as usize]];
        assert_eq!((forward, backward), (50 * (1 + norms(i)), 50), "operation {i}");
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
