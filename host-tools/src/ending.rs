//! What must not outlive the program: child processes, locks. They end with it also where it is ended from outside.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is done before the program is ended early, unless it is dropped before.
#[derive(Debug)]
#[must_use]
pub struct Ending {
    all: &'static Endings,
    number: u64,
}

type Actions = BTreeMap<u64, Box<dyn Fn() + Send>>;

struct Endings(Mutex<Actions>);

static ENDINGS: Endings = Endings(Mutex::new(BTreeMap::new()));

/// Starts something that must not outlive the program, such as a child process, and registers the action that ends it, which `start`
/// returns with it. An end of the program that is asked for meanwhile waits until both is done.
///
/// # Errors
/// Those of `start`: then nothing is registered.
pub fn begin<T, E, A>(start: impl FnOnce() -> Result<(T, A), E>) -> Result<(T, Ending), E>
where
    A: Fn() + Send + 'static,
{
    ENDINGS.begin(start)
}

/// Ends the program: first what must not outlive it.
pub fn end(exit: impl FnOnce()) {
    ENDINGS.end(exit);
}

/// Waits for whoever is ending the program: what fails because a child was ended is no failure to be told.
pub fn wait() {
    drop(ENDINGS.lock());
}

impl Endings {
    fn lock(&self) -> MutexGuard<'_, Actions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<T, E, A>(&'static self, start: impl FnOnce() -> Result<(T, A), E>) -> Result<(T, Ending), E>
    where
        A: Fn() + Send + 'static,
    {
        // Held from before the start: a signal between the start and the registration would leave a process behind.
        let mut actions = self.lock();
        let (started, action) = start()?;
        let number = actions.last_key_value().map_or(0, |(last, _)| last + 1);
        actions.insert(number, Box::new(action));
        Ok((started, Ending { all: self, number }))
    }

    fn end(&self, exit: impl FnOnce()) {
        // Nothing is started any more: the lock is held to the end.
        let actions = self.lock();
        actions.values().for_each(|action| action());
        exit();
    }
}

impl std::fmt::Debug for Endings {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        text.write_str("Endings")
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// The signal comes after the process has started and before anybody could register it.
    #[test]
    fn what_is_being_started_is_ended_as_well() {
        static ALL: Endings = Endings(Mutex::new(BTreeMap::new()));
        static KILLED: AtomicBool = AtomicBool::new(false);
        let (asked, signal) = channel();
        let ender = std::thread::spawn(move || {
            signal.recv().unwrap();
            ALL.end(|| assert!(KILLED.load(Ordering::SeqCst), "the program ends before its child"));
        });
        let begun = ALL.begin(|| {
            asked.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            Ok::<_, ()>(((), || KILLED.store(true, Ordering::SeqCst)))
        });
        ender.join().unwrap();
        drop(begun);
        assert!(ALL.lock().is_empty());
        assert!(ALL.begin(|| Err::<((), fn()), _>(())).is_err());
        assert!(ALL.lock().is_empty());
    }
}
