//! The same bits at every tile width, schedule, panel, budget, instruction set and weight source; and the bits that
//! `docs/strict1.py`, an implementation of its own, computed.

use crate::common::{Case, How, goldens, record, run, run_stored};
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::network::{Derivative, Norm, Schedule, Statistics};
use shatterscope::{Error, Fault, Pass};

/// The digest of a record, or where it met NaN or infinity, as the golden files write it.
fn answer(record: Result<Digest, Error>) -> String {
    match record {
        Ok(digest) => digest.to_string(),
        Err(Error::NonFinite(Fault { pass: Pass::Forward, layer })) => format!("no result: forward {layer}"),
        Err(Error::NonFinite(Fault { pass: Pass::Backward, layer })) => format!("no result: backward {layer}"),
        Err(other) => panic!("{other}"),
    }
}

fn cases() -> Vec<(String, Case, String)> {
    goldens(include_str!("goldens.json")).into_iter().map(|g| (g.name, g.spec.case(), g.digest)).collect()
}

/// The schedules that a case can run under.
fn schedules(case: &Case) -> Vec<Schedule> {
    let refused = case.statistics == Statistics::Full
        && (case.spec.norm == Norm::Batch
            || (case.spec.norm == Norm::Centre && case.derivative == Derivative::Forward));
    let mut schedules = vec![Schedule::WholeBatch];
    if !refused {
        schedules.extend([1, 7, 16, 1000].map(|resident| Schedule::Blocks { resident }));
    }
    schedules
}

#[test]
fn this_machine_keeps_the_contract() {
    assert_eq!(shatterscope::contract::self_test(), []);
}

#[test]
fn goldens_hold() {
    let cases = cases();
    assert!(cases.len() >= 20, "the golden file is complete");
    for (name, case, digest) in cases {
        assert_eq!(answer(record::<2, 16>(&case, How::default())), digest, "{name}");
    }
}

#[test]
#[ignore = "long: the large goldens take minutes without optimisation"]
fn long_goldens_hold() {
    for golden in goldens(include_str!("goldens-long.json")) {
        let text = record::<2, 16>(&golden.spec.case(), How::default()).unwrap().text();
        assert_eq!(text, golden.digest.as_str(), "{}", golden.name);
    }
}

#[test]
fn tiles_change_no_bit() {
    for (name, case, digest) in cases() {
        let how = How::default();
        let digests: [Result<_, Error>; 8] = [
            record::<1, 1>(&case, how),
            record::<3, 1>(&case, how),
            record::<1, 2>(&case, how),
            record::<4, 4>(&case, how),
            record::<4, 8>(&case, how),
            record::<5, 16>(&case, how),
            record::<8, 32>(&case, how),
            record::<1, 64>(&case, how),
        ];
        for (i, other) in digests.into_iter().enumerate() {
            assert_eq!(answer(other), digest, "{name}, tile {i}");
        }
    }
}

#[test]
fn schedules_panels_and_budgets_change_no_bit() {
    for (name, case, digest) in cases() {
        for schedule in schedules(&case) {
            for (panel, budget) in [(0, u64::MAX), (13, 1), (1 << 12, 1000)] {
                let how = How { schedule, panel, budget, ..How::default() };
                assert_eq!(answer(record::<2, 4>(&case, how)), digest, "{name}, {how:?}");
            }
        }
    }
}

#[test]
fn instruction_sets_change_no_bit() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for (name, case, digest) in cases() {
            let how = How { isa, ..How::default() };
            assert_eq!(answer(record::<5, 8>(&case, how)), digest, "{name}, {isa:?}");
            assert_eq!(answer(record::<6, 16>(&case, how)), digest, "{name}, {isa:?}");
            assert_eq!(answer(record::<8, 32>(&case, how)), digest, "{name}, {isa:?}");
            // Panels of whole groups, of single rows, of pieces of a row.
            for panel in [0, 13, 700] {
                let how = How { panel, ..how };
                assert_eq!(answer(record::<3, 16>(&case, how)), digest, "{name}, {isa:?}, panel {panel}");
            }
        }
    }
}

#[test]
fn stored_weights_give_the_bits_of_seeded_ones() {
    for (name, case, _) in cases() {
        let seeded = run::<2, 16>(&case, 0, How::default()).map(|run| run.bits());
        for panel in [1, 37, 1 << 16] {
            let stored = run_stored::<4, 8>(&case, 0, How { panel, ..How::default() }).map(|run| run.bits());
            assert_eq!(seeded, stored, "{name}, panel {panel}");
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let how = How { isa, ..How::default() };
            let wide = run_stored::<8, 32>(&case, 0, how).map(|run| run.bits());
            let narrow = run_stored::<3, 4>(&case, 0, how).map(|run| run.bits());
            assert!(seeded == wide && seeded == narrow, "{name}, {isa:?}");
        }
    }
}
