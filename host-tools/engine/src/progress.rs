//! A bar on standard error for anything longer than a second.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Counts work, mostly multiply-adds; shows itself after a second, never when quiet.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    quiet: bool,
    shown: OnceLock<()>,
}

impl Progress {
    /// A bar of so much work.
    pub fn new(what: &str, total: u64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self { bar, start: Instant::now(), quiet, shown: OnceLock::new() }
    }

    /// What is done at the moment.
    pub fn say(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Adds work done; any thread may.
    pub fn add(&self, work: u64) {
        self.bar.inc(work);
        self.show();
    }

    /// Work done so far, and all of it.
    pub fn set(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.show();
    }

    fn show(&self) {
        if !self.quiet && self.start.elapsed() > Duration::from_secs(1) {
            self.shown.get_or_init(|| self.bar.set_draw_target(ProgressDrawTarget::stderr()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
