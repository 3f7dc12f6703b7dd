//! `bench --counts`: the instructions of `benches/counts/` under valgrind against those that are committed.
//!
//! Counted is what the program itself runs. Copies in the C library choose their instructions by processor and are left out,
//! so that the counts are the same on every machine.
use crate::tree::{Tree, output_of, succeed};
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILE: &str = "benches/counts.toml";

/// What valgrind knows of x86-64: no AVX-512.
const ISAS: [&str; 3] = ["portable", "sse2", "avx"];

/// The largest change that passes.
const BOUND: f64 = 0.01;

/// Instruction set, region, instructions; in the order of the program.
type Counts = Vec<(String, String, u64)>;

/// Why this machine cannot count.
pub fn missing() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    return if is_x86_feature_detected!("avx2") { None } else { Some("the processor has no AVX2") };
    #[cfg(not(target_arch = "x86_64"))]
    return Some("counted on x86-64 alone");
}

/// Counts, and compares or writes.
pub fn check(tree: &Tree, bless: bool) -> Result<()> {
    succeed(&mut tree.cargo("build --quiet --release -p shatterscope-counts"))?;
    let mut counts = Counts::new();
    for isa in ISAS {
        counts.extend(count(tree, isa)?);
    }
    let file = tree.root.join(FILE);
    let committed = fs::read_to_string(&file).map(|text| read(&text)).unwrap_or_default();
    let worst = compare(&counts, &committed);
    if bless {
        fs::write(&file, written(tree, &counts)?)?;
        println!("written: {FILE}");
        return Ok(());
    }
    let same = |(isa, name, _): &(String, String, u64)| counts.iter().any(|(i, n, _)| i == isa && n == name);
    if let Some((isa, name, _)) = committed.iter().find(|entry| !same(entry)) {
        bail!("{FILE} has {isa}, {name}, which is not counted any more: cargo xtask bench --counts --bless");
    }
    if worst > BOUND {
        bail!(
            "{:.1}% from {FILE}, {:.0}% may pass: mend it, or cargo xtask bench --counts --bless and say why",
            100.0 * worst,
            100.0 * BOUND
        );
    }
    Ok(())
}

/// Prints both beside each other; the greatest change of any, which a region without a committed count exceeds.
fn compare(counts: &Counts, committed: &Counts) -> f64 {
    let mut worst = 0.0f64;
    println!("{:<9} {:<62} {:>12} {:>12} {:>8}", "kernel", "region", "committed", "counted", "change");
    for (isa, name, now) in counts {
        let before = committed.iter().find(|(i, n, _)| i == isa && n == name).map(|(.., before)| *before);
        let change = before.map(|before| *now as f64 / before.max(1) as f64 - 1.0);
        worst = worst.max(change.map_or(f64::INFINITY, f64::abs));
        let before = before.map_or("none".into(), |before| before.to_string());
        let change = change.map_or("new".into(), |change| format!("{:+.2}%", 100.0 * change));
        println!("{isa:<9} {name:<62} {before:>12} {now:>12} {change:>8}");
    }
    worst
}

/// The regions of one instruction set: valgrind writes a file for each, in order.
fn count(tree: &Tree, isa: &str) -> Result<Counts> {
    let program = tree.target.join("release/counts");
    let folder = tree.target.join("counts");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let out = folder.join(isa);
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .args(["--zero-before=counts::region", "--dump-after=counts::region"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(&program)
        .arg(isa);
    let names = output_of(&mut valgrind)?;
    let region = |(number, name): (usize, &str)| {
        let file = folder.join(format!("{isa}.{number}"));
        let text = fs::read_to_string(&file).with_context(|| format!("valgrind has not written {}", file.display()))?;
        Ok((isa.to_owned(), name.to_owned(), instructions(&text, &program)?))
    };
    (1..).zip(names.lines()).map(region).collect()
}

/// Instructions of a program's own functions in a callgrind file. Lines of calls say what was called, which stands elsewhere.
fn instructions(text: &str, program: &Path) -> Result<u64> {
    let (mut own, mut call, mut sum) = (false, false, 0u64);
    for line in text.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            own = Path::new(object) == program;
        } else if line.starts_with("calls=") {
            call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            if own && !call {
                let cost = line.split_whitespace().nth(1).with_context(|| format!("callgrind writes: {line}"))?;
                sum += cost.parse::<u64>()?;
            }
            call = false;
        }
    }
    if sum == 0 {
        bail!("no instruction of {} was counted", program.display());
    }
    Ok(sum)
}

fn written(tree: &Tree, counts: &Counts) -> Result<String> {
    let line = |program: &str, argument: &str| {
        output_of(Command::new(program).arg(argument).current_dir(&tree.root)).map(|text| text.trim().to_owned())
    };
    let mut text = format!(
        "# Instructions of benches/counts/, by `cargo xtask bench --counts --bless`; `cargo xtask test` allows {:.0}%.\n\
         toolchain = \"{}\"\nvalgrind = \"{}\"\ndate = \"{}\"\n",
        100.0 * BOUND,
        line("rustc", "-V")?,
        line("valgrind", "--version")?,
        line("date", "+%Y-%m-%d")?,
    );
    let mut section = "";
    for (isa, name, instructions) in counts {
        if isa != section {
            let _ = write!(text, "\n[{isa}]\n");
            section = isa;
        }
        let _ = writeln!(text, "\"{name}\" = {instructions}");
    }
    Ok(text)
}

/// The counts of a file that [`written`] made.
fn read(text: &str) -> Counts {
    let (mut counts, mut isa) = (Counts::new(), String::new());
    for line in text.lines() {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            isa = section.to_owned();
        } else if let Some((name, number)) = line.strip_prefix('"').and_then(|line| line.split_once("\" = "))
            && let Ok(number) = number.parse()
        {
            counts.push((isa.clone(), name.to_owned(), number));
        }
    }
    counts
}
