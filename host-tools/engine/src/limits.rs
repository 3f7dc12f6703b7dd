//! What is refused before memory is taken or long work begins: ceilings, and estimates held against the memory of this machine.
use crate::{Failure, Result};
use std::fmt::Display;

/// Most layers of a network: every operation has an entry in several lists, and the deepest networks of the literature have 10,000.
pub const MOST_DEPTH: u32 = 1 << 16;
/// Most units of a layer, as in the core.
pub const MOST_WIDTH: u32 = 1 << 20;
/// Most runs of a spec: each has an entry in the record.
pub const MOST_RUNS: u32 = 1 << 20;
/// Most threads: the largest machines have fewer, and each reserves a stack of 2 MB.
pub const MOST_THREADS: usize = 1024;
/// Most multiply-adds of the runs of a spec: months of work on a desktop.
pub const MOST_WORK: u64 = 1_000_000_000_000_000_000;
/// Multiply-adds of the runs of a spec above which a command asks for `--long`: minutes of work on a desktop of 16 cores.
pub const LONG_WORK: u64 = 100_000_000_000_000;
/// Multiply-adds that a thread of a desktop does in a second, for estimates: 3e10 were measured with AVX-512.
const RATE: f64 = 2e10;
/// What is assumed to be free where the system does not say it.
const ASSUMED: u64 = 64 << 30;

/// Refuses a number above its ceiling.
///
/// # Errors
/// Wrong use, with the option and the limit.
pub fn at_most<T: PartialOrd + Display>(option: &str, value: T, most: T, why: &str) -> Result<()> {
    if value > most { Err(Failure::usage(format!("{option} {value}: at most {most}, {why}"))) } else { Ok(()) }
}

/// Refuses work that takes more memory than there is.
///
/// # Errors
/// What is needed, what there is, and what to lower.
pub fn memory(bytes: u64, what: &str, lower: &str) -> Result<()> {
    let (have, whose) = available();
    if bytes <= have {
        return Ok(());
    }
    let (need, have) = (size(bytes), size(have));
    Err(Failure::failed(format!("{what} needs about {need} of memory, {whose} {have}: lower {lower}")))
}

/// Refuses work that would take months, and work above [`LONG_WORK`] where `long` does not allow it.
///
/// # Errors
/// The multiply-adds, the estimated time, and how to allow it or what to lower.
pub fn work(multiply_adds: u64, threads: usize, long: bool, what: &str, lower: &str) -> Result<()> {
    if multiply_adds <= if long { MOST_WORK } else { LONG_WORK } {
        return Ok(());
    }
    let work = multiply_adds as f64;
    let time = time(work / (RATE * threads.max(1) as f64));
    let takes =
        format!("{what} takes {work:.1e} multiply-adds, about {time} on {threads} threads at {RATE:.0e} a second each");
    Err(Failure::usage(if multiply_adds > MOST_WORK {
        format!("{takes}; at most {:.0e} are computed: lower {lower}", MOST_WORK as f64)
    } else {
        format!("{takes}: give --long to compute it, or lower {lower}")
    }))
}

/// A time for people.
fn time(seconds: f64) -> String {
    for (unit, name) in [(365.0 * 86400.0, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")] {
        if seconds >= 1.5 * unit {
            return format!("{:.0} {name}", seconds / unit);
        }
    }
    format!("{seconds:.0} seconds")
}

/// So many zeros, or a failure where the system has no memory for them.
///
/// # Errors
/// The bytes that were asked for.
pub fn zeros<T: Clone + Default>(len: u64) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let reserved = usize::try_from(len).ok().and_then(|len| all.try_reserve_exact(len).ok().map(|()| len));
    let len = reserved.ok_or_else(|| {
        let bytes = size(len.saturating_mul(size_of::<T>() as u64));
        Failure::failed(format!(
            "the system has no {bytes} of memory in one piece: lower the width, depth, points or batch"
        ))
    })?;
    all.resize(len, T::default());
    Ok(all)
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    for (unit, name) in [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")] {
        if bytes >= unit {
            return format!("{:.1} {name}", bytes / unit);
        }
    }
    format!("{bytes} B")
}

/// Bytes that this program may still take, and in words whose they are: the least of the machine's memory, the limit of its control
/// group, and the limit of its address space.
fn available() -> (u64, &'static str) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = kilobytes(&read("/proc/meminfo"), "MemAvailable:").map(|bytes| (bytes, "this machine has"));
    let group = || {
        let max: u64 = read("/sys/fs/cgroup/memory.max").trim().parse().ok()?;
        let current: u64 = read("/sys/fs/cgroup/memory.current").trim().parse().ok()?;
        let stat = read("/sys/fs/cgroup/memory.stat");
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok());
        Some((max.saturating_sub(current.saturating_sub(cache.unwrap_or(0))), "this control group has"))
    };
    let space = || {
        let limits = read("/proc/self/limits");
        let soft = limits.lines().find_map(|line| line.strip_prefix("Max address space")?.split_whitespace().next());
        let used = kilobytes(&read("/proc/self/status"), "VmSize:")?;
        Some((soft?.parse::<u64>().ok()?.saturating_sub(used), "the limit of this process (ulimit -v) leaves"))
    };
    [machine, group(), space()].into_iter().flatten().min().unwrap_or((ASSUMED, "this machine is assumed to have"))
}

/// The bytes of a line `NAME 123 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [(12, "12 B"), (57_600_000_000, "57.6 GB"), (1_500, "1.5 kB"), (u64::MAX, "18446744.1 TB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_taken() {
        memory(1 << 10, "this", "--width").unwrap();
        let error = memory(u64::MAX, "this", "--width").unwrap_err();
        assert!(
            error.message.contains("needs about 18446744.1 TB of memory") && error.message.contains("--width"),
            "{error}"
        );
        assert_eq!(zeros::<f32>(3).unwrap(), [0.0; 3]);
        assert!(zeros::<f32>(u64::MAX).is_err() && zeros::<f32>(1 << 60).is_err());
        work(LONG_WORK, 1, false, "this", "--runs").unwrap();
        work(MOST_WORK, 1, true, "this", "--runs").unwrap();
        let refused = |work_of, long| work(work_of, 2, long, "this", "--runs").unwrap_err();
        assert_eq!(refused(LONG_WORK + 1, false).code, 2);
        assert_eq!(
            refused(4 * LONG_WORK, false).message,
            "this takes 4.0e14 multiply-adds, about 3 hours on 2 threads at 2e10 a second each: give --long to compute it, or lower --runs"
        );
        for long in [false, true] {
            let message = refused(MOST_WORK + 1, long).message;
            assert!(message.contains("289 days") && message.contains("at most 1e18") && !message.contains("--long"));
        }
        assert_eq!(at_most("--runs", 5, 4, "for a reason").unwrap_err().message, "--runs 5: at most 4, for a reason");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_says_what_there_is() {
        let (have, whose) = available();
        assert!(have < ASSUMED << 10 && whose != "this machine is assumed to have", "{have} {whose}");
        assert_eq!(kilobytes("A: 1 kB\nMemAvailable:  12 kB\n", "MemAvailable:"), Some(12 << 10));
    }
}
