//! The same bits at every tile width, schedule, panel, budget, instruction set and weight source.
use crate::bits::{answer, cases};
use crate::common::{How, record, run, run_stored};
use shatterscope::Error;
use shatterscope::exec::Isa;
use shatterscope::plan::Schedule;

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
        let blocks = [1, 7, 16, 1000].map(|resident| Schedule::Blocks { resident });
        for schedule in [Schedule::WholeBatch].into_iter().chain(blocks) {
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
