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

/// Without FPU and with: the second has code of its own.
const CORES: [&str; 2] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf"];

/// Links a program with the whole core in it and wants no panic there; first one with a panic, to see that it is found.
pub fn steps(tree: &Tree, report: &mut Report, tools: &Tools) {
    for target in CORES {
        let name = format!("no panic on {target}");
        match tools.target(target) {
            Ok(()) => report.step(name, || check(tree, target)),
            Err(reason) => report.skip(name, &reason),
        }
    }
}

fn check(tree: &Tree, target: &str) -> Result<()> {
    if panics_of(&symbols(tree, target, "s", "-- --cfg deliberate_panic")?).is_empty() {
        bail!("a deliberate panic was not found: the check proves nothing");
    }
    for level in ["s", "3"] {
        let symbols = symbols(tree, target, level, "")?;
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

/// The names in the program, with and without mangling.
fn symbols(tree: &Tree, target: &str, level: &str, flags: &str) -> Result<BTreeSet<String>> {
    let build = format!("rustc --quiet --release -p no-panic --target {target} {flags}");
    succeed(tree.cargo_of_boards("no-panic", &build).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level))?;
    let path = tree.boards_target.join(target).join("release/no-panic");
    let data = fs::read(&path).with_context(|| format!("no program at {}", path.display()))?;
    let elf = object::File::parse(&*data)?;
    let names = elf.symbols().filter_map(|symbol| symbol.name().ok());
    Ok(names.flat_map(|name| [name.to_owned(), format!("{:#}", rustc_demangle::demangle(name))]).collect())
}
