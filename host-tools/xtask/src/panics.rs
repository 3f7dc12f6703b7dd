use crate::emulated::{smallest, targets, with_fpu};
use crate::lint::only_lints;
use crate::locations;
use crate::step::Report;
use crate::tools::Tools;
use crate::tree::{Tree, succeed};
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::fs;

/// What the linker keeps only for a program that can panic; the last is what no-panic's own panic handler calls.
const PANICS: [&str; 5] =
    ["core::panicking", "core9panicking", "panic_fmt", "panic_bounds_check", "shatterscope_panicked"];

/// The whole core is there on every target.
const LINTED: &str = "lints of no-panic where it is not linked";

/// The core with overflow checks; what it depends on without.
const CHECKED: &str = "--config profile.release.package.shatterscope.overflow-checks=true";

/// Links a program with the whole core in it and wants no panic there. First one with a panic, to see that it is found, and with overflow
/// checks in the core: the compiler has to prove of each sum and product that it fits, or the source says what happens if it does not.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    // Without FPU and with: the second has code of its own.
    let cores: Vec<_> = [smallest(), with_fpu()].into_iter().flatten().map(|board| &*board.target).collect();
    for target in &cores {
        let name = format!("no panic on {target}");
        match tools.target(target) {
            Ok(()) => report.step(name, || check(tree, target)),
            Err(reason) => report.skip(name, &reason),
        }
    }
    let others: Vec<_> = targets().into_iter().filter(|target| !cores.contains(target)).collect();
    match others.iter().find_map(|target| tools.target(target).err()) {
        Some(reason) => report.skip(LINTED, &reason),
        None => report.step(LINTED, || {
            let targets: String = others.iter().map(|target| format!(" --target {target}")).collect();
            let words = format!("build --quiet --release{targets}");
            succeed(only_lints(&mut tree.cargo_of_boards("no-panic", &words)))
        }),
    }
}

fn check(tree: &Tree, target: &str) -> Result<()> {
    let (symbols, places) = program(tree, target, "s", &format!("{CHECKED} -- --cfg deliberate_panic"))?;
    let (deliberate, others): (Vec<_>, Vec<_>) = places
        .iter()
        .map(String::as_str)
        // Counters of the standard library have the checks of the crate that calls them: they count elements of slices.
        .filter(|place| !place.starts_with("/rustc/"))
        .partition(|place| place.contains("no-panic/src/main.rs:"));
    if panics_of(&symbols).is_empty() || deliberate.is_empty() {
        bail!("a deliberate panic was not found: the check proves nothing");
    }
    if !others.is_empty() {
        bail!("with overflow checks the core can panic at\n  {}", others.join("\n  "));
    }
    for level in ["s", "3"] {
        let (symbols, _) = program(tree, target, level, "")?;
        let core = symbols.iter().filter(|name| name.contains("shatterscope::")).count();
        if core < 10 {
            bail!("only {core} functions of the core are in the program: the check proves nothing");
        }
        let panics = panics_of(&symbols);
        if !panics.is_empty() {
            bail!("the core can panic; at opt-level {level} the program holds\n  {}", panics.join("\n  "));
        }
        println!("{target}, opt-level {level}: {core} functions of the core, no panic");
    }
    Ok(())
}

fn panics_of(symbols: &BTreeSet<String>) -> Vec<&str> {
    symbols.iter().map(String::as_str).filter(|name| PANICS.iter().any(|panic| name.contains(panic))).collect()
}

/// The names in the program, with and without mangling, and the places where it can panic.
fn program(tree: &Tree, target: &str, level: &str, flags: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let build = format!("rustc --quiet --release -p no-panic --target {target} {flags}");
    succeed(tree.firmware("no-panic", &build).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level))?;
    let path = tree.boards_target.join(target).join("release/no-panic");
    let data = fs::read(&path).with_context(|| format!("no program at {}", path.display()))?;
    let elf = object::File::parse(&*data)?;
    let names = elf.symbols().filter_map(|symbol| symbol.name().ok());
    let names = names.flat_map(|name| [name.to_owned(), format!("{:#}", rustc_demangle::demangle(name))]).collect();
    Ok((names, locations::of(&elf)))
}
