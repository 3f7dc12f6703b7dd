//! Processor time.
#[cfg(unix)]
use nix::sys::resource::{UsageWho, getrusage};

/// User and system time, in seconds, of this process and of all processes that it started and waited for.
#[cfg(unix)]
pub fn core_seconds() -> f64 {
    let of = |who| {
        let times = getrusage(who).map(|usage| [usage.user_time(), usage.system_time()]);
        times.map_or(0.0, |times| times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum())
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

#[cfg(not(unix))]
pub fn core_seconds() -> f64 {
    0.0
}
