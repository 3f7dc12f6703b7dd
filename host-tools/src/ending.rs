//! What must not outlive the program: child processes, locks. They end with it also where it is ended from outside.
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is done before the program is ended early, unless it is dropped before.
#[derive(Debug)]
#[must_use]
pub struct Ending(usize);

type Endings = BTreeMap<usize, Box<dyn Fn() + Send>>;
static ENDINGS: Mutex<Endings> = Mutex::new(BTreeMap::new());

/// Leaves word of something that must not outlive the program, such as a child process.
pub fn before_ending(action: impl Fn() + Send + 'static) -> Ending {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    if let Ok(mut endings) = ENDINGS.lock() {
        endings.insert(number, Box::new(action));
    }
    Ending(number)
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Ok(mut endings) = ENDINGS.lock() {
            endings.remove(&self.0);
        }
    }
}

/// Ends the program: first what must not outlive it.
pub fn end(exit: impl FnOnce()) {
    // Nothing is added any more: the lock is held to the end.
    let endings = ENDINGS.lock();
    endings.iter().flat_map(|endings| endings.values()).for_each(|action| action());
    exit();
}

/// Waits for whoever is ending the program: what fails because a child was ended is no failure to be told.
pub fn wait() {
    drop(ENDINGS.lock());
}

/// Ctrl-C and `kill` end the program as ever, after what must not outlive it: a device is a process in a group of its own, which no Ctrl-C
/// reaches. Signals that are ignored, as in a script's background, stay ignored.
pub fn watch() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let heard: Vec<i32> = [SIGINT, SIGTERM].into_iter().filter(|&signal| !ignored(signal)).collect();
        let Ok(mut signals) = signal_hook::iterator::Signals::new(heard) else { return };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                end(|| {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                });
            }
        });
    }
}

/// Whether this process was started with a signal ignored, where the system tells.
#[cfg(unix)]
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
