//! How many bytes of code the dense kernels take: their functions and all that they call, in the linked program.
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Functions whose code is asked for: name in the program, name of the kernel.
const ASKED: [(&str, &str); 5] = [
    ("dense_forward", "dense forward"),
    ("grad_input", "dense input gradient"),
    ("grad_weight", "dense weight gradient"),
    ("descend", "dense descent"),
    ("dense_forward_packed", "dense forward packed"),
];

/// A function of the program.
struct Function<'a> {
    name: String,
    code: &'a [u8],
}

/// Bytes of code by kernel and way to compute it, each beyond the kernels before it. Thumb only.
pub fn sizes(image: &Path) -> Result<BTreeMap<(String, String), u64>> {
    let data = std::fs::read(image)?;
    let file = object::File::parse(&*data)?;
    let text = file.section_by_name(".text").context("no code in the program")?;
    let code = text.data()?;
    let mut functions = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        let address = symbol.address() & !1;
        let from = address.wrapping_sub(text.address()) as usize;
        let Some(code) = code.get(from..from + symbol.size() as usize) else { continue };
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
        functions.insert(address, Function { name, code });
    }
    let (mut sizes, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for (function, kernel) in ASKED {
        // Where the best kernel is the portable one, the linker keeps one function for both.
        let found = ["Detected", "Portable"].into_iter().find_map(|how| {
            let name = format!("<kernels::kernel::{how} as kernels::kernel::Kernels>::{function}");
            functions.iter().find(|(_, function)| function.name == name)
        });
        let (address, _) = found.with_context(|| format!("the program has no {function}"))?;
        sizes.insert((kernel.to_owned(), "detected".to_owned()), with_callees(&functions, *address, &mut seen));
    }
    Ok(sizes)
}

/// Bytes of a function and of all that it calls or jumps to, without those seen before.
fn with_callees(functions: &BTreeMap<u64, Function>, start: u64, seen: &mut BTreeSet<u64>) -> u64 {
    let (mut bytes, mut open) = (0, vec![start]);
    while let Some(address) = open.pop() {
        // What is not the start of a function is a jump inside of one, or a constant.
        let Some(function) = functions.get(&address).filter(|_| seen.insert(address)) else { continue };
        bytes += function.code.len() as u64;
        let pairs = function.code.windows(4).enumerate().step_by(2);
        open.extend(pairs.filter_map(|(i, pair)| branch(pair.try_into().ok()?, address + i as u64)));
    }
    bytes
}

/// Where BL or B.W goes.
fn branch([a, b, c, d]: [u8; 4], address: u64) -> Option<u64> {
    let (first, second) = (u32::from(u16::from_le_bytes([a, b])), u32::from(u16::from_le_bytes([c, d])));
    if first & 0xf800 != 0xf000 || second & 0x9000 != 0x9000 {
        return None;
    }
    let sign = first >> 10 & 1;
    let [i1, i2] = [second >> 13, second >> 11].map(|bit| !(bit ^ sign) & 1);
    let offset = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    let offset = (offset << 7) as i32 >> 7;
    Some((address as i64 + 4 + i64::from(offset)) as u64)
}
