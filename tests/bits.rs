//! The bits that `docs/strict1.py`, an implementation of its own, computed: at one tile, and on every instruction set.

use crate::common::{Case, How, goldens, record};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::{Error, NonFinite, Pass};

/// The digest of a record, or where it met NaN or infinity, as the golden files write it.
pub fn answer(record: Result<Digest, Error>) -> String {
    match record {
        Ok(digest) => digest.to_string(),
        Err(Error::NonFinite(NonFinite { pass: Pass::Forward, layer })) => format!("no result: forward {layer}"),
        Err(Error::NonFinite(NonFinite { pass: Pass::Backward, layer })) => format!("no result: backward {layer}"),
        Err(other) => panic!("{other}"),
    }
}

pub fn cases() -> Vec<(String, Case, String)> {
    goldens(include_str!("goldens.json")).into_iter().map(|g| (g.name, g.case, g.digest)).collect()
}

#[test]
fn this_machine_keeps_the_contract() {
    assert_eq!(shatterscope::self_test::self_test(), []);
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
        let text = record::<2, 16>(&golden.case, How::default()).unwrap().text();
        assert_eq!(text, golden.digest.as_str(), "{}", golden.name);
    }
}

/// Whole groups of rows, on registers where the machine has them.
#[test]
fn goldens_hold_on_every_instruction_set() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for (name, case, digest) in cases() {
            assert_eq!(answer(record::<6, 16>(&case, How { isa, ..How::default() })), digest, "{name}, {isa:?}");
        }
    }
}
