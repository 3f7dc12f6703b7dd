use object::{Object, ObjectSection};
use std::collections::BTreeSet;

/// The longest path, line and column that are taken for a place in a source file.
const LONGEST: u32 = 4096;

/// The places in Rust files, `path:line:column`, that a program for a 32-bit little-endian core can name when it panics.
///
/// A panic is called with a `core::panic::Location`: address and length of the path, line, column, four words of read-only data.
pub fn of(elf: &object::File<'_>) -> BTreeSet<String> {
    let sections: Vec<(u32, &[u8])> = elf
        .sections()
        .filter(|section| section.address() != 0 && section.size() > 0)
        .filter_map(|section| Some((u32::try_from(section.address()).ok()?, section.data().ok()?)))
        .collect();
    let text = |address: u32, len: u32| {
        sections.iter().find_map(|(start, data)| {
            let from = address.checked_sub(*start)? as usize;
            std::str::from_utf8(data.get(from..from.checked_add(len as usize)?)?).ok()
        })
    };
    let words = |data: &[u8]| data.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>();
    let small = |x: u32| (1..LONGEST).contains(&x);
    let mut places = BTreeSet::new();
    for (_, data) in &sections {
        for place in words(data).windows(4) {
            let &[address, len, line, column] = place else { continue };
            if small(len)
                && small(line)
                && small(column)
                && let Some(path) = text(address, len).filter(|path| path.ends_with(".rs"))
            {
                places.insert(format!("{path}:{line}:{column}"));
            }
        }
    }
    places
}
