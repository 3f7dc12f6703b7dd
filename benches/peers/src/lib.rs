//! A worker: contestants that take turns as they are told on standard input. See README.md for the lines.
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows and columns of the matrix, and points.
pub const WIDTH: usize = 200;
/// Columns of the other factor.
pub const POINTS: usize = 256;

/// One way to do a task.
pub trait Contestant {
    /// Does it once.
    fn run(&mut self);
    /// Does it once; how long that took, without what comes before the task.
    fn timed(&mut self) -> Duration {
        let start = Instant::now();
        self.run();
        start.elapsed()
    }
    /// What it came to, `[unit][point]`.
    fn result(&self) -> Vec<f32>;
}

/// A contestant with what it is called.
pub struct Entry {
    /// The task, see `task` lines.
    pub task: String,
    /// Who.
    pub name: String,
    /// What runs.
    pub contestant: Box<dyn Contestant>,
}

impl Entry {
    /// Names a contestant.
    pub fn new(task: &str, name: impl Into<String>, contestant: impl Contestant + 'static) -> Self {
        Self { task: task.to_owned(), name: name.into(), contestant: Box::new(contestant) }
    }
}

/// A closure over a result.
pub struct Loop<F> {
    result: Vec<f32>,
    once: F,
}

impl<F: FnMut(&mut [f32])> Loop<F> {
    /// `once` fills a result of `len`.
    pub fn new(len: usize, once: F) -> Self {
        Self { result: vec![0.0; len], once }
    }
}

impl<F: FnMut(&mut [f32])> Contestant for Loop<F> {
    fn run(&mut self) {
        (self.once)(&mut self.result);
    }

    fn result(&self) -> Vec<f32> {
        self.result.clone()
    }
}

/// Reads f32 words, little-endian.
pub fn read(path: &Path) -> io::Result<Vec<f32>> {
    Ok(std::fs::read(path)?.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

/// Writes f32 words, little-endian.
pub fn write(path: &Path, values: &[f32]) -> io::Result<()> {
    std::fs::write(path, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}

/// Before anything counts: the system takes so long to put two threads that have slept on two processors.
const WARM: Duration = Duration::from_millis(60);

/// Repeats until so much time is over, three times at least, once it is warm; the nanoseconds of each.
fn times(contestant: &mut dyn Contestant, budget: Duration) -> Vec<u128> {
    let start = Instant::now();
    contestant.run();
    while start.elapsed() < WARM {
        contestant.run();
    }
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || start.elapsed() < budget {
        times.push(contestant.timed().as_nanos());
    }
    times
}

fn find<'a>(entries: &'a mut [Entry], task: &str, name: &str) -> io::Result<&'a mut Entry> {
    let found = entries.iter_mut().find(|entry| entry.task == task && entry.name == name);
    found.ok_or_else(|| io::Error::other(format!("no contestant {name} for {task}")))
}

/// Answers line by line; what is not understood goes to `other`.
pub fn serve(mut entries: Vec<Entry>, other: impl Fn(&[&str]) -> io::Result<String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Entry { task, name, .. } in &entries {
        writeln!(out, "contestant\t{task}\t{name}")?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<_> = line.split('\t').collect();
        let answer = match words[..] {
            ["run", task, name, budget] => {
                let budget = Duration::from_millis(budget.parse().map_err(io::Error::other)?);
                let times = times(find(&mut entries, task, name)?.contestant.as_mut(), budget);
                times.iter().map(u128::to_string).collect::<Vec<_>>().join("\t")
            }
            ["result", task, name, file] => {
                write(Path::new(file), &find(&mut entries, task, name)?.contestant.result())?;
                "ok".into()
            }
            _ => other(&words)?,
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// The contract that our results keep.
#[cfg(feature = "ours")]
pub fn contract() -> &'static str {
    shatterscope::contract::contract_id(shatterscope::math::Math::Libm)
}

/// The digest of a result, and how far it lies from ours: the greatest difference over our greatest value.
#[cfg(feature = "ours")]
pub fn judge(
    references: &std::collections::HashMap<String, Vec<f32>>,
    task: &str,
    result: &[f32],
) -> io::Result<String> {
    let digest = shatterscope::contract::Digest::of(result);
    let Some(ours) = references.get(task) else { return Ok(format!("{digest}\t")) };
    if ours.len() != result.len() {
        return Err(io::Error::other(format!("{task}: {} values instead of {}", result.len(), ours.len())));
    }
    let most = |values: &mut dyn Iterator<Item = f64>| {
        // NaN must show: a comparison would pass it over.
        values.fold(0.0f64, |most, x| if x.is_nan() || x > most { x } else { most })
    };
    let greatest = most(&mut ours.iter().map(|x| f64::from(x.abs())));
    let apart = most(&mut ours.iter().zip(result).map(|(x, y)| (f64::from(*x) - f64::from(*y)).abs()));
    Ok(format!("{digest}\t{:.1e}", apart / greatest))
}
