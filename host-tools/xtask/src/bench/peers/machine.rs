//! What a measurement is worth nothing without: machine, compiler, flags, versions, date.
use crate::tree::{Tree, output_of};
use anyhow::Result;
use std::fs;
use std::process::Command;

/// Names with values, for the head of a table.
pub fn facts(tree: &Tree, flags: &str) -> Result<Vec<(String, String)>> {
    let line = |program: &str, arguments: &[&str]| {
        output_of(Command::new(program).args(arguments).current_dir(&tree.root)).map(|text| text.trim().to_owned())
    };
    let commit = match line("git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        true => line("git", &["rev-parse", "--short", "HEAD"])?,
        false => format!("{}, with changes", line("git", &["rev-parse", "--short", "HEAD"])?),
    };
    Ok(vec![
        ("date".into(), line("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?),
        ("commit".into(), commit),
        ("processor".into(), processor()),
        ("system".into(), line("uname", &["-srm"])?),
        ("compiler".into(), line("rustc", &["-V"])?),
        ("flags".into(), flags.into()),
    ])
}

/// The crates that we are measured against.
pub fn versions(tree: &Tree, package: &str) -> Result<Vec<(String, String)>> {
    let lock = fs::read_to_string(tree.root.join(package).join("Cargo.lock"))?;
    Ok(["matrixmultiply", "gemm", "faer", "candle-core"].map(|name| (name.to_owned(), locked(&lock, name))).to_vec())
}

/// The versions of a crate in a lock file.
fn locked(lock: &str, name: &str) -> String {
    let wanted = format!("name = \"{name}\"");
    let version = |(name, version): (&str, &str)| {
        (name == wanted).then(|| version.trim_start_matches("version = ").trim_matches('"').to_owned())
    };
    lock.lines().zip(lock.lines().skip(1)).filter_map(version).collect::<Vec<_>>().join(", ")
}

/// Its name, and how many cores.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).map_or("?", str::trim)
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (name, family, model) = (field("model name"), field("cpu family"), field("model"));
    format!("{name}, family {family}, model {model}; {cores} cores")
}

/// Processes that wanted a core over the last minute: near 0 on a machine of one's own.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
